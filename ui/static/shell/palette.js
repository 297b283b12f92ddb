// @ts-check
/** One field that finds chats, documents and actions. */

import { fileName } from "../parts/format.js";
import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, visible } from "../parts/parts.js";
import { save } from "../parts/save.js";
import { edited, inserted, prompts, saveAsPrompt } from "../state/prompts.js";
import { allChats, askOnly, chatId, chatPath, collections, dialog, documents, draftOf, go, readSources, route, showDocument } from "../state/store.js";
import { mayChange } from "../state/user.js";
import { t } from "../words/words.js";

const MOST = 12;

const changes = () => [
  { icon: "plus", name: t("add.title"), run: () => (dialog.value = "add") },
  { icon: "model", name: t("app.models"), run: () => go("/models") },
  { icon: "settings", name: t("settings.privacyTitle"), run: () => go("/settings/privacy") },
  { icon: "refresh", name: t("library.read"), run: () => readSources(null) },
];

/** Prompts, and what is done to them. */
function ofPrompts() {
  const draft = route.value.page === "chat" ? draftOf(chatId.value).trim() : "";
  return [
    ...(draft ? [{ icon: "bookmark", name: t("prompts.save"), about: visible(draft), run: () => saveAsPrompt(draft) }] : []),
    { icon: "bookmark", name: t("prompts.new"), run: () => (edited.value = { id: "", name: "", text: "" }) },
    { icon: "bookmark", name: t("prompts.manage"), run: () => go("/settings/prompts") },
    ...prompts.value.map((one) => ({ icon: "bookmark", name: visible(one.name), about: t("prompts.insert"), run: () => insert(one.text) })),
  ];
}

/** @param {string} text */
function insert(text) {
  inserted.value = text;
  if (route.value.page !== "chat") go("/");
}

/** @returns {{icon: string, name: string, about?: string, run: () => void}[]} */
function everything() {
  return [
    { icon: "chat", name: t("keys.new"), run: () => go("/") },
    { icon: "folder", name: t("app.library"), run: () => go("/library") },
    { icon: "settings", name: t("app.settings"), run: () => go("/settings") },
    ...(mayChange ? changes() : []),
    { icon: "download", name: t("chats.exportAll"), run: () => save("/api/conversations/export", "") },
    { icon: "list", name: t("keys.title"), run: () => (dialog.value = "keys") },
    ...ofPrompts(),
    ...(collections.value ?? []).map((one) => ({ icon: "collection", name: visible(one.name), about: t("library.ask"), run: () => askOnly({ collections: [one.id] }) })),
    ...allChats().map((chat) => ({ icon: "chat", name: visible(chat.title), about: t("app.chats"), run: () => go(chatPath(chat.id)) })),
    ...(documents.value ?? [])
      .filter((one) => one.status === "ok")
      .map((one) => ({ icon: "file", name: visible(fileName(one.path)), about: visible(one.title), run: () => showDocument(one) })),
  ];
}

export function Palette() {
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = everything()
    .filter(({ name, about = "" }) => wanted.every((word) => `${name} ${about}`.toLowerCase().includes(word)))
    .slice(0, MOST);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);
  const close = () => (dialog.value = null);
  const run = (/** @type {number} */ index) => {
    close();
    found[index]?.run();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(found.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(at);
    }
  };
  return html`<${Dialog} title=${t("palette.title")} onClose=${close} class="palette">
    <input class="field" id="palette" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${`palette-${at}`}
      aria-label=${t("palette.hint")} placeholder=${t("palette.hint")} value=${words} autocomplete="off" autofocus onKeyDown=${keys}
      onInput=${(/** @type {any} */ event) => {
        setWords(event.target.value);
        setAt(0);
      }} />
    <ul id="palette-list" role="listbox" aria-label=${t("palette.title")} ref=${list}>
      ${found.map(
        ({ icon, name, about }, index) => html`<li id=${`palette-${index}`} key=${index} role="option" aria-selected=${index === at} onClick=${() => run(index)}>
          <${Icon} name=${icon} /><bdi>${name}</bdi>${about && html`<span class="quiet"><bdi>${about}</bdi></span>`}</li>`,
      )}
    </ul>
    ${!found.length && html`<p class="quiet">${t("palette.nothing")}</p>`}
  <//>`;
}
