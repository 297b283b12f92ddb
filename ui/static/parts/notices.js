// @ts-check
/** Short messages at the edge of the page, and failures of what a person asked for. */

import { signal } from "../vendor/signals.js";
import { t } from "../words/words.js";

export const notices = signal(/** @type {{id: number, text: string, remedy: string, action?: string, onAction?: () => void, bad: boolean}[]} */ ([]));

const HELD_MS = 2_000; // looks again after that
const [TOLD_MS, OFFERED_MS, FAILED_MS] = [8_000, 15_000, 60_000]; // how long it stands; what went wrong can be read after a look elsewhere

let noticeNumber = 0;

/** @param {string} text @param {{remedy?: string, action?: string, onAction?: () => void, bad?: boolean}} [more] */
export function notify(text, { remedy = "", action, onAction, bad = false } = {}) {
  const id = ++noticeNumber;
  notices.value = [...notices.value.slice(-3), { id, text, remedy, action, onAction, bad }];
  setTimeout(() => fade(id), bad ? FAILED_MS : action ? OFFERED_MS : TOLD_MS);
}

/** Takes a message away, but not from under the pointer or the focus. @param {number} id */
function fade(id) {
  if (document.querySelector(".notices")?.matches(":hover, :focus-within")) setTimeout(() => fade(id), HELD_MS);
  else dismissNotice(id);
}

/** @param {number} id */
export function dismissNotice(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/**
 * Runs what a person asked for; a failure becomes a notice.
 * @template T @param {() => Promise<T>} work @returns {Promise<T|undefined>}
 */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    tellFailure(error);
    return undefined;
  }
}

/** @param {any} error */
export const tellFailure = ({ message, remedy = "" }) => notify(message === "unreachable" ? t("lost.short") : message, { remedy, bad: true });
