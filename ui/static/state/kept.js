// @ts-check
/** What stays in this browser from one visit to the next. */

/** @param {string} name @param {any} fallback */
export function kept(name, fallback) {
  try {
    const text = localStorage.getItem(`docent.${name}`);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** @param {string} name @param {any} value null forgets it */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`docent.${name}`);
    else localStorage.setItem(`docent.${name}`, JSON.stringify(value));
  } catch {
    // Private browsing may refuse; then it is kept while the page lives.
  }
}

const PREFIX = "docent.";

/** The names of what is kept. @returns {string[]} */
export function keptNames() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
}

/** Characters of what is kept. */
export const keptSize = () => keptNames().reduce((sum, name) => sum + name.length + (localStorage.getItem(name) ?? "").length, 0);

export function forgetAll() {
  for (const name of keptNames()) localStorage.removeItem(name);
}
