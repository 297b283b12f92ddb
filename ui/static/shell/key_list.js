// @ts-check
/** The list of keys, in which others can be chosen. */

import { html, useState } from "../parts/html.js";
import { Dialog } from "../parts/parts.js";
import { dialog, notify } from "../state/store.js";
import { t } from "../words/words.js";
import { ACTIONS, chooseKeys, chosenKeys, FIXED, keysIn, keysOf, refusal, resetKeys } from "./keys.js";

/** @typedef {import("./keys.js").Action} Action */

const SIGNS = /** @type {Record<string, string>} */ ({ ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" });

/** @param {{keys: string}} props */
const Keys = ({ keys }) => keys.split(/\+(?=.)/).map((key) => html`<kbd>${SIGNS[key] ?? key}</kbd>`);

export function KeyList() {
  const [asked, ask] = useState(/** @type {string|null} */ (null));
  return html`<${Dialog} title=${t("keys.title")} onClose=${() => (dialog.value = null)}>
    <dl class="keys">
      ${ACTIONS.map(
        (action) => html`<dt><${Keys} keys=${keysOf(action)} /></dt>
          <dd>${t(action.name)} <${Change} action=${action} isAsked=${asked === action.id} onAsk=${ask} /></dd>`,
      )}
      ${FIXED.map(({ keys, name }) => html`<dt><${Keys} keys=${keys} /></dt><dd>${t(name)}</dd>`)}
    </dl>
    ${Object.keys(chosenKeys.value).length > 0 &&
    html`<div class="row end"><button type="button" class="button" onClick=${resetKeys}>${t("keys.reset")}</button></div>`}
  <//>`;
}

/** A button that takes the next keys for an action; Esc leaves them. @param {{action: Action, isAsked: boolean, onAsk: (id: string|null) => void}} props */
function Change({ action, isAsked, onAsk }) {
  const take = (/** @type {KeyboardEvent} */ event) => {
    if (!isAsked) return;
    const keys = keysIn(event);
    if (keys === "Tab" || keys === "Shift+Tab") {
      onAsk(null);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (keys === "") return;
    onAsk(null);
    if (keys === "Escape") return;
    const why = refusal(keys, action);
    if (why) notify(t(why, { keys }), { bad: true });
    else chooseKeys(action, keys);
  };
  return html`<button type="button" class="button small" aria-label=${isAsked ? t("keys.press") : t("keys.changeFor", { name: t(action.name) })}
    onClick=${() => onAsk(isAsked ? null : action.id)} onBlur=${() => isAsked && onAsk(null)} onKeyDown=${take}>${t(isAsked ? "keys.press" : "keys.change")}</button>`;
}
