// @ts-check
/** The page of settings: the look of the page, which stays in this browser, all of config.yaml, and privacy. */

import { html } from "../parts/html.js";
import { keep, kept } from "../state/kept.js";
import { go, route } from "../state/store.js";
import { mayChange } from "../state/user.js";
import { LANGUAGES, speak, t } from "../words/words.js";
import { Configuration } from "./configuration.js";
import { Privacy } from "./privacy.js";
import { PromptList } from "./prompt_list.js";

const LANGUAGE_NAMES = { en: "English", de: "Deutsch" };
const PARTS = [
  { part: "", path: "/settings", name: "settings.title" },
  { part: "prompts", path: "/settings/prompts", name: "prompts.title" },
  ...(mayChange ? [{ part: "privacy", path: "/settings/privacy", name: "settings.privacyTitle" }] : []),
];

/** Applies what was chosen for this browser. */
export function applyLook() {
  const theme = kept("theme", "system");
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.documentElement.style.fontSize = `${kept("size", 100)}%`;
  speak(kept("language", null));
}

/** @param {{onLook: () => void}} props */
export function Settings({ onLook }) {
  const { part } = route.value;
  return html`<main id="main" tabindex="-1" class="page-main" aria-label=${t("app.settings")}>
    <header class="bar"><h1 class="bar-title">${t("app.settings")}</h1><span class="space"></span>
      <nav class="switch" aria-label=${t("app.settings")}>${PARTS.map(
        (one) => html`<a class="button small" href=${one.path} aria-current=${one.part === part ? "page" : undefined}
          onClick=${(/** @type {MouseEvent} */ event) => {
            if (event.ctrlKey || event.metaKey) return;
            event.preventDefault();
            go(one.path);
          }}>${t(one.name)}</a>`,
      )}</nav></header>
    <div class="page-body" tabindex="-1"><div class="column">
      ${part === "privacy" ? html`<${Privacy} />` : part === "prompts" ? html`<${PromptList} />` : html`<${Look} onLook=${onLook} />${mayChange && html`<${Configuration} />`}`}
    </div></div>
  </main>`;
}

/** @param {{onLook: () => void}} props */
function Look({ onLook }) {
  const choose = (/** @type {string} */ name, /** @type {any} */ value) => {
    keep(name, value);
    applyLook();
    onLook();
  };
  return html`<section><h2>${t("settings.look")}</h2><p class="quiet">${t("settings.lookAbout")}</p>
    <${Choice} label=${t("settings.theme")} value=${kept("theme", "system")} onChoose=${(/** @type {string} */ value) => choose("theme", value)}
      options=${["system", "light", "dark"].map((name) => [name, t(`settings.theme.${name}`)])} />
    <${Choice} label=${t("settings.size")} value=${String(kept("size", 100))} onChoose=${(/** @type {string} */ value) => choose("size", Number(value))}
      options=${["90", "100", "115", "130", "150"].map((value) => [value, `${value} %`])} />
    <${Choice} label=${t("settings.language")} value=${kept("language", null) ?? "system"}
      onChoose=${(/** @type {string} */ value) => choose("language", value === "system" ? null : value)}
      options=${[["system", t("settings.language.system")], ...Object.keys(LANGUAGES).map((name) => [name, LANGUAGE_NAMES[/** @type {"en"} */ (name)]])]} />
  </section>`;
}

/** @param {{label: string, value: string, options: string[][], onChoose: (value: string) => void}} props */
const Choice = ({ label, value, options, onChoose }) =>
  html`<label class="choice"><span>${label}</span><select value=${value} onChange=${(/** @type {any} */ event) => onChoose(event.target.value)}>
    ${options.map(([name, words]) => html`<option value=${name} selected=${name === value}>${words}</option>`)}</select></label>`;
