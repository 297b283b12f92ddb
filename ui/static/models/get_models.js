// @ts-check
/** Ways to another model: from the hub, from a folder, or where another program keeps it. */

import { billions, size } from "../parts/format.js";
import { html, useEffect, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { visible } from "../parts/parts.js";
import { choosePaths, inOwnWindow } from "../shell/own_window.js";
import { get, post } from "../state/api.js";
import { attempt } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {import("./models_page.js").Model} Model */

/** Instruction models in INT4 AWQ to begin with, and how many weights they have. */
const KNOWN = [
  { name: "Qwen/Qwen2.5-0.5B-Instruct-AWQ", weights: 0.5e9 },
  { name: "Qwen/Qwen2.5-1.5B-Instruct-AWQ", weights: 1.5e9 },
  { name: "Qwen/Qwen3-4B-AWQ", weights: 4e9 },
  { name: "Qwen/Qwen2.5-7B-Instruct-AWQ", weights: 7.6e9 },
  { name: "Qwen/Qwen3-14B-AWQ", weights: 14.8e9 },
];
const HUB = /^https:\/\/huggingface\.co\/?$/; // where these lie

/** Models of other programs on this computer, which can be used where they lie. @param {{installed: Model[]}} props */
export function Elsewhere({ installed }) {
  const [found, setFound] = useState(/** @type {any[]} */ ([]));
  useEffect(() => {
    get("/api/models/found").then((reply) => setFound(reply.found), () => undefined);
  }, []);
  const others = found.filter((one) => !installed.some((known) => known.name === one.name));
  if (!others.length) return null;
  return html`<section><h2>${t("models.elsewhere")}</h2><ul class="models">${others.map(
    (one) => html`<li key=${one.path} class="model"><div class="model-head"><b><bdi>${visible(one.name)}</bdi></b><span class="tag">${one.place}</span><span class="space"></span>
        ${!one.problem && html`<button type="button" class="button small" onClick=${() => attempt(() => post("/api/models/found", { name: one.name }))}>${t("models.take")}</button>`}</div>
      <p class="quiet">${[one.family, one.format, size(one.size), one.license && t("models.license", { license: visible(one.license) }), !one.fits && t("models.tooLarge")].filter(Boolean).join(" · ")}</p>
      ${one.problem && html`<p class="bad">${one.problem}</p>`}</li>`,
  )}</ul></section>`;
}

/** From the hub, or from a folder. @param {{found: any}} props */
export function Get({ found }) {
  const [repository, setRepository] = useState("");
  const [folder, setFolder] = useState("");
  const [isLinked, link] = useState(true);
  const send = (/** @type {Event} */ event, /** @type {() => Promise<any>} */ work, /** @type {() => void} */ clear) => {
    event.preventDefault();
    attempt(async () => {
      await work();
      clear();
    });
  };
  const fitting = HUB.test(found.hub) ? KNOWN.filter(({ weights }) => weights <= found.computer.largest) : [];
  const choose = (/** @type {"folder"|"files"} */ wanted) => () =>
    attempt(async () => {
      const [chosen] = (await choosePaths(wanted)) ?? [];
      if (chosen) setFolder(chosen);
    });
  return html`<section><h2>${t("models.get")}</h2>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => send(event, () => post("/api/models/downloads", { repository }), () => setRepository(""))}>
      <label for="repository">${t("models.repository", { hub: found.hub })}</label>
      <div class="row"><input id="repository" class="field" value=${repository} placeholder="Qwen/Qwen3-0.6B" autocomplete="off" spellcheck=${false}
        onInput=${(/** @type {any} */ event) => setRepository(event.target.value)} />
      <button type="submit" class="button" disabled=${!/^\S+\/\S+$/.test(repository.trim())}><${Icon} name="download" />${t("models.download")}</button></div>
      ${fitting.length > 0 && html`<div class="row wrap known" role="group" aria-label=${t("models.known")}><span class="quiet">${t("models.known")}</span>
        ${fitting.map(({ name, weights }) => html`<button type="button" class="button small" onClick=${() => setRepository(name)}>${name}
          <span class="quiet">${t("models.weights", { count: billions(weights) })}</span></button>`)}</div>`}
      <p class="quiet">${t("models.downloadAbout")}</p>
    </form>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => send(event, () => post("/api/models/imports", { folder, link: isLinked }), () => setFolder(""))}>
      <label for="model-folder">${t("models.folder")}</label>
      <div class="row"><input id="model-folder" class="field" value=${folder} autocomplete="off" spellcheck=${false}
        onInput=${(/** @type {any} */ event) => setFolder(event.target.value)} />
      ${inOwnWindow() && html`<button type="button" class="button" onClick=${choose("files")}>${t("models.file")}</button>
        <button type="button" class="button" onClick=${choose("folder")}>${t("add.folder")}</button>`}
      <button type="submit" class="button" disabled=${!folder.trim()}><${Icon} name="folder" />${t("models.import")}</button></div>
      <label class="check"><input type="checkbox" checked=${isLinked} onChange=${(/** @type {any} */ event) => link(event.target.checked)} />${t("models.link")}</label>
    </form></section>`;
}
