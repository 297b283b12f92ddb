// @ts-check
/** Follows what happens in Docent: one stream of server-sent events, carried by Gradio (ui/stream.py). */

import { ApiError, post } from "./api.js";
import { enrol } from "./browser.js";

const PAUSES_MS = [200, 500, 1000, 2000, 5000];
const HIDDEN_MS = 200;

/**
 * Calls `onNews` with the items of each frame that is drawn, and `onState` with "open", "lost" or "refused". Opens the stream again for ever, since a
 * restart of Docent must not end the page; after each opening `onState("open")` comes first, so that the state can be read.
 * @param {(news: any[]) => void} onNews
 * @param {(state: "open" | "lost" | "refused") => void} onState
 */
export async function follow(onNews, onState) {
  for (let failures = 0; ; failures++) {
    try {
      const { event_id } = await post("/gradio/gradio_api/call/news", { data: [] });
      await read(event_id, onNews, () => {
        failures = 0;
        onState("open");
        enrol(() => post("/api/browsers"));
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
 * @param {(news: any[]) => void} onNews
 * @param {() => void} onOpen
 * @returns {Promise<void>} when the stream has ended
 */
function read(id, onNews, onOpen) {
  return new Promise((resolve) => {
    const source = new EventSource(`/gradio/gradio_api/call/news/${id}`);
    let isOpen = false;
    const tell = framed(onNews);
    const end = () => {
      source.close();
      resolve();
    };
    source.addEventListener("generating", (event) => {
      if (!isOpen) {
        isOpen = true;
        onOpen();
      }
      tell(JSON.parse(/** @type {MessageEvent} */ (event).data)[0] ?? []);
    });
    source.addEventListener("complete", end);
    source.addEventListener("error", end);
  });
}

/**
 * Collects items until the next frame is drawn: a hundred words a second need no hundred layouts. A hidden page draws no
 * frames, so a timer stands beside.
 * @param {(items: any[]) => void} onItems @returns {(items: any[]) => void}
 */
function framed(onItems) {
  /** @type {any[]} */
  let waiting = [];
  const hand = () => {
    const items = waiting;
    waiting = [];
    if (items.length) onItems(items);
  };
  return (items) => {
    if (items.length && !waiting.length) {
      requestAnimationFrame(hand);
      setTimeout(hand, HIDDEN_MS);
    }
    waiting.push(...items);
  };
}
