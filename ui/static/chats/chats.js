// @ts-check
/** The list of chats: by folder and date, with search over all that was said in them. */

import { SyncState } from "../library/sync.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton, Menu, visible } from "../parts/parts.js";
import { changeChat, chatFilter, chatFolders, chatId, chatPath, chats, deleteChat, go, keep, kept, loadChats, newDraft, runs } from "../state/store.js";
import { signal } from "../vendor/signals.js";
import { t } from "../words/words.js";
import { chatActions } from "./chat_actions.js";
import { dragged, FolderHead, FolderName, Group, MoveDialog } from "./chat_folders.js";
import { toggled } from "./scope.js";

/** @typedef {import("../state/store.js").Chat} Chat */

/** The row that Tab leads to; arrow keys lead to the others. */
const reached = signal("");
const DAY_MS = 86_400_000;
const DRAFT = "draft";
const LONGEST_DRAFT = 200; // characters that are put into the list

export function Chats() {
  const [isNaming, name] = useState(false);
  return html`<nav class="list" aria-label=${t("app.chats")}>
    <header class="list-head"><h2>${t("app.chats")}</h2><span class="space"></span>
      <${IconButton} icon="folder" id="new-folder" label=${t("folder.new")} onClick=${() => name(true)} />
      <button type="button" id="new-chat" class="button primary" onClick=${() => go("/")}>${t("chats.new")}</button></header>
    <${Search} />
    <div class="list-body" tabindex="-1"><${Groups} /></div>
    <${SyncState} />
    ${isNaming && html`<${FolderName} folder=${null} onClose=${() => name(false)} />`}
  </nav>`;
}

function Search() {
  const wait = useRef(0);
  const change = (/** @type {any} */ event) => {
    chatFilter.value = event.target.value;
    clearTimeout(wait.current);
    wait.current = window.setTimeout(() => loadChats().catch(() => undefined), 120);
  };
  return html`<label class="search"><${Icon} name="search" /><input type="search" id="chat-search" placeholder=${t("chats.search")}
    aria-label=${t("chats.search")} value=${chatFilter.value} onInput=${change} /></label>`;
}

function Groups() {
  const [folded, setFolded] = useState(/** @type {number[]} */ (kept("foldedChats", [])));
  const list = chats.value;
  if (list === null) return null;
  const words = chatFilter.value.trim();
  const draft = words ? "" : newDraft.value.trim();
  if (!list.length && !draft && (words || !chatFolders.value.length)) return html`<p class="quiet pad">${words ? t("chats.nothing", { words }) : t("chats.none")}</p>`;
  const fold = (/** @type {number} */ id) => {
    setFolded(toggled(folded, id));
    keep("foldedChats", toggled(folded, id));
  };
  const folders = chatFolders.value
    .map((folder) => ({ folder, members: list.filter((chat) => chat.folder === folder.id).sort((a, b) => Number(b.pinned) - Number(a.pinned)) }))
    .filter(({ members }) => members.length || !words);
  const known = new Set(chatFolders.value.map((folder) => folder.id));
  const dated = byDate(list.filter((chat) => chat.folder === null || !known.has(chat.folder)));
  const isClosed = (/** @type {number} */ id) => !words && folded.includes(id);
  const stops = [
    ...(draft ? [DRAFT] : []),
    ...folders.flatMap(({ folder, members }) => [`f${folder.id}`, ...(isClosed(folder.id) ? [] : members.map((chat) => chat.id))]),
    ...dated.flatMap(([, members]) => members.map((chat) => chat.id)),
  ];
  const at = [reached.value, chatId.value ?? DRAFT].find((stop) => stops.includes(stop)) ?? stops[0];
  const tab = (/** @type {string} */ stop) => (stop === at ? 0 : -1);
  const rows = (/** @type {Chat[]} */ members) => html`<ul class="chat-rows">${members.map((chat) => html`<${Row} key=${chat.id} chat=${chat} tab=${tab(chat.id)} />`)}</ul>`;
  return html`${draft && html`<${Draft} text=${draft} tab=${tab(DRAFT)} />`}${folders.map(({ folder, members }) => {
    const isFolded = isClosed(folder.id);
    return html`<${Group} key=${`f${folder.id}`} name=${folder.name} folder=${folder}>
      <${FolderHead} folder=${folder} count=${members.length} isFolded=${isFolded} tab=${tab(`f${folder.id}`)}
        onReach=${() => (reached.value = `f${folder.id}`)} onFold=${() => fold(folder.id)} onKeyDown=${walk} />
      ${!isFolded && (members.length ? rows(members) : html`<p class="quiet pad">${t("folder.empty")}</p>`)}<//>`;
  })}
  ${dated.map(
    ([name, members]) => html`<${Group} key=${name} name=${name} folder=${null}><h3 class="group">${name}</h3>${rows(members)}<//>`,
  )}`;
}

const chatStops = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".chat-stop")]);

/** Goes to the next row or folder, or the one before. @param {KeyboardEvent} event */
function walk(event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = chatStops();
  stops[stops.indexOf(/** @type {HTMLElement} */ (event.currentTarget)) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  event.preventDefault();
}

/** @param {Chat[]} list @returns {[string, Chat[]][]} */
function byDate(list) {
  const today = new Date().setHours(0, 0, 0, 0);
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

/** A chat that is being begun, from the first letter of its question on. @param {{text: string, tab: number}} props */
const Draft = ({ text, tab }) =>
  html`<ul class="chat-rows"><li class=${`chat-row ${chatId.value === null ? "on" : ""}`}>
    <a class="chat-link chat-stop" id="draft" href="/" tabindex=${tab} onFocus=${() => (reached.value = DRAFT)} aria-current=${chatId.value === null ? "page" : undefined} onKeyDown=${walk} onClick=${(/** @type {MouseEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go("/");
    }}><b><bdi>${visible(text.slice(0, LONGEST_DRAFT))}</bdi></b><small>${t("chats.draft")}</small></a></li></ul>`;

/** @param {{chat: Chat, tab: number}} props */
function Row({ chat, tab }) {
  const [renaming, rename] = useState(false);
  const [isMoving, move] = useState(false);
  const isOpen = chatId.value === chat.id;
  const isAnswering = Object.values(runs.value).some((run) => run.conversation === chat.id && run.state !== "failed");
  const title = visible(chat.title);
  const row = useRef(/** @type {HTMLElement|null} */ (null));
  const link = () => /** @type {HTMLElement|null|undefined} */ (row.current?.querySelector(".chat-stop"));
  const isBack = useRef(false); // the focus goes back to the link of a chat that was named by keyboard
  const named = (/** @type {boolean} */ isByKey) => {
    isBack.current = isByKey;
    rename(false);
  };
  useLayoutEffect(() => {
    if (!renaming && isBack.current) link()?.focus();
    isBack.current = false;
  }, [renaming]);
  if (renaming) return html`<li class="chat-row" ref=${row}><${Rename} chat=${chat} onEnd=${named} /></li>`;
  const remove = async () => {
    const stops = chatStops();
    const at = stops.findIndex((one) => one === link());
    await deleteChat(chat);
    if (document.activeElement === document.body) (stops[at + 1] ?? stops[at - 1])?.focus();
  };
  const open = (/** @type {MouseEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(chatPath(chat.id));
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "F2") rename(true);
    else if (event.key === "Delete") remove();
    else if (event.key.toLowerCase() === "m" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      move(true);
    } else walk(event);
  };
  return html`<li ref=${row} class=${`chat-row ${isOpen ? "on" : ""}`} onFocusIn=${() => (reached.value = chat.id)} ...${dragged(chat)}>
    <a class="chat-link chat-stop" href=${chatPath(chat.id)} tabindex=${tab} aria-current=${isOpen ? "page" : undefined} onClick=${open} onKeyDown=${keys}>
      <b><bdi>${title}</bdi></b><small>${isAnswering ? t("chats.answering") : t("chats.questions", { count: chat.turns })}</small></a>
    <${Menu} tab=${tab} label=${t("chats.actions", { title })} items=${[
      { label: t("rename"), icon: "pen", onClick: () => rename(true) },
      { label: t("folder.move"), icon: "folder", onClick: () => move(true) },
      ...chatActions(chat),
      null,
      { label: t("chats.delete"), icon: "trash", bad: true, onClick: remove },
    ]} />
    ${isMoving && html`<${MoveDialog} chat=${chat} onClose=${() => move(false)} />`}
  </li>`;
}

/** @param {{chat: Chat, onEnd: (isByKey: boolean) => void}} props */
function Rename({ chat, onEnd }) {
  const field = useRef(/** @type {HTMLInputElement|null} */ (null));
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.select();
    const away = (/** @type {Event} */ event) => event.target !== field.current && end(true, false);
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, []);
  // The list may be sorted anew while one types: a field that is moved loses the focus without another one gaining it.
  const leave = (/** @type {FocusEvent} */ event) => {
    if (event.relatedTarget) end(true, false);
    else requestAnimationFrame(() => field.current?.focus());
  };
  const end = (/** @type {boolean} */ isKept, isByKey = true) => {
    const title = field.current?.value.trim();
    onEnd(isByKey);
    if (isKept && title && title !== chat.title) changeChat(chat.id, { title });
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") {
      event.stopPropagation();
      end(false);
    }
  };
  return html`<input class="rename" ref=${field} defaultValue=${chat.title} maxlength="200" aria-label=${t("chats.name")} onKeyDown=${keys} onBlur=${leave} />`;
}
