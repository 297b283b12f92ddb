// @ts-check
/** What the keyboard does everywhere on the page, and which keys do it: a person may choose others, which stay in this browser. */

import { keep, kept } from "../state/kept.js";
import { chatId, closeSource, dialog, dismissNotice, go, notices, route, runsOf, shown, showCitation, stopAll } from "../state/store.js";
import { signal } from "../vendor/signals.js";

/** @typedef {{id: string, keys: string, name: string, run: () => void, when?: () => boolean}} Action */

/** @type {Action[]} */
export const ACTIONS = [
  { id: "palette", keys: "Ctrl+K", name: "keys.palette", run: () => (dialog.value = dialog.value === "palette" ? null : "palette") },
  { id: "new", keys: "Alt+N", name: "keys.new", run: newChat },
  { id: "focus", keys: "/", name: "keys.focus", run: focusQuestion },
  { id: "find", keys: "Ctrl+F", name: "keys.find", run: toFindField, when: () => findField() !== undefined },
  { id: "library", keys: "Alt+L", name: "keys.library", run: () => go("/library") },
  { id: "pane", keys: "F6", name: "keys.pane", run: nextPane },
  { id: "undo", keys: "Alt+Z", name: "keys.undo", run: doOffered, when: () => offered() !== undefined },
  { id: "before", keys: "Alt+ArrowUp", name: "keys.before", run: () => turn(-1), when: hasCitations },
  { id: "next", keys: "Alt+ArrowDown", name: "keys.next", run: () => turn(1), when: hasCitations },
  { id: "help", keys: "?", name: "keys.help", run: () => (dialog.value = "keys") },
];
/** Keys that mean the same everywhere and are not chosen. */
export const FIXED = [
  { keys: "Enter", name: "keys.send" },
  { keys: "Shift+Enter", name: "keys.line" },
  { keys: "Escape", name: "keys.stop" },
  { keys: "F2", name: "rename" },
  { keys: "Delete", name: "chats.delete" },
  { keys: "M", name: "keys.move" },
];
const BROWSERS = ["Alt+ArrowLeft", "Alt+ArrowRight"]; // back and forward
const NEVER = new Set(["Tab", "Shift+Tab", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", ...BROWSERS, ...FIXED.map(({ keys }) => keys)]);
const MODIFIERS = ["Control", "Meta", "Alt", "AltGraph", "Shift", "CapsLock", "Dead", "Process", "Unidentified"];

export const chosenKeys = signal(/** @type {Record<string, string>} */ (kept("keys", {})));

/** @param {Action} action */
export const keysOf = (action) => chosenKeys.value[action.id] ?? action.keys;

/**
 * The keys of an event as text ("Ctrl+K"), "" while only modifiers are held. A letter beside Alt is the one on the key,
 * since some systems write another sign then; the Command key counts as Ctrl.
 * @param {KeyboardEvent} event
 */
export function keysIn(event) {
  if (MODIFIERS.includes(event.key) && !(event.altKey && /^Key[A-Z]$/.test(event.code))) return "";
  const letter = event.altKey && /^Key[A-Z]$/.test(event.code) ? event.code.slice(3) : event.key;
  const name = letter.length === 1 ? letter.toUpperCase() : letter;
  const isHeld = event.ctrlKey || event.metaKey;
  const shift = event.shiftKey && (letter.length > 1 || isHeld || event.altKey);
  return [isHeld && "Ctrl", event.altKey && "Alt", shift && "Shift", name].filter(Boolean).join("+");
}

/** Why keys cannot be chosen for an action: another has them, or they mean something everywhere; null where they can. @param {string} keys @param {Action} action @returns {"keys.taken"|"keys.never"|null} */
export function refusal(keys, action) {
  if (NEVER.has(keys)) return "keys.never";
  return ACTIONS.some((other) => other !== action && keysOf(other) === keys) ? "keys.taken" : null;
}

/** @param {Action} action @param {string} keys */
export function chooseKeys(action, keys) {
  chosenKeys.value = { ...chosenKeys.value, [action.id]: keys };
  keep("keys", chosenKeys.value);
}

export function resetKeys() {
  chosenKeys.value = {};
  keep("keys", null);
}

export function listenToKeys() {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const keys = keysIn(event);
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    const action = ACTIONS.find((one) => keysOf(one) === keys && (one.when?.() ?? true));
    if (event.target instanceof HTMLSelectElement && keys.includes("Arrow")) return; // opens its list
    if (action && !(isTyping && writes(keys))) action.run();
    else if (keys === "Escape" && !document.querySelector("dialog[open]")) leave(); // a dialog closes by itself
    else return;
    event.preventDefault();
  });
}

/** Whether the keys write something in a field. @param {string} keys */
const writes = (keys) => !/^(Ctrl|Alt)\+|^(Shift\+)?F\d+$/.test(keys);

function hasCitations() {
  return Boolean(shown.value?.citations.length);
}

/** The field that searches what is open: a document, the library or the settings. Elsewhere the browser's own search finds everything. */
function findField() {
  if (document.querySelector("dialog[open]")) return undefined;
  const fields = /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll(".source .find, #library-filter, #settings-search")]);
  return fields.findLast((one) => one.checkVisibility());
}

function toFindField() {
  const field = findField();
  field?.focus();
  field?.select();
}

const PANES = ".rail, .list, main, .source, .notices";
const STOPS = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';

/** Goes from one part of the page to the next: places, chats, the middle, the source, messages. */
function nextPane() {
  const panes = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(PANES)]).filter((one) => one.checkVisibility() && stopsIn(one).length);
  const at = panes.findIndex((one) => one.contains(document.activeElement));
  const next = panes[(at + 1) % panes.length];
  if (next?.matches("main") && route.value.page === "chat") focusQuestion();
  else if (next) stopsIn(next)[0].focus();
}

/** What Tab reaches in a pane, the link past the lists aside. @param {HTMLElement} pane */
const stopsIn = (pane) =>
  /** @type {HTMLElement[]} */ ([...pane.querySelectorAll(STOPS)]).filter((one) => one.tabIndex >= 0 && !one.matches(":disabled, .skip") && one.checkVisibility());

/** The newest message that offers something, such as to undo what was done. */
const offered = () => notices.value.findLast((one) => one.action);

function doOffered() {
  const notice = offered();
  if (!notice) return;
  dismissNotice(notice.id);
  notice.onAction?.();
}

function newChat() {
  go("/");
  focusQuestion();
}

/** Now, where the field stands already, since letters may follow at once; else when the page that has it is drawn, unless the focus has gone on by then. */
export function focusQuestion() {
  const focus = () => document.getElementById("question")?.focus();
  focus();
  const last = document.activeElement;
  requestAnimationFrame(() => [last, document.body].includes(/** @type {HTMLElement} */ (document.activeElement)) && focus());
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
