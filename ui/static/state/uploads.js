// @ts-check
/** Files that are handed over to Docent, one after the other, and what is told of it. */

import { notify, tellFailure } from "../parts/notices.js";
import { signal } from "../vendor/signals.js";
import { t } from "../words/words.js";
import { request } from "./api.js";
import { askOnly } from "./store.js";

/** How many of the files have been handed over; null where none is on its way. */
export const taking = signal(/** @type {{done: number, total: number}|null} */ (null));

/** @type {{file: File, name: string}[]} */
let waiting = [];

/** Hands files over; those that come while others are on their way wait for these. @param {{file: File, name: string}[]} files */
export async function upload(files) {
  if (!files.length) return;
  const before = taking.value;
  waiting.push(...files);
  taking.value = { done: before?.done ?? 0, total: (before?.total ?? 0) + files.length };
  if (before) return;
  /** @type {string[]} */
  const taken = [];
  /** @type {any[]} */
  const refused = [];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { file, name } = next;
    await request("PUT", `/api/uploads/${encodeURIComponent(name)}`, file).then((done) => taken.push(done.location), (error) => refused.push(error));
    if (refused.at(-1)?.message === "unreachable") waiting = [];
    taking.value = { ...taking.value, done: taking.value.done + 1 };
  }
  taking.value = null;
  if (refused.length) tellFailure(refused.length === 1 ? refused[0] : several(refused));
  if (taken.length) tellAdded(taken, t("library.taken", { count: taken.length }));
}

/** Hands over no further files. */
export function endUpload() {
  waiting = [];
}

/** @param {any[]} refused */
const several = (refused) => ({ message: t("library.refused", { count: refused.length, why: refused[0].message }), remedy: refused[0].remedy });

/** Tells that something was added, and offers to ask that alone. @param {string[]} locations @param {string} words */
export const tellAdded = (locations, words) =>
  notify(words, { action: t(locations.length === 1 ? "library.ask" : "library.askChosen"), onAction: () => askOnly({ folders: locations }) });
