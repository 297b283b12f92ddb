// @ts-check
/** The page: a rail of places, the list of chats, what is open in the middle, and the source on the right. */

import { Chat } from "./chats/chat.js";
import { Chats } from "./chats/chats.js";
import { PromptDialog } from "./chats/prompt_dialog.js";
import { ScopeDialog } from "./chats/scope.js";
import { AddDialog } from "./library/add.js";
import { DropTarget, Taking } from "./library/drop.js";
import { Library } from "./library/library.js";
import { ModelsPage } from "./models/models_page.js";
import { html, render, useEffect, useState } from "./parts/html.js";
import { Icon } from "./parts/icons.js";
import { IconButton, Notices } from "./parts/parts.js";
import { applyLook, Settings } from "./settings/settings.js";
import { KeyList } from "./shell/key_list.js";
import { focusQuestion, listenToKeys } from "./shell/keys.js";
import { watchPlace } from "./shell/own_window.js";
import { Palette } from "./shell/palette.js";
import { SourcePane } from "./source/source.js";
import { start } from "./state/live.js";
import { edited } from "./state/prompts.js";
import { chatId, chatPath, connection, dialog, go, currentChat, route } from "./state/store.js";
import { markUser, mayChange, signOut, userName } from "./state/user.js";
import { t } from "./words/words.js";

const PLACES = [
  { page: "chat", path: "/", icon: "chat", name: "app.chats" },
  { page: "library", path: "/library", icon: "folder", name: "app.library" },
  ...(mayChange ? [{ page: "models", path: "/models", icon: "model", name: "app.models" }] : []),
];
const LOST_MS = 4000; // before a page says that Docent does not answer

function App() {
  const [, redraw] = useState(0);
  const [isListOpen, openList] = useState(false);
  const { page } = route.value;
  useEffect(() => {
    const title = page === "chat" ? currentChat.value?.title : t(`app.${page}`);
    document.title = title ? `${title} – Docent` : "Docent";
  });
  useEffect(() => openList(false), [route.value]);
  const place = (/** @type {any} */ { path, icon, name, page: own }) =>
    html`<a class=${`place ${own === page ? "on" : ""}`} href=${path} aria-label=${t(name)} title=${t(name)} aria-current=${own === page ? "page" : undefined}
      onClick=${(/** @type {MouseEvent} */ event) => {
        if (event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        go(own === "chat" && page !== "chat" && lastChat !== null ? chatPath(lastChat) : path);
      }}><${Icon} name=${icon} /></a>`;
  if (page === "chat") lastChat = chatId.value;
  return html`<div class=${`frame ${page === "chat" ? "with-list" : ""} ${isListOpen ? "list-open" : ""}`}>
      <nav class="rail" aria-label="Docent">
        <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => {
          event.preventDefault();
          if (page === "chat") focusQuestion();
          else document.getElementById("main")?.focus();
        }}>${t("app.skip")}</a>
        ${page === "chat" && html`<${IconButton} icon="menu" class="list-toggle" label=${t("app.chats")} aria-expanded=${isListOpen} onClick=${() => openList(!isListOpen)} />`}
        ${PLACES.map(place)}<span class="space"></span>
        ${place({ page: "settings", path: "/settings", icon: "settings", name: "app.settings" })}
        ${userName && html`<${IconButton} icon="leave" class="place" label=${t("app.signOut", { name: userName })} onClick=${signOut} />`}
      </nav>
      ${page === "chat" && html`<${Chats} />`}
      ${page === "chat" ? html`<${Chat} />` : page === "library" ? html`<${Library} />` : page === "models" ? html`<${ModelsPage} />` : html`<${Settings} onLook=${() => redraw((n) => n + 1)} />`}
      <${SourcePane} />
    </div>
    <${Lost} /><${Notices}><${Taking} /><//><${DropTarget} />
    ${dialog.value === "add" && html`<${AddDialog} />`}
    ${dialog.value === "scope" && html`<${ScopeDialog} />`}
    ${edited.value && html`<${PromptDialog} prompt=${edited.value} />`}
    ${dialog.value === "palette" && html`<${Palette} />`}
    ${dialog.value === "keys" && html`<${KeyList} />`}`;
}

/** @type {string|null} */
let lastChat = null;

/** Says that Docent does not answer, once that has lasted. */
function Lost() {
  const state = connection.value;
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (state !== "lost") return undefined;
    const timer = setTimeout(() => setLong(true), LOST_MS);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === "refused") return html`<p class="lost" role="alert">${t("lost.refused")}</p>`;
  return isLong && html`<p class="lost" role="alert">${t("lost.long")}</p>`;
}

watchPlace();
markUser();
applyLook();
listenToKeys();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
start();
