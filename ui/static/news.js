// @ts-check
/** Follows what happens in Docent: one stream of server-sent events, carried by Gradio (ui/stream.py). */

import { ApiError, post } from "./api.js";

const PAUSES_MS = [200, 500, 1000, 2000, 5000];

/**
 * Calls `onNews` with each item and `onState` with "open", "lost" or "refused". Opens the stream again for ever, since a
 * restart of Docent must not end the page; after each opening `onState("open")` comes first, so that the state can be read.
 * @param {(news: any) => void} onNews
 * @param {(state: "open" | "lost" | "refused") => void} onState
 */
export async function follow(onNews, onState) {
  for (let failures = 0; ; failures++) {
    try {
      const { event_id } = await post("/gradio/gradio_api/call/news", { data: [] });
      await read(event_id, onNews, () => {
        failures = 0;
        onState("open");
      });
      onState("lost");
    } catch (error) {
      onState(error instanceof ApiError && error.status === 401 ? "refused" : "lost");
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]));
  }
}

/**
 * @param {string} id
 * @param {(news: any) => void} onNews
 * @param {() => void} onOpen
 * @returns {Promise<void>} when the stream has ended
 */
function read(id, onNews, onOpen) {
  return new Promise((resolve) => {
    const source = new EventSource(`/gradio/gradio_api/call/news/${id}`);
    let isOpen = false;
    const end = () => {
      source.close();
      resolve();
    };
    source.addEventListener("generating", (event) => {
      if (!isOpen) {
        isOpen = true;
        onOpen();
      }
      for (const news of JSON.parse(/** @type {MessageEvent} */ (event).data)[0] ?? []) onNews(news);
    });
    source.addEventListener("complete", end);
    source.addEventListener("error", end);
  });
}
