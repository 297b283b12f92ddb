// @ts-check
/** Asks for the name and the text of a prompt, a new one or one that is known. */

import { html, useState } from "../parts/html.js";
import { Dialog, Trouble } from "../parts/parts.js";
import { edited, keepPrompt, NAME_LONGEST } from "../state/prompts.js";
import { notify } from "../state/store.js";
import { t } from "../words/words.js";

/** @param {{prompt: import("../state/prompts.js").Prompt}} props */
export function PromptDialog({ prompt }) {
  const [name, setName] = useState(prompt.name);
  const [text, setText] = useState(prompt.text);
  const [trouble, setTrouble] = useState(/** @type {{message: string, remedy: string}|null} */ (null));
  const close = () => (edited.value = null);
  const isWhole = Boolean(name.trim() && text.trim());
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isWhole) return;
    try {
      await keepPrompt({ id: prompt.id, name, text });
    } catch (error) {
      const { message, remedy } = /** @type {any} */ (error);
      setTrouble({ message: message === "unreachable" ? t("lost.short") : message, remedy });
      return;
    }
    close();
    notify(t("prompts.saved", { name: name.trim() }));
  };
  return html`<${Dialog} title=${t(prompt.id ? "prompts.edit" : "prompts.save")} onClose=${close} class="prompt">
    <form onSubmit=${save}>
      <label>${t("prompts.name")}<input class="field" id="prompt-name" maxlength=${NAME_LONGEST} autofocus autocomplete="off" value=${name}
        onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label>${t("prompts.text")}<textarea class="field" id="prompt-text" rows="5" dir="auto" maxlength="10000" value=${text}
        onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea></label>
      ${trouble && html`<${Trouble} ...${trouble} />`}
      <div class="row end"><button type="button" class="button" onClick=${close}>${t("cancel")}</button>
        <button type="submit" class="button primary" disabled=${!isWhole}>${t("prompts.keep")}</button></div>
    </form>
  <//>`;
}
