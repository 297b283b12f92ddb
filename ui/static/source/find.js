// @ts-check
/** The field that finds words in a document. */

import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton } from "../parts/parts.js";
import { t } from "../words/words.js";

/** @param {{count: number, at: number, onFind: (words: string) => void, onTurn: (step: number) => void, children?: any}} props */
export function FindBar({ count, at, onFind, onTurn, children = null }) {
  const [words, setWords] = useState("");
  const wait = useRef(0);
  useEffect(() => () => clearTimeout(wait.current), []);
  const change = (/** @type {any} */ event) => {
    const { value } = event.target;
    setWords(value);
    clearTimeout(wait.current);
    wait.current = window.setTimeout(() => onFind(value.trim()), 150);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      onTurn(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && words) {
      event.stopPropagation();
      setWords("");
      onFind("");
    }
  };
  return html`<div class="toolbar">
    ${children}
    <label class="search small"><${Icon} name="search" /><input type="search" class="find" placeholder=${t("source.find")} aria-label=${t("source.findIn")}
      value=${words} onInput=${change} onKeyDown=${keys} /></label>
    ${words.trim().length > 1 &&
    html`<span class="quiet" role="status">${count ? t("source.matches", { at: at + 1, count }) : t("source.none")}</span>
      <${IconButton} icon="up" label=${t("source.prev")} disabled=${!count} onClick=${() => onTurn(-1)} />
      <${IconButton} icon="down" label=${t("source.next")} disabled=${!count} onClick=${() => onTurn(1)} />`}
  </div>`;
}
