// @ts-check
/** The page of models: what words the answers, what is installed, and what this computer has. */

import { number, size } from "./format.js";
import { html } from "./html.js";
import { models } from "./store.js";
import { t } from "./words.js";

export function ModelsPage() {
  const found = models.value;
  const others = (found?.installed ?? []).filter((/** @type {any} */ one) => one.name !== "builtin");
  return html`<main id="main" tabindex="-1" class="page-main" aria-label=${t("app.models")}>
    <header class="bar"><h1 class="bar-title">${t("models.title")}</h1></header>
    <div class="page-body" tabindex="-1"><div class="column">
      ${found &&
      html`<dl class="facts">
          <dt>${t("models.answering")}</dt><dd>${found.answering === null ? t("chat.builtin") : found.answering}</dd>
          <dt>${t("models.embedder")}</dt><dd>${found.embedder}</dd>
          <dt>${t("models.computer")}</dt>
          <dd>${[found.processor, t("models.cores", { count: found.cores }), found.memory && t("models.memory", { size: size(found.memory) })].filter(Boolean).join(" · ")}</dd>
        </dl>
        <section><h2>${t("models.installed")}</h2>
          <ul class="models">${found.installed.map(
            (/** @type {any} */ one) => html`<li key=${one.name}><b><bdi>${one.name}</bdi></b>
              <span class="quiet">${[one.family, one.format, one.parameters && `${number(Math.round(one.parameters / 1e6))} M`, size(one.size)].filter(Boolean).join(" · ")}</span>
              ${one.problem && html`<span class="bad">${one.problem}</span>`}</li>`,
          )}</ul>
          ${!others.length && html`<p class="quiet">${t("models.none")}</p>`}
        </section>`}
    </div></div>
  </main>`;
}
