// @ts-check
/** The page of settings, and the look of the page, which stays in this browser. */

import { get } from "./api.js";
import { size } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { visible } from "./parts.js";
import { keep, kept, status } from "./store.js";
import { LANGUAGES, speak, t } from "./words.js";

const LANGUAGE_NAMES = { en: "English", de: "Deutsch" };

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
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [words, setWords] = useState("");
  useEffect(() => {
    get("/api/settings").then(setFound, () => undefined);
  }, []);
  const choose = (/** @type {string} */ name, /** @type {any} */ value) => {
    keep(name, value);
    applyLook();
    onLook();
  };
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = (found?.settings ?? []).filter((/** @type {any} */ one) =>
    wanted.every((word) => `${one.key} ${one.description}`.toLowerCase().includes(word)),
  );
  return html`<main id="main" tabindex="-1" class="page-main" aria-label=${t("app.settings")}>
    <header class="bar"><h1 class="bar-title">${t("app.settings")}</h1></header>
    <div class="page-body" tabindex="-1"><div class="column">
      <section><h2>${t("settings.look")}</h2>
        <${Choice} label=${t("settings.theme")} value=${kept("theme", "system")} onChoose=${(/** @type {string} */ value) => choose("theme", value)}
          options=${["system", "light", "dark"].map((name) => [name, t(`settings.theme.${name}`)])} />
        <${Choice} label=${t("settings.size")} value=${String(kept("size", 100))} onChoose=${(/** @type {string} */ value) => choose("size", Number(value))}
          options=${["90", "100", "115", "130", "150"].map((value) => [value, `${value} %`])} />
        <${Choice} label=${t("settings.language")} value=${kept("language", null) ?? "system"}
          onChoose=${(/** @type {string} */ value) => choose("language", value === "system" ? null : value)}
          options=${[["system", t("settings.language.system")], ...Object.keys(LANGUAGES).map((name) => [name, LANGUAGE_NAMES[/** @type {"en"} */ (name)]])]} />
      </section>
      <section><h2>${t("settings.data")}</h2><p>${t("settings.privacy")}</p>
        ${status.value &&
        html`<dl class="facts"><dt>${t("settings.folder")}</dt><dd><code>${visible(status.value.data_dir)}</code></dd>
          <dt>${t("settings.libraryFile")}</dt><dd><code>${visible(status.value.library_path)}</code> · ${size(status.value.size_bytes)}</dd>
          ${found && html`<dt>${t("settings.file")}</dt><dd><code>${visible(found.file)}</code></dd>`}</dl>`}
      </section>
      <section><h2>config.yaml</h2><p class="quiet">${t("settings.edit")}</p>
        <label class="search"><${Icon} name="search" /><input type="search" placeholder=${t("settings.search")} aria-label=${t("settings.search")} value=${words}
          onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
        <dl class="settings-list">${shown.map(
          (/** @type {any} */ one) => html`<div key=${one.key}><dt><code>${one.key}</code></dt>
            <dd><code class="value">${JSON.stringify(one.value)}</code> <span class="quiet">${one.origin === "default" ? t("settings.default") : t("settings.from", { origin: visible(one.origin) })}</span>
              <p>${one.description}</p></dd></div>`,
        )}</dl>
      </section>
    </div></div>
  </main>`;
}

/** @param {{label: string, value: string, options: string[][], onChoose: (value: string) => void}} props */
const Choice = ({ label, value, options, onChoose }) =>
  html`<label class="choice"><span>${label}</span><select value=${value} onChange=${(/** @type {any} */ event) => onChoose(event.target.value)}>
    ${options.map(([name, words]) => html`<option value=${name} selected=${name === value}>${words}</option>`)}</select></label>`;
