// @ts-check
/** The prompts that are kept: named, changed, deleted. One stop of the Tab key; arrow keys lead from row to row. */

import { html, useEffect, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Menu, visible } from "../parts/parts.js";
import { deletePrompt, edited, inserted, keepPrompt, loadPrompts, prompts } from "../state/prompts.js";
import { attempt, go, notify } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {import("../state/prompts.js").Prompt} Prompt */

export function PromptList() {
  const [reached, reach] = useState("");
  useEffect(() => {
    attempt(loadPrompts);
  }, []);
  const known = prompts.value;
  const stop = known.some((one) => one.id === reached) ? reached : known[0]?.id;
  return html`<section><h2>${t("prompts.title")}</h2><p class="quiet">${t("prompts.about")}</p>
    <div class="row wrap"><button type="button" class="button" id="new-prompt" onClick=${() => (edited.value = { id: "", name: "", text: "" })}><${Icon} name="plus" />${t("prompts.new")}</button></div>
    ${!known.length && html`<p class="quiet">${t("prompts.none")}</p>`}
    <ul class="prompts" aria-label=${t("prompts.title")}>${known.map((one) => html`<${Row} key=${one.id} prompt=${one} tab=${one.id === stop ? 0 : -1} onReach=${reach} />`)}</ul>
  </section>`;
}

const stops = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".prompt-stop")]);

/** @param {{prompt: Prompt, tab: number, onReach: (id: string) => void}} props */
function Row({ prompt, tab, onReach }) {
  const name = visible(prompt.name);
  const edit = () => (edited.value = prompt);
  const insert = () => {
    inserted.value = prompt.text;
    go("/");
  };
  const remove = () =>
    attempt(async () => {
      const at = stops().findIndex((one) => one.id === `prompt-${prompt.id}`);
      await deletePrompt(prompt);
      const undo = () => attempt(() => keepPrompt({ ...prompt, id: "" }));
      notify(t("prompts.deleted", { name }), { action: t("undo"), onAction: undo });
      requestAnimationFrame(() => document.activeElement === document.body && (stops()[at] ?? stops()[at - 1] ?? document.getElementById("new-prompt"))?.focus());
    });
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) stops()[stops().indexOf(/** @type {HTMLElement} */ (event.currentTarget)) + step]?.focus();
    else if (event.key === "F2") edit();
    else if (event.key === "Delete") remove();
    else return;
    event.preventDefault();
  };
  return html`<li class="prompt-row" onFocusIn=${() => onReach(prompt.id)}>
    <button type="button" id=${`prompt-${prompt.id}`} class="prompt-open prompt-stop" tabindex=${tab} onClick=${edit} onKeyDown=${keys}>
      <b><bdi>${name}</bdi></b><span class="quiet" dir="auto">${visible(prompt.text)}</span></button>
    <${Menu} tab=${tab} label=${t("prompts.actions", { name })} items=${[
      { label: t("prompts.insert"), icon: "chat", onClick: insert },
      { label: t("prompts.edit"), icon: "pen", onClick: edit },
      { label: t("prompts.delete"), icon: "trash", bad: true, onClick: remove },
    ]} />
  </li>`;
}
