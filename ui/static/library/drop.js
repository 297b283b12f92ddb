// @ts-check
/** Files and folders that are dropped on the page, and how far they are handed over. */

import { html, useEffect, useState } from "../parts/html.js";
import { IconButton } from "../parts/parts.js";
import { notify } from "../state/store.js";
import { endUpload, taking, upload } from "../state/uploads.js";
import { t } from "../words/words.js";

const SHOWN_AFTER_MS = 400; // a small file is there before it could be read

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
    const drop = (/** @type {DragEvent} */ event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
      const plain = entries.length ? [] : [...(event.dataTransfer?.files ?? [])].map((file) => ({ file, name: file.name }));
      take(plain, entries);
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

/** @param {{file: File, name: string}[]} files @param {any[]} entries files and folders of the file system */
async function take(files, entries) {
  /** @type {string[]} */
  const unread = [];
  const found = [...files, ...(await Promise.all(entries.map((entry) => filesOf(entry, unread)))).flat()];
  if (unread.length) notify(t("library.unread", { count: unread.length, name: unread[0] }), { remedy: t("library.unreadRemedy"), bad: true });
  else if (!found.length) notify(t("library.noFiles"));
  await upload(found);
}

/** @param {any} entry a file or folder of the file system @param {string[]} unread takes the names of what cannot be read @returns {Promise<{file: File, name: string}[]>} */
async function filesOf(entry, unread) {
  const inside = [];
  try {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [{ file, name: file.name }];
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
      if (!some.length) break;
      inside.push(...some);
    }
  } catch {
    unread.push(entry.name);
  }
  const shown = inside.filter((one) => !one.name.startsWith("."));
  return (await Promise.all(shown.map((one) => filesOf(one, unread)))).flat();
}

/** How far files are handed over, once that lasts. */
export function Taking() {
  const [isLong, setLong] = useState(false);
  const now = taking.value;
  const isBusy = now !== null;
  useEffect(() => {
    setLong(false);
    const timer = isBusy ? setTimeout(() => setLong(true), SHOWN_AFTER_MS) : undefined;
    return () => clearTimeout(timer);
  }, [isBusy]);
  if (!now || !isLong) return null;
  return html`<div class="notice taking" role="status" aria-live="off"><div><p>${t("library.taking", { done: Math.min(now.done + 1, now.total), total: now.total })}</p>
    <progress aria-label=${t("library.drop")} value=${now.done} max=${now.total}></progress></div>
    <${IconButton} icon="close" label=${t("library.takeNoMore")} onClick=${endUpload} /></div>`;
}
