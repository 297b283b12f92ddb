// @ts-check
/** The chats beside the page: a new one, the search over all that was said, and their list. */

import { SyncState } from "../library/sync.js";
import { html, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton } from "../parts/parts.js";
import { chatFilter, go, loadChats } from "../state/store.js";
import { t } from "../words/words.js";
import { FolderName } from "./chat_folders.js";
import { ChatList } from "./chat_list.js";

export function Chats() {
  const [isNaming, name] = useState(false);
  return html`<nav class="list" aria-label=${t("app.chats")}>
    <header class="list-head"><h2>${t("app.chats")}</h2><span class="space"></span>
      <${IconButton} icon="folder" id="new-folder" label=${t("folder.new")} onClick=${() => name(true)} />
      <button type="button" id="new-chat" class="button primary" aria-label=${t("keys.new")} title=${t("keys.new")} onClick=${() => go("/")}>${t("chats.new")}</button></header>
    <${Search} />
    <${ChatList} />
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
