// @ts-check
/** Folders of chats: what is done to them, their heads in the list, and the dialogs for it. */

import { html, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, Menu, Name, visible } from "../parts/parts.js";
import { post, remove, request } from "../state/api.js";
import { attempt, changeChat, chatFolders, knownChats, loadChats, notify } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {import("../state/store.js").Chat} Chat */
/** @typedef {import("../state/store.js").ChatFolder} ChatFolder */

const DRAGGED = "text/x-docent-chat";

/** @param {string} name @param {string[]} conversations */
const make = (name, conversations) =>
  attempt(async () => {
    const made = await post("/api/conversation-folders", { name, conversations });
    await loadChats();
    return made;
  });

/** @param {ChatFolder} folder @param {string} name */
const rename = (folder, name) =>
  attempt(async () => {
    const renamed = await request("PATCH", `/api/conversation-folders/${folder.id}`, { name });
    await loadChats();
    return renamed;
  });

/** @param {ChatFolder} folder */
const deleteFolder = (folder) =>
  attempt(async () => {
    const inside = Object.values(knownChats.value).filter((chat) => chat.folder === folder.id).map((chat) => chat.id);
    await remove(`/api/conversation-folders/${folder.id}`);
    notify(t("folder.deleted", { name: visible(folder.name) }), { action: t("undo"), onAction: () => make(folder.name, inside) });
    await loadChats();
  });

/** @param {string} id a chat @param {ChatFolder|null} folder null takes it out of its folder */
async function moveChat(id, folder) {
  if ((knownChats.value[id]?.folder ?? null) === (folder?.id ?? null)) return;
  await changeChat(id, { folder: folder?.id ?? 0 });
  notify(folder ? t("folder.moved", { name: visible(folder.name) }) : t("folder.takenOut"));
}

/** What makes a row something that can be dragged into a folder. @param {Chat} chat */
export const dragged = (chat) => ({
  draggable: true,
  onDragStart: (/** @type {DragEvent} */ event) => {
    event.dataTransfer?.setData(DRAGGED, chat.id);
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
  },
});

/** A group of the list, onto which chats can be dropped. @param {{name: string, folder: ChatFolder|null, children?: any}} props */
export function Group({ name, folder, children }) {
  const [isOver, setOver] = useState(false);
  const isChat = (/** @type {DragEvent} */ event) => Boolean(event.dataTransfer?.types.includes(DRAGGED));
  return html`<section aria-label=${visible(name)} class=${`chat-group ${isOver ? "over" : ""}`}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      if (!isChat(event)) return;
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${(/** @type {any} */ event) => event.currentTarget.contains(event.relatedTarget) || setOver(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      setOver(false);
      const id = event.dataTransfer?.getData(DRAGGED);
      if (!id) return;
      event.preventDefault();
      moveChat(id, folder);
    }}>${children}</section>`;
}

/** @param {{folder: ChatFolder, count: number, isFolded: boolean, stop: string, tab: number, onReach: () => void, onFold: () => void, onKeyDown: (event: KeyboardEvent) => void}} props */
export function FolderHead({ folder, count, isFolded, stop, tab, onReach, onFold, onKeyDown }) {
  const [isNaming, name] = useState(false);
  const title = visible(folder.name);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "F2") name(true);
    else if (event.key === "Delete") deleteFolder(folder);
    else if ((event.key === "ArrowLeft" && !isFolded) || (event.key === "ArrowRight" && isFolded)) onFold();
    else onKeyDown(event);
  };
  return html`<h3 class="folder-head" onFocusIn=${onReach}>
    <button type="button" class="folder-toggle chat-stop" data-stop=${stop} tabindex=${tab} aria-expanded=${!isFolded} onClick=${onFold} onKeyDown=${keys}>
      <${Icon} name=${isFolded ? "right" : "down"} /><${Name}>${folder.name}<//> <span class="quiet">${count}</span></button>
    <${Menu} tab=${tab} label=${t("folder.actions", { name: title })} items=${[
      { label: t("rename"), icon: "pen", onClick: () => name(true) },
      { label: t("folder.delete"), icon: "trash", bad: true, onClick: () => deleteFolder(folder) },
    ]} />
    ${isNaming && html`<${FolderName} folder=${folder} onClose=${() => name(false)} />`}
  </h3>`;
}

/** Asks for the name of a new folder, or another name. @param {{folder: ChatFolder|null, onClose: () => void}} props */
export function FolderName({ folder, onClose }) {
  const [name, setName] = useState(folder?.name ?? "");
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (name.trim() && (await (folder ? rename(folder, name) : make(name, [])))) onClose();
  };
  return html`<${Dialog} title=${t(folder ? "folder.rename" : "folder.new")} onClose=${onClose}>
    <form class="row" onSubmit=${save}>
      <input class="field" id="folder-name" aria-label=${t("folder.name")} placeholder=${t("folder.name")} maxlength="100" autofocus autocomplete="off" value=${name}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
      <button type="submit" class="button primary" disabled=${!name.trim()}>${t(folder ? "rename" : "folder.make")}</button>
    </form>
  <//>`;
}

/** Asks where a chat is to lie: in one of the folders, in a new one, in none. @param {{chat: Chat, onClose: () => void}} props */
export function MoveDialog({ chat, onClose }) {
  const [chosen, choose] = useState(chat.folder);
  const [name, setName] = useState("");
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const folder = chatFolders.value.find((one) => one.id === chosen) ?? null;
    if (name.trim()) {
      const made = await make(name, [chat.id]);
      if (!made) return;
      notify(t("folder.moved", { name: visible(made.name) }));
    } else await moveChat(chat.id, folder);
    onClose();
  };
  const option = (/** @type {number|null} */ id, /** @type {string} */ label) =>
    html`<li key=${id}><label><input type="radio" name="folder" autofocus=${chosen === id} checked=${chosen === id} onChange=${() => choose(id)} />
      <${Icon} name=${id === null ? "minus" : "folder"} /><${Name}>${label}<//></label></li>`;
  return html`<${Dialog} title=${t("folder.moveTitle", { title: visible(chat.title) })} onClose=${onClose} class="collect">
    <form onSubmit=${save}>
      <ul class="checks">${option(null, t("folder.none"))}${chatFolders.value.map((one) => option(one.id, one.name))}</ul>
      <div class="row"><input class="field" id="folder-name" aria-label=${t("folder.new")} placeholder=${t("folder.new")} maxlength="100" autocomplete="off" value=${name}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
        <button type="submit" class="button primary">${t("folder.put")}</button></div>
    </form>
  <//>`;
}
