// @ts-check
/** The list of chats by folder and date. Of thousands, the rows that are in view are drawn, and the one that Tab leads to. */

import { html, useLayoutEffect, useMemo, useRef, useState } from "../parts/html.js";
import { rowsInView, useView } from "../parts/in_view.js";
import { chatFilter, chatFolders, chatId, chats, keep, kept, newDraft } from "../state/store.js";
import { signal } from "../vendor/signals.js";
import { t } from "../words/words.js";
import { FolderHead, Group } from "./chat_folders.js";
import { ChatRow, DRAFT, DraftRow } from "./chat_row.js";
import { toggled } from "./scope.js";

/** @typedef {import("../state/store.js").Chat} Chat */
/** @typedef {import("../state/store.js").ChatFolder} ChatFolder */
/** @typedef {{key: string, name: string, folder: ChatFolder|null, members: Chat[], isFolded: boolean}} ChatGroup */
/** @typedef {{words: string, groups: ChatGroup[], stops: string[]}} Laid `stops`: what arrow keys lead through, chats by their id */

/** The stop that Tab leads to; arrow keys lead to the others. */
const reached = signal("");
const DAY_MS = 86_400_000;
const ROW_REM = 3; // as in chat.css: rows grow with the text size
const STEPS = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity });

export function ChatList() {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const row = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { view, look } = useView(box, row);
  const [folded, setFolded] = useState(/** @type {number[]} */ (kept("foldedChats", [])));
  const [goal, aim] = useState({ stop: "" }); // where a key has led
  const list = chats.value;
  const folders = chatFolders.value;
  const words = chatFilter.value.trim();
  const draft = words ? "" : newDraft.value.trim();
  const today = new Date().setHours(0, 0, 0, 0);
  const laid = useMemo(() => layOut(list ?? [], folders, { words, folded, today, hasDraft: draft !== "" }), [list, folders, words, folded, today, draft !== ""]);
  useStill(box, laid);
  useLayoutEffect(look, [laid, row]);
  useLayoutEffect(() => {
    const one = goal.stop ? /** @type {HTMLElement|null|undefined} */ (box.current?.querySelector(`[data-stop="${CSS.escape(goal.stop)}"]`)) : null;
    one?.scrollIntoView({ block: "nearest" });
    one?.focus({ preventScroll: true });
  }, [goal]);
  const goTo = (/** @type {string} */ stop) => {
    reached.value = stop;
    aim({ stop });
  };
  const walk = (/** @type {KeyboardEvent} */ event, /** @type {string} */ stop) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    goTo(laid.stops[Math.min(laid.stops.length - 1, Math.max(0, laid.stops.indexOf(stop) + step))]);
    event.preventDefault();
  };
  const fold = (/** @type {number} */ id) => {
    setFolded(toggled(folded, id));
    keep("foldedChats", toggled(folded, id));
  };
  const beside = (/** @type {string} */ stop) => {
    const at = laid.stops.indexOf(stop);
    return laid.stops[at + 1] ?? laid.stops[at - 1];
  };
  const at = [reached.value, chatId.value ?? DRAFT].find((stop) => laid.stops.includes(stop)) ?? laid.stops[0];
  const tab = (/** @type {string} */ stop) => (stop === at ? 0 : -1);
  const isEmpty = !list?.length && !draft && (words || !folders.length);
  const body = () => html`${draft && html`<${DraftRow} text=${draft} tab=${tab(DRAFT)} onReach=${() => (reached.value = DRAFT)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => walk(event, DRAFT)} />`}
    ${laid.groups.map(
      ({ key, name, folder, members, isFolded }) => html`<${Group} key=${key} name=${name} folder=${folder}>
        ${folder
          ? html`<${FolderHead} folder=${folder} count=${members.length} isFolded=${isFolded} stop=${key} tab=${tab(key)} onReach=${() => (reached.value = key)}
              onFold=${() => fold(folder.id)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => walk(event, key)} />`
          : html`<h3 class="group">${name}</h3>`}
        ${isFolded ? null : members.length
          ? html`<${Rows} members=${members} view=${view} row=${row} at=${at} onReach=${(/** @type {string} */ id) => (reached.value = id)} onKeyDown=${walk} beside=${beside} goTo=${goTo} />`
          : html`<p class="quiet pad">${t("folder.empty")}</p>`}<//>`,
    )}`;
  return html`<div class="list-body" tabindex="-1" ref=${box} onScroll=${look}>
    ${list !== null && (isEmpty ? html`<p class="quiet pad">${words ? t("chats.nothing", { words }) : t("chats.none")}</p>` : body())}</div>`;
}

/**
 * The chats of a group, of which those in view are drawn. They stay in their order, so that none loses the focus by being moved.
 * @param {any} props
 */
function Rows({ members, view, row, at, ...actions }) {
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  const [offset, setOffset] = useState(0); // where the group begins
  useLayoutEffect(() => setOffset(list.current?.offsetTop ?? 0));
  const { first, last } = rowsInView(view, row, members.length, offset);
  const reachedAt = members.findIndex((/** @type {Chat} */ chat) => chat.id === at);
  const drawn = Array.from({ length: last - first }, (_, index) => first + index);
  if (reachedAt >= 0 && reachedAt < first) drawn.unshift(reachedAt);
  if (reachedAt >= last) drawn.push(reachedAt);
  return html`<ul class="chat-rows" ref=${list} style=${{ height: `${members.length * ROW_REM}rem` }}>${drawn.map(
    (index) => html`<${ChatRow} key=${members[index].id} chat=${members[index]} top=${`${index * ROW_REM}rem`} position=${index + 1} count=${members.length}
      tab=${index === reachedAt ? 0 : -1} ...${actions} />`,
  )}</ul>`;
}

/**
 * Keeps what is in view where it is, and the focus where it was, when the list is laid out anew. Another search begins at the top.
 * @param {{current: HTMLElement|null}} box @param {Laid} laid
 */
function useStill(box, laid) {
  const last = useRef(laid);
  const before = last.current === laid ? null : placesIn(box.current);
  const focused = box.current?.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  useLayoutEffect(() => {
    if (focused?.isConnected && document.activeElement === document.body) focused.focus({ preventScroll: true });
    if (!before || !box.current) return;
    const isAnotherSearch = last.current.words !== laid.words;
    last.current = laid;
    if (isAnotherSearch) box.current.scrollTop = 0;
    const moves = before.map(({ one, top }) => (one.isConnected ? Math.round(one.getBoundingClientRect().top - top) : NaN));
    if (!isAnotherSearch && box.current.scrollTop > 0 && moves.length > 1 && moves[0] === moves[1]) box.current.scrollTop += moves[0];
  });
}

/** Where the first two rows in view are. @param {HTMLElement|null} box */
function placesIn(box) {
  const edge = box?.getBoundingClientRect().top ?? 0;
  const places = [...(box?.querySelectorAll(".chat-row") ?? [])].map((one) => ({ one, top: one.getBoundingClientRect().top }));
  return places.filter(({ top }) => top >= edge).slice(0, 2);
}

/**
 * Groups of chats: the folders, then what is in none, by date.
 * @param {Chat[]} list @param {ChatFolder[]} folders @param {{words: string, folded: number[], today: number, hasDraft: boolean}} how @returns {Laid}
 */
function layOut(list, folders, { words, folded, today, hasDraft }) {
  const known = new Set(folders.map((folder) => folder.id));
  const inFolders = folders
    .map((folder) => ({ folder, members: list.filter((chat) => chat.folder === folder.id).sort((a, b) => Number(b.pinned) - Number(a.pinned)) }))
    .filter(({ members }) => members.length || !words) // a search looks into folded ones, too
    .map(({ folder, members }) => ({ key: `f${folder.id}`, name: folder.name, folder, members, isFolded: !words && folded.includes(folder.id) }));
  const dated = byDate(list.filter((chat) => chat.folder === null || !known.has(chat.folder)), today);
  const groups = [...inFolders, ...dated.map(([name, members]) => ({ key: name, name, folder: null, members, isFolded: false }))];
  const stops = groups.flatMap(({ key, folder, members, isFolded }) => [...(folder ? [key] : []), ...(isFolded ? [] : members.map((chat) => chat.id))]);
  return { words, groups, stops: hasDraft ? [DRAFT, ...stops] : stops };
}

/** @param {Chat[]} list @param {number} today its first millisecond @returns {[string, Chat[]][]} */
function byDate(list, today) {
  const age = (/** @type {Chat} */ chat) => {
    if (chat.pinned) return "chats.pinned";
    const at = chat.updated_at * 1000;
    if (at >= today) return "chats.today";
    if (at >= today - DAY_MS) return "chats.yesterday";
    return at >= today - 7 * DAY_MS ? "chats.week" : "chats.older";
  };
  const order = ["chats.pinned", "chats.today", "chats.yesterday", "chats.week", "chats.older"];
  return order.map((key) => /** @type {[string, Chat[]]} */ ([t(key), list.filter((chat) => age(chat) === key)])).filter(([, members]) => members.length);
}
