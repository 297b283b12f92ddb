// @ts-check
/** The addresses of the page, each of which can be reloaded and gone back to. */

import { computed, signal } from "../vendor/signals.js";

export const route = signal(readRoute());
export const chatId = computed(() => (route.value.page === "chat" ? route.value.chat : null));

function readRoute() {
  const [, page, inside = ""] = location.pathname.split("/");
  if (["library", "models", "settings"].includes(page)) return { page, chat: null, part: inside };
  return { page: "chat", chat: page === "chat" && inside ? decodeURIComponent(inside) : null, part: "" };
}

/** @param {string} path @param {{replace?: boolean}} [how] */
export function go(path, { replace = false } = {}) {
  if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
  route.value = readRoute();
}

/** @param {string|null} id */
export const chatPath = (id) => (id === null ? "/" : `/chat/${encodeURIComponent(id)}`);

window.addEventListener("popstate", () => {
  route.value = readRoute();
});
