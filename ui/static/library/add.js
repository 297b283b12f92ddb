// @ts-check
/** The dialog that adds documents. */

import { toggled } from "../chats/scope.js";
import { fileName } from "../parts/format.js";
import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, Name, visible } from "../parts/parts.js";
import { choosePaths, inOwnWindow } from "../shell/own_window.js";
import { get, query } from "../state/api.js";
import { addSource, attempt, dialog } from "../state/store.js";
import { tellAdded, upload } from "../state/uploads.js";
import { t } from "../words/words.js";

export function AddDialog() {
  const [typed, setTyped] = useState("");
  const [isBusy, busy] = useState(false);
  const [folder, setFolder] = useState(/** @type {any} */ (null));
  const [picked, pick] = useState(/** @type {string[]} */ ([])); // names of files in the folder
  const close = () => (dialog.value = null);
  const open = (/** @type {string} */ path) =>
    attempt(async () => {
      setFolder(await get(`/api/folders${query({ path: path || null })}`));
      pick([]);
    });
  useEffect(() => {
    open("");
  }, []);
  const add = async (/** @type {string[]} */ locations) => {
    const wanted = locations.filter((location) => location.trim());
    if (!wanted.length) return;
    busy(true);
    const done = [];
    for (const location of wanted) {
      const one = await addSource(location);
      if (!one) break;
      done.push(one.location);
    }
    busy(false);
    if (done.length) tellAdded(done, done.length === 1 ? t("add.began", { name: visible(fileName(done[0])) }) : t("library.taken", { count: done.length }));
    if (done.length === wanted.length) close();
  };
  const isPage = isBusy && /^https?:/i.test(typed.trim());
  return html`<${Dialog} title=${t("add.title")} onClose=${close} class="add">
    <form class="row" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      add([typed]);
    }}>
      <input id="location" class="field" aria-label=${t("add.path")} placeholder=${t("add.path")} value=${typed} autofocus autocomplete="off" spellcheck=${false}
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
      <button type="submit" class="button primary" disabled=${!typed.trim() || isBusy}>${t("add.go")}</button>
    </form>
    ${isPage && html`<p class="quiet" role="status">${t("add.fetching")}</p>`}
    ${folder && html`<${Browse} folder=${folder} picked=${picked} onPick=${(/** @type {string} */ name) => pick(toggled(picked, name))} onOpen=${open} />`}
    <div class="row end">
      <${Choose} onPaths=${add} onClose=${close} />
      <button type="button" class="button primary" id="add-here" disabled=${!folder || isBusy}
        onClick=${() => add(picked.length ? picked.map((name) => inside(folder, name)) : [folder.path])}>
        <span>${picked.length || !folder ? t("add.picked", { count: picked.length }) : t("add.here", { name: visible(fileName(folder.path)) })}</span></button>
    </div>
  <//>`;
}

/** The path of what lies in a folder. @param {{path: string}} folder @param {string} name */
const inside = ({ path }, name) => (/[/\\]$/.test(path) ? path + name : `${path}${path.includes("\\") ? "\\" : "/"}${name}`);

/** The folders and files of this computer, folder by folder. @param {{folder: any, picked: string[], onPick: (name: string) => void, onOpen: (path: string) => void}} props */
function Browse({ folder, picked, onPick, onOpen }) {
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (list.current) list.current.scrollTop = 0;
  }, [folder.path]);
  return html`<section class="folders" aria-label=${t("add.browse")}>
    <div class="row"><b class="path" title=${folder.path}><bdi>${visible(folder.path)}</bdi></b><span class="space"></span>
      <button type="button" class="button small" disabled=${folder.parent === null} onClick=${() => onOpen(folder.parent)}><${Icon} name="up" />${t("add.up")}</button></div>
    <ul class="checks" ref=${list}>${folder.folders.map((/** @type {string} */ name) => html`<li key=${`/${name}`}><button type="button" class="link-row" onClick=${() => onOpen(inside(folder, name))}>
        <${Icon} name="folder" /><bdi>${visible(name)}</bdi></button></li>`)}
      ${folder.readable.map((/** @type {string} */ name) => html`<li key=${name}><label><input type="checkbox" checked=${picked.includes(name)} onChange=${() => onPick(name)} />
        <${Name}>${name}<//></label></li>`)}</ul>
    <p class="quiet">${t("add.count", { count: folder.files })}</p>
  </section>`;
}

/**
 * Choosers of the desktop: in Docent's own window they name folders and files where they lie, a browser hands over copies of files.
 * @param {{onPaths: (paths: string[]) => void, onClose: () => void}} props
 */
function Choose({ onPaths, onClose }) {
  const files = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [isOpen, open] = useState(false);
  const native = (/** @type {"folder"|"files"} */ wanted) => async () => {
    open(true);
    const paths = await attempt(() => choosePaths(wanted));
    open(false);
    if (paths?.length) onPaths(paths);
  };
  if (inOwnWindow()) {
    return html`<button type="button" class="button" disabled=${isOpen} onClick=${native("files")}>${t("add.files")}</button>
      <button type="button" class="button" disabled=${isOpen} onClick=${native("folder")}>${t("add.folder")}</button>`;
  }
  const hand = (/** @type {any} */ event) => {
    const chosen = [...event.target.files].map((file) => ({ file, name: file.name }));
    onClose();
    upload(chosen);
  };
  return html`<input type="file" multiple hidden ref=${files} onChange=${hand} id="files" />
    <button type="button" class="button" onClick=${() => files.current?.click()}>${t("add.files")}</button>`;
}
