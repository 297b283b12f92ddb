// @ts-check
/** One chat in the list: opened, renamed, moved, deleted; and the one that is being begun. */

import { html, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { Menu, visible } from "../parts/parts.js";
import { changeChat, chatId, chatPath, deleteChat, go, runs, scopeOf } from "../state/store.js";
import { t } from "../words/words.js";
import { chatActions } from "./chat_actions.js";
import { dragged, MoveDialog } from "./chat_folders.js";
import { scopeName } from "./scope.js";

/** @typedef {import("../state/store.js").Chat} Chat */

export const DRAFT = "draft";
const LONGEST_DRAFT = 200; // characters that are put into the list

/** A chat that is being begun, from the first letter of its question on. @param {{text: string, tab: number, onReach: () => void, onKeyDown: (event: KeyboardEvent) => void}} props */
export const DraftRow = ({ text, tab, onReach, onKeyDown }) =>
  html`<ul class="chat-rows draft"><li class=${`chat-row ${chatId.value === null ? "on" : ""}`}>
    <a class="chat-link chat-stop" id="draft" data-stop=${DRAFT} href="/" tabindex=${tab} onFocus=${onReach} aria-current=${chatId.value === null ? "page" : undefined} onKeyDown=${onKeyDown} onClick=${(/** @type {MouseEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go("/");
    }}><b><bdi>${visible(text.slice(0, LONGEST_DRAFT))}</bdi></b><small>${t("chats.draft")}</small></a></li></ul>`;

/**
 * @param {{chat: Chat, tab: number, top: string, position: number, count: number, onReach: (id: string) => void, onKeyDown: (event: KeyboardEvent, stop: string) => void,
 * beside: (stop: string) => string|undefined, goTo: (stop: string) => void}} props `beside`: where the focus goes when the row is deleted
 */
export function ChatRow({ chat, tab, top, position, count, onReach, onKeyDown, beside, goTo }) {
  const [renaming, rename] = useState(false);
  const [isMoving, move] = useState(false);
  const isOpen = chatId.value === chat.id;
  const isAnswering = Object.values(runs.value).some((run) => run.conversation === chat.id && run.state !== "failed");
  const title = visible(chat.title);
  const asks = scopeName(scopeOf(chat.id));
  const about = isAnswering ? t("chats.answering") : visible(chat.excerpt ?? [t("chats.questions", { count: chat.turns }), asks].filter(Boolean).join(" · "));
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
  const shared = { ref: row, style: { top }, "aria-posinset": position, "aria-setsize": count };
  if (renaming) return html`<li class="chat-row" ...${shared}><${Rename} chat=${chat} onEnd=${named} /></li>`;
  const remove = async () => {
    const next = beside(chat.id);
    await deleteChat(chat);
    if (next && document.activeElement === document.body) goTo(next);
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
    } else onKeyDown(event, chat.id);
  };
  return html`<li class=${`chat-row ${isOpen ? "on" : ""}`} ...${shared} onFocusIn=${() => onReach(chat.id)} ...${dragged(chat)}>
    <a class="chat-link chat-stop" data-stop=${chat.id} href=${chatPath(chat.id)} tabindex=${tab} aria-current=${isOpen ? "page" : undefined} onClick=${open} onKeyDown=${keys}>
      <b><bdi>${title}</bdi></b><small>${about}</small></a>
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
    if (event.key === "Enter") {
      event.preventDefault(); // the link that has the focus then would be followed by it in Firefox
      end(true);
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      end(false);
    }
  };
  return html`<input class="rename" ref=${field} defaultValue=${chat.title} maxlength="200" aria-label=${t("chats.name")} onKeyDown=${keys} onBlur=${leave} />`;
}
