// @ts-check
/** What Docent keeps on this computer: where, how large; all of it in one archive; and the end of it. */

import { number, size } from "../parts/format.js";
import { html, useEffect, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, visible } from "../parts/parts.js";
import { get, post, remove } from "../state/api.js";
import { keptNames, keptSize, forgetAll } from "../state/kept.js";
import { attempt, models, notify } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {{kind: string, path: string, size: number, files: number}} Stored */

/** A path as it is read below the data folder. @param {string} path @param {string} folder */
const below = (path, folder) => (path.startsWith(folder) ? path.slice(folder.length).replace(/^[/\\]/, "") || path : path);

export function Privacy() {
  const [found, setFound] = useState(/** @type {{stored: Stored[], wiped: string[], data_dir: string, browsers: number}|null} */ (null));
  const [isWiping, wipe] = useState(false);
  const [, redraw] = useState(0);
  useEffect(() => {
    get("/api/data").then(setFound, () => undefined);
  }, []);
  if (found === null) return null;
  const total = found.stored.reduce((sum, one) => sum + one.size, 0);
  const forget = () => {
    forgetAll();
    redraw((n) => n + 1);
    notify(t("privacy.forgotten"));
  };
  const forgetBrowsers = () =>
    attempt(async () => {
      setFound(await remove("/api/browsers"));
      notify(t("privacy.browsersForgotten"));
    });
  return html`<section><h2>${t("privacy.title")}</h2><p>${t("settings.privacy")}</p><p>${t("privacy.connections")}</p>
      ${models.value?.endpoint && html`<p class="banner"><${Icon} name="outside" />${t("models.endpoint", { address: visible(models.value.endpoint) })}</p>`}</section>
    <section><h2>${t("settings.data")}</h2>
      <p class="quiet">${t("privacy.folder")} <code>${visible(found.data_dir)}</code> · ${size(total)}</p>
      <div class="table-frame" tabindex="0"><table class="stored">
        <thead><tr><th scope="col">${t("privacy.what")}</th><th scope="col">${t("privacy.where")}</th><th scope="col">${t("privacy.files")}</th><th scope="col">${t("library.size")}</th></tr></thead>
        <tbody>${found.stored.map(
          (one) => html`<tr key=${one.kind}><th scope="row">${t(`stored.${one.kind}`)}<p class="quiet">${t(`stored.${one.kind}.about`)}</p></th>
            <td><code title=${one.path}>${visible(below(one.path, found.data_dir))}</code></td><td>${number(one.files)}</td><td>${size(one.size)}</td></tr>`,
        )}
        <tr><th scope="row">${t("stored.browser")}<p class="quiet">${t("stored.browser.about")}</p></th><td>${t("privacy.browser")}</td>
          <td>${number(keptNames().length)}</td><td>${size(keptSize())}</td></tr></tbody>
      </table></div>
      <div class="row wrap">
        <a class="button" href="/api/data/export" download><${Icon} name="download" />${t("privacy.export")}</a>
        <button type="button" class="button" onClick=${forget}>${t("privacy.forget")}</button>
        <button type="button" class="button danger" id="wipe" onClick=${() => wipe(true)}><${Icon} name="trash" />${t("privacy.wipe")}</button>
      </div>
      ${found.browsers > 0 &&
      html`<p>${t("privacy.browsers", { count: found.browsers })} <button type="button" class="link-button" onClick=${forgetBrowsers}>${t("privacy.forgetBrowsers")}</button></p>`}
      <p class="quiet">${t("privacy.rest")}</p>
    </section>
    ${isWiping && html`<${Wipe} kinds=${found.wiped} onClose=${() => wipe(false)} onDone=${setFound} />`}`;
}

/** @param {{kinds: string[], onClose: () => void, onDone: (now: any) => void}} props */
function Wipe({ kinds, onClose, onDone }) {
  const [chosen, choose] = useState(/** @type {string[]} */ ([]));
  const [isSure, sure] = useState(false);
  const go = async () => {
    onClose();
    const now = await attempt(() => post("/api/data/wipe", { kinds: chosen, confirm: "wipe" }));
    if (!now) return;
    onDone(now);
    notify(t("privacy.wiped"));
  };
  return html`<${Dialog} title=${t("privacy.wipeTitle")} onClose=${onClose}>
    <p>${t("privacy.wipeAbout")}</p>
    <div class="checks">${kinds.map(
      (kind) => html`<label><input type="checkbox" checked=${chosen.includes(kind)}
        onChange=${(/** @type {any} */ event) => choose(event.target.checked ? [...chosen, kind] : chosen.filter((one) => one !== kind))} />
        ${t(`stored.${kind}`)} <span class="quiet">${t(`stored.${kind}.wiped`)}</span></label>`,
    )}</div>
    <label class="check"><input type="checkbox" id="sure" checked=${isSure} onChange=${(/** @type {any} */ event) => sure(event.target.checked)} />${t("privacy.sure")}</label>
    <div class="row end"><button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" disabled=${!chosen.length || !isSure} onClick=${go}>${t("privacy.wipeNow")}</button></div>
  <//>`;
}
