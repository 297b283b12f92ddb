// @ts-check
/** The catalogue of texts: every text that the page shows, in the language that was chosen. */

import { GERMAN } from "./words_de.js";
import { ENGLISH } from "./words_en.js";

export const LANGUAGES = { en: ENGLISH, de: GERMAN };

/** @type {string} */
let chosen = pick(stored());

function stored() {
  try {
    return JSON.parse(localStorage.getItem("docent.language") ?? "null");
  } catch {
    return null;
  }
}

/** @param {string|null} wanted */
function pick(wanted) {
  const offered = wanted ? [wanted] : (navigator.languages ?? [navigator.language]);
  return offered.map((name) => name.slice(0, 2)).find((name) => name in LANGUAGES) ?? "en";
}

export const language = () => chosen;

/** @param {string|null} wanted null follows the browser */
export function speak(wanted) {
  chosen = pick(wanted);
  document.documentElement.lang = chosen;
}

/** @param {string} key @param {Record<string, string|number>} [values] @returns {string} */
export function t(key, values = {}) {
  const text = /** @type {Record<string, string>} */ (LANGUAGES[/** @type {"en"|"de"} */ (chosen)])[key] ?? key;
  const forms = text.split("|");
  const form = forms.length > 1 && values.count !== 1 ? forms[1] : forms[0];
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? value.toLocaleString(chosen) : String(value);
  });
}
