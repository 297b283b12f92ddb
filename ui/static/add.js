// @ts-check
/** The dialog that adds documents, and files that are dropped on the page. */

import { get, query } from "./api.js";
import { fileName } from "./format.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Dialog, visible } from "./parts.js";
import { addSource, attempt, dialog, notify, upload } from "./store.js";
import { t } from "./words.js";

export function AddDialog() {
  const [typed, setTyped] = useState("");
  const [isBusy, busy] = useState(false);
  const [folder, setFolder] = useState(/** @type {any} */ (null));
  const files = useRef(/** @type {HTMLInputElement|null} */ (null));
  const open = (/** @type {string} */ path) => attempt(() => get(`/api/folders${query({ path: path || null })}`).then(setFolder));
  useEffect(() => {
    open("");
  }, []);
  const close = () => (dialog.value = null);
  const add = async (/** @type {string} */ location) => {
    if (!location.trim()) return;
    busy(true);
    const done = await addSource(location);
    busy(false);
    if (!done) return;
    close();
    notify(t("add.began", { name: visible(fileName(done.location)) }));
  };
  const join = (/** @type {string} */ name) => (/[/\\]$/.test(folder.path) ? folder.path + name : `${folder.path}${folder.path.includes("\\") ? "\\" : "/"}${name}`);
  const choose = (/** @type {any} */ event) => {
    const chosen = [...event.target.files].map((file) => ({ file, name: file.name }));
    close();
    upload(chosen);
  };
  return html`<${Dialog} title=${t("add.title")} onClose=${close} class="add">
    <form class="row" onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      add(typed);
    }}>
      <input id="location" class="field" aria-label=${t("add.path")} placeholder=${t("add.path")} value=${typed} autofocus autocomplete="off" spellcheck="false"
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
      <button type="submit" class="button primary" disabled=${!typed.trim() || isBusy}>${t("add.go")}</button>
    </form>
    ${isBusy && /^https?:/i.test(typed.trim()) && html`<p class="quiet" role="status">${t("add.fetching")}</p>`}
    ${folder &&
    html`<section class="folders" aria-label=${t("add.browse")}>
      <div class="row"><b class="path" title=${folder.path}><bdi>${visible(folder.path)}</bdi></b><span class="space"></span>
        <button type="button" class="button small" disabled=${folder.parent === null} onClick=${() => open(folder.parent)}><${Icon} name="up" />${t("add.up")}</button></div>
      <ul>${folder.folders.map((/** @type {string} */ name) => html`<li key=${name}><button type="button" class="link-row" onClick=${() => open(join(name))}>
        <${Icon} name="folder" /><bdi>${visible(name)}</bdi></button></li>`)}</ul>
      <p class="quiet">${t("add.count", { count: folder.files })}</p>
    </section>`}
    <div class="row end">
      <input type="file" multiple hidden ref=${files} onChange=${choose} id="files" />
      <button type="button" class="button" onClick=${() => files.current?.click()}>${t("add.files")}</button>
      <button type="button" class="button primary" id="add-here" disabled=${!folder} onClick=${() => add(folder.path)}>${t("add.here")}</button>
    </div>
  <//>`;
}

/** Shows where to drop, and hands over what is dropped: files, and the files of folders. */
export function DropTarget() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const enter = (/** @type {DragEvent} */ event) => {
      if (!hasFiles(event)) return;
      depth++;
      setOver(true);
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (!depth) setOver(false);
    };
    const over = (/** @type {DragEvent} */ event) => hasFiles(event) && event.preventDefault();
    const drop = async (/** @type {DragEvent} */ event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
      const plain = entries.length ? [] : [...(event.dataTransfer?.files ?? [])].map((file) => ({ file, name: file.name }));
      upload([...plain, ...(await Promise.all(entries.map(filesOf))).flat()]);
    };
    window.addEventListener("dragenter", enter);
    window.addEventListener("dragleave", leave);
    window.addEventListener("dragover", over);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragenter", enter);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("dragover", over);
      window.removeEventListener("drop", drop);
    };
  }, []);
  return isOver && html`<div class="drop" aria-hidden="true"><p>${t("library.drop")}</p></div>`;
}

/** @param {any} entry a file or folder of the file system @returns {Promise<{file: File, name: string}[]>} */
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, name: file.name }];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (!some.length) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.filter((one) => !one.name.startsWith(".")).map(filesOf))).flat();
}
