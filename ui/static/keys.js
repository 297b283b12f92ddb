// @ts-check
/** What the keyboard does everywhere on the page. */

import { chatId, closeSource, dialog, go, runsOf, shown, showCitation, stopAll } from "./store.js";

export const KEYS = [
  { keys: ["Ctrl", "K"], name: "keys.palette" },
  { keys: ["Alt", "N"], name: "keys.new" },
  { keys: ["/"], name: "keys.focus" },
  { keys: ["Alt", "L"], name: "keys.library" },
  { keys: ["Alt", "←/→"], name: "keys.citations" },
  { keys: ["Enter"], name: "keys.send" },
  { keys: ["Shift", "Enter"], name: "keys.line" },
  { keys: ["Esc"], name: "keys.stop" },
  { keys: ["?"], name: "keys.help" },
];

export function listenToKeys() {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "k") dialog.value = dialog.value === "palette" ? null : "palette";
    else if (event.altKey && key === "n") newChat();
    else if (event.altKey && key === "l") go("/library");
    else if (event.altKey && (key === "arrowleft" || key === "arrowright") && shown.value?.citations.length) turn(key === "arrowleft" ? -1 : 1);
    else if (!typing && key === "/") focusQuestion();
    else if (!typing && key === "?") dialog.value = "keys";
    else if (key === "escape" && dialog.value === null) leave();
    else return;
    event.preventDefault();
  });
}

function newChat() {
  go("/");
  focusQuestion();
}

export function focusQuestion() {
  requestAnimationFrame(() => document.getElementById("question")?.focus());
}

/** @param {number} step */
function turn(step) {
  const view = shown.value;
  const at = (view?.index ?? 0) + step;
  if (view && view.citations[at]) showCitation(view.citations, at, view.span);
}

/** Stops what is being written in the open chat; where nothing is, closes the source. */
function leave() {
  const active = runsOf(chatId.value).filter((run) => run.state !== "failed");
  if (active.length) stopAll(chatId.value);
  else if (shown.value) closeSource();
}
