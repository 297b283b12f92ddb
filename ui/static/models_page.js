// @ts-check
/** The page of models: what this computer has, which model answers, what is installed, and how to get another one. */

import { get, post, remove } from "./api.js";
import { date, number, size } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { Icon } from "./icons.js";
import { choosePaths, inOwnWindow } from "./own_window.js";
import { Dialog, IconButton, Menu, Trouble, visible } from "./parts.js";
import { attempt, models } from "./store.js";
import { t } from "./words.js";

/** @typedef {{name: string, size: number, family: string, format: string, parameters: number, context: number, problem: string, origin: string, license: string, linked: boolean, shipped: boolean, speed: {prompt_tok_s: number, tok_s: number, runtime: string, measured_at: number}|null}} Model */
/** @typedef {{id: number, kind: string, model: string, state: string, done: number, total: number, message: string, remedy: string}} Task */

export function ModelsPage() {
  const [removing, setRemoving] = useState(/** @type {Model|null} */ (null));
  const found = models.value;
  return html`<main id="main" tabindex="-1" class="page-main" aria-label=${t("app.models")}>
    <header class="bar"><h1 class="bar-title">${t("models.title")}</h1></header>
    <div class="page-body" tabindex="-1"><div class="column">
      ${!found && html`<p class="quiet" role="status">${t("door.trying")}</p>`}
      ${found &&
      html`<${Answering} found=${found} /><${Tasks} found=${found} />
        <section><h2>${t("models.installed")}</h2>
          <ul class="models">${found.installed.map((/** @type {Model} */ one) => html`<${Installed} key=${one.name} one=${one} found=${found} onRemove=${setRemoving} />`)}</ul>
          ${found.installed.every((/** @type {Model} */ one) => one.shipped) && html`<p class="quiet">${t("models.none")}</p>`}
        </section>
        <${Elsewhere} installed=${found.installed} /><${Get} found=${found} /><${Computer} about=${found.computer} embedder=${found.embedder} />`}
    </div></div>
    ${removing && html`<${Removal} model=${removing} onClose=${() => setRemoving(null)} />`}
  </main>`;
}

/** Instruction models in INT4 AWQ to begin with, and how many weights they have. */
const KNOWN = [
  { name: "Qwen/Qwen2.5-0.5B-Instruct-AWQ", weights: 0.5e9 },
  { name: "Qwen/Qwen2.5-1.5B-Instruct-AWQ", weights: 1.5e9 },
  { name: "Qwen/Qwen3-4B-AWQ", weights: 4e9 },
  { name: "Qwen/Qwen2.5-7B-Instruct-AWQ", weights: 7.6e9 },
  { name: "Qwen/Qwen3-14B-AWQ", weights: 14.8e9 },
];
const HUB = /^https:\/\/huggingface\.co\/?$/; // where these lie

/** @param {string} name */
const named = (name) => (name === "builtin" ? t("models.builtin") : name);

/** Reads nothing: the feed tells when the list has changed. @param {() => Promise<any>} work */
const act = (work) => attempt(work);

/** @param {{found: any}} props */
function Answering({ found }) {
  const { answering, state, used_memory: used } = found;
  return html`<section><h2>${t("models.answering")}</h2>
    <div class="model-now">
      <b>${answering === null ? t("models.quotes") : named(answering)}</b>
      <span class="quiet" role="status">${[t(`models.state.${state}`), t("models.used", { size: size(used) })].join(" · ")}</span>
      <span class="space"></span>
      ${state === "asleep" && html`<button type="button" class="button" onClick=${() => act(() => post("/api/models/load"))}>${t("models.load")}</button>`}
      ${state === "loaded" && html`<button type="button" class="button" onClick=${unload}>${t("models.unload")}</button>`}
      ${answering !== null && !found.endpoint && html`<button type="button" class="button" onClick=${() => use(null)}>${t("models.useNone")}</button>`}
    </div>
    ${found.endpoint && html`<p class="banner" role="status"><${Icon} name="outside" />${t("models.endpoint", { address: visible(found.endpoint) })}</p>`}</section>`;
}

const unload = () =>
  act(async () => {
    await post("/api/model/unload");
    models.value = { ...models.value, state: "asleep" };
  });

/** @param {string|null} name */
const use = (name) =>
  act(async () => {
    models.value = await post("/api/models/use", { name });
  });

/** What is under way, what failed, and downloads that can go on. @param {{found: {tasks: Task[], unfinished: any[]}}} props */
function Tasks({ found: { tasks, unfinished } }) {
  if (!tasks.length && !unfinished.length) return null;
  const cancel = (/** @type {number} */ id) => act(() => remove(`/api/models/tasks/${id}`));
  return html`<section class="tasks" aria-label=${t("models.tasks")}>
    ${tasks.map((task) =>
      task.state === "failed"
        ? html`<${Trouble} key=${task.id} message=${`${visible(named(task.model))}: ${task.message}`} remedy=${task.remedy}>
            <button type="button" class="button" onClick=${() => cancel(task.id)}>${t("dismiss")}</button><//>`
        : html`<div key=${task.id} class="task" role="status"><p>${t(`models.task.${task.kind}`, { name: visible(named(task.model)) })}
              ${task.total > 0 && html` <span class="quiet">${t("models.bytes", { done: size(task.done), total: size(task.total) })}</span>`}</p>
            ${task.kind === "download" && html`<button type="button" class="button small" disabled=${task.state === "cancelling"} onClick=${() => cancel(task.id)}>${t("cancel")}</button>`}
            <progress aria-label=${t(`models.task.${task.kind}`, { name: named(task.model) })} max=${task.total || 1} value=${task.total ? task.done : undefined}></progress></div>`,
    )}
    ${unfinished.map(
      (one) => html`<div key=${one.name} class="task"><p>${t("models.broken", { name: visible(one.name), size: size(one.have) })}</p>
        <button type="button" class="button small" onClick=${() => act(() => post("/api/models/downloads", { repository: one.repository, name: one.name, revision: one.revision }))}>${t("models.goOn")}</button>
        <${IconButton} icon="trash" label=${t("models.discard", { name: one.name })} onClick=${() => act(async () => (models.value = await remove(`/api/models/downloads/${encodeURIComponent(one.name)}`)))} /></div>`,
    )}
  </section>`;
}

/** @param {{one: Model, found: any, onRemove: (model: Model) => void}} props */
function Installed({ one, found, onRemove }) {
  const isUsed = found.answering === one.name;
  const kind = [one.family, one.format, one.parameters && t("models.weights", { count: billions(one.parameters) }), size(one.size), one.context && t("models.context", { count: one.context })];
  const isMeasured = found.tasks.some((/** @type {Task} */ task) => task.kind === "measure" && task.state === "running");
  return html`<li class="model">
    <div class="model-head"><b><bdi>${visible(named(one.name))}</bdi></b>${isUsed && html`<span class="tag">${t("models.inUse")}</span>`}<span class="space"></span>
      ${!isUsed && !one.problem && html`<button type="button" class="button small" onClick=${() => use(one.name)}>${t("models.use")}</button>`}
      ${!one.problem && html`<button type="button" class="button small" disabled=${isMeasured} onClick=${() => act(() => post("/api/models/measure", { name: one.name }))}>${t("models.measure")}</button>`}
      ${!one.shipped && !isUsed && html`<${Menu} label=${t("library.actions", { name: one.name })} items=${[{ label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove(one) }]} />`}</div>
    <p class="quiet">${kind.filter(Boolean).join(" · ")}</p>
    <p class="quiet">${[one.license ? t("models.license", { license: visible(one.license) }) : t("models.noLicense"), one.origin && visible(one.origin), one.linked && t("models.linked")].filter(Boolean).join(" · ")}</p>
    ${one.speed && html`<p>${t("models.speed", { read: number(one.speed.prompt_tok_s), write: number(one.speed.tok_s), runtime: one.speed.runtime, date: date(one.speed.measured_at) })}</p>`}
    ${one.problem && html`<p class="bad">${one.problem}</p>`}
  </li>`;
}

/** @param {number} count */
const billions = (count) => number(count < 1e10 ? Math.round(count / 1e7) / 100 : Math.round(count / 1e9));

/** Models of other programs on this computer, which can be used where they lie. @param {{installed: Model[]}} props */
function Elsewhere({ installed }) {
  const [found, setFound] = useState(/** @type {any[]} */ ([]));
  useEffect(() => {
    get("/api/models/found").then((reply) => setFound(reply.found), () => undefined);
  }, []);
  const others = found.filter((one) => !installed.some((known) => known.name === one.name));
  if (!others.length) return null;
  return html`<section><h2>${t("models.elsewhere")}</h2><ul class="models">${others.map(
    (one) => html`<li key=${one.path} class="model"><div class="model-head"><b><bdi>${visible(one.name)}</bdi></b><span class="tag">${one.place}</span><span class="space"></span>
        ${!one.problem && html`<button type="button" class="button small" onClick=${() => act(() => post("/api/models/found", { name: one.name }))}>${t("models.take")}</button>`}</div>
      <p class="quiet">${[one.family, one.format, size(one.size), one.license && t("models.license", { license: visible(one.license) }), !one.fits && t("models.tooLarge")].filter(Boolean).join(" · ")}</p>
      ${one.problem && html`<p class="bad">${one.problem}</p>`}</li>`,
  )}</ul></section>`;
}

/** Ways to another model: from the hub, or from a folder. @param {{found: any}} props */
function Get({ found }) {
  const [repository, setRepository] = useState("");
  const [folder, setFolder] = useState("");
  const [isLinked, link] = useState(true);
  const send = (/** @type {Event} */ event, /** @type {() => Promise<any>} */ work, /** @type {() => void} */ clear) => {
    event.preventDefault();
    act(async () => {
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
      <div class="row"><input id="repository" class="field" value=${repository} placeholder="Qwen/Qwen3-0.6B" autocomplete="off" spellcheck="false"
        onInput=${(/** @type {any} */ event) => setRepository(event.target.value)} />
      <button type="submit" class="button" disabled=${!/^\S+\/\S+$/.test(repository.trim())}><${Icon} name="download" />${t("models.download")}</button></div>
      ${fitting.length > 0 && html`<div class="row wrap" role="group" aria-label=${t("models.known")}><span class="quiet">${t("models.known")}</span>
        ${fitting.map(({ name, weights }) => html`<button type="button" class="button small" onClick=${() => setRepository(name)}>${name}
          <span class="quiet">${t("models.weights", { count: billions(weights) })}</span></button>`)}</div>`}
      <p class="quiet">${t("models.downloadAbout")}</p>
    </form>
    <form class="stack" onSubmit=${(/** @type {Event} */ event) => send(event, () => post("/api/models/imports", { folder, link: isLinked }), () => setFolder(""))}>
      <label for="model-folder">${t("models.folder")}</label>
      <div class="row"><input id="model-folder" class="field" value=${folder} autocomplete="off" spellcheck="false"
        onInput=${(/** @type {any} */ event) => setFolder(event.target.value)} />
      ${inOwnWindow() && html`<button type="button" class="button" onClick=${choose("files")}>${t("models.file")}</button>
        <button type="button" class="button" onClick=${choose("folder")}>${t("add.folder")}</button>`}
      <button type="submit" class="button" disabled=${!folder.trim()}><${Icon} name="folder" />${t("models.import")}</button></div>
      <label class="check"><input type="checkbox" checked=${isLinked} onChange=${(/** @type {any} */ event) => link(event.target.checked)} />${t("models.link")}</label>
    </form></section>`;
}

/** @param {{about: any, embedder: string|null}} props */
const Computer = ({ about, embedder }) =>
  html`<section><h2>${t("models.computer")}</h2>
    <dl class="facts">
      <dt>${t("models.processor")}</dt><dd>${[about.processor, t("models.cores", { count: about.cores })].join(" · ")}</dd>
      <dt>${t("models.memory")}</dt><dd>${t("models.free", { total: size(about.memory), free: size(about.free_memory) })}</dd>
      <dt>${t("models.disk")}</dt><dd>${t("models.freeDisk", { free: size(about.free_disk) })}</dd>
      <dt>${t("models.card")}</dt><dd>${about.cards.length ? about.cards.map((/** @type {any} */ card) => html`<p>${[card.name, size(card.memory), t("models.driver", { version: card.driver })].join(" · ")}</p>`) : t("models.noCard")}</dd>
      <dt>${t("models.computes")}</dt><dd>${about.runtime}</dd>
      <dt>${t("models.runs")}</dt><dd>${t("models.largest", { count: billions(about.largest) })}</dd>
      <dt>${t("models.embedder")}</dt><dd>${embedder}</dd>
    </dl></section>`;

/** @param {{model: Model, onClose: () => void}} props */
function Removal({ model, onClose }) {
  const go = () => {
    onClose();
    act(async () => {
      models.value = await remove(`/api/models/installed/${encodeURIComponent(model.name)}`);
    });
  };
  return html`<${Dialog} title=${t("models.removeTitle")} onClose=${onClose}>
    <p><b><bdi>${visible(model.name)}</bdi></b></p><p>${t(model.linked ? "models.removeLink" : "models.removeFiles", { size: size(model.size) })}</p>
    <div class="row end"><button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" onClick=${go}>${t("remove")}</button></div>
  <//>`;
}
