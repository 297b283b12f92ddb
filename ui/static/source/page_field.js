// @ts-check
/** The number of the page in view: typed over, it leads to another, by the name printed on it or by its place in the file. */

import { html, useState } from "../parts/html.js";
import { t } from "../words/words.js";

/**
 * The page that is meant, from 1; null where there is none.
 * @param {string} typed @param {number} count @param {string[]|null} labels what is printed on the pages, in order
 */
export function pageMeant(typed, count, labels) {
  const words = typed.trim().toLowerCase();
  const labelled = (labels ?? []).findIndex((label) => words && label.toLowerCase() === words);
  if (labelled >= 0) return labelled + 1;
  const number = /^\d{1,9}$/.test(words) ? Number(words) : 0;
  return number >= 1 && number <= count ? number : null;
}

/** @param {{current: number, count: number, labels: string[]|null, onGo: (page: number) => void}} props */
export function PageField({ current, count, labels, onGo }) {
  const [typed, setTyped] = useState(/** @type {string|null} */ (null));
  const label = labels?.[current - 1] || String(current);
  const where = label === String(current) ? null : t("source.sheets", { page: current, count });
  const meant = typed === null ? current : pageMeant(typed, count, labels);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && meant !== null) {
      event.preventDefault();
      setTyped(null);
      onGo(meant);
    } else if (event.key === "Escape" && typed !== null) {
      event.stopPropagation();
      setTyped(null);
    }
  };
  return html`<input class="page-field" autocomplete="off" aria-label=${t("source.pageField")} aria-invalid=${meant === null} value=${typed ?? label}
      style=${{ width: `${Math.min(14, Math.max(3, label.length) + 2)}ch` }} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)}
      onFocus=${(/** @type {any} */ event) => event.target.select()} onBlur=${() => setTyped(null)} onKeyDown=${keys} />
    <span class="page-of" aria-hidden="true">${where ?? t("source.of", { count })}</span>
    <span class="page-number hidden" role="status">${where ? `${label} ${where}` : t("source.pages", { page: current, count })}</span>`;
}
