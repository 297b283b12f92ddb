// @ts-check
/** The list of prompts that opens where a question begins with "/": narrowed as one types, gone through by arrow keys. */

import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { visible } from "../parts/parts.js";
import { promptsFor } from "../state/prompts.js";
import { go } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {{name: string, about: string, run: () => void}} Choice */

/** A question that is the beginning of a prompt's name so far. */
export const BEGUN = /^\/([^\n]{0,80})$/;
const SHOWN_ABOUT = 120; // characters of a prompt beside its name

/**
 * What the list offers and how keys move in it. `onKey` returns whether the list has used the key.
 * @param {string} text of the question field @param {(text: string) => void} onInsert
 */
export function usePromptMenu(text, onInsert) {
  const [kept, keep] = useState({ text: "", at: 0, isClosed: false });
  const { at, isClosed } = kept.text === text ? kept : { at: 0, isClosed: false }; // another letter opens the list anew
  const manage = () => {
    onInsert("");
    go("/settings/prompts");
  };
  const typed = BEGUN.exec(text)?.[1];
  /** @type {Choice[]} */
  const choices =
    typed === undefined || isClosed
      ? []
      : [
          ...promptsFor(typed).map((one) => ({ name: one.name, about: one.text.slice(0, SHOWN_ABOUT), run: () => onInsert(one.text) })),
          ...(typed === "" ? [{ name: t("prompts.manage"), about: "", run: manage }] : []),
        ];
  const close = () => keep({ text, at, isClosed: true });
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (!choices.length || event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) keep({ text, at: (at + step + choices.length) % choices.length, isClosed });
    else if (event.key === "Enter" || event.key === "Tab") choices[Math.min(at, choices.length - 1)].run();
    else if (event.key === "Escape") close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  return { choices, at, onKey, close };
}

/** @param {{choices: Choice[], at: number}} props */
export function PromptMenu({ choices, at }) {
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at, choices.length]);
  return html`<p class="hidden" role="status">${choices.length > 0 && t("prompts.offered", { count: choices.length })}</p>
    ${choices.length > 0 &&
    html`<ul id="prompt-menu" class="prompt-menu" role="listbox" aria-label=${t("prompts.title")} ref=${list}>
      ${choices.map(
        ({ name, about, run }, index) => html`<li id=${`prompt-${index}`} key=${index} role="option" aria-selected=${index === at}
          onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${run}>
          <${Icon} name=${about ? "bookmark" : "settings"} /><b><bdi>${visible(name)}</bdi></b><span class="quiet"><bdi>${visible(about)}</bdi></span></li>`,
      )}
    </ul>`}`;
}
