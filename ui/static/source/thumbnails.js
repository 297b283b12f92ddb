// @ts-check
/** Small pictures of the pages of a PDF; the browser asks for those that come into view. */

import { html, useEffect, useRef } from "../parts/html.js";
import { pageName } from "../parts/format.js";
import { t } from "../words/words.js";

const WIDTH = 88; // pixels

/** @param {{id: number, sizes: {width: number, height: number}[], labels: string[]|null, current: number, onChoose: (page: number) => void}} props */
export function Thumbnails({ id, sizes, labels, current, onChoose }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    box.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return html`<nav class="thumbnails" aria-label=${t("source.thumbnails")} ref=${box}>
    ${sizes.map(
      ({ width, height }, index) => html`<button type="button" key=${index} aria-current=${index + 1 === current ? "page" : undefined} aria-label=${pageName(index + 1, labels?.[index])}
        onClick=${() => onChoose(index + 1)}>
        <img src=${`/api/documents/${id}/page/${index + 1}.png?scale=0.25`} alt="" loading="lazy" width=${WIDTH} height=${Math.round((WIDTH * height) / width)} />
        <span>${labels?.[index] || index + 1}</span></button>`,
    )}
  </nav>`;
}
