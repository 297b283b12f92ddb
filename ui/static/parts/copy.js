// @ts-check
/** Puts text where it can be pasted from. */

import { t } from "../words/words.js";
import { notify } from "./notices.js";

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify(t("chat.copied"));
  } catch {
    notify(t("chat.copyFailed"), { bad: true });
  }
}
