// @ts-check
/** The page of models: what this computer has, which model answers, what is installed, and how to get another one. */

import { billions, date, number, remaining, size } from "../parts/format.js";
import { html, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, IconButton, Menu, Trouble, unless, visible } from "../parts/parts.js";
import { post, remove } from "../state/api.js";
import { attempt, models } from "../state/store.js";
import { t } from "../words/words.js";
import { Elsewhere, Get } from "./get_models.js";

/** @typedef {{name: string, size: number, family: string, format: string, parameters: number, context: number, problem: string, origin: string, license: string, linked: boolean, shipped: boolean, speed: {prompt_tok_s: number, tok_s: number, runtime: string, measured_at: number}|null}} Model */
/** @typedef {{id: number, kind: string, model: string, state: string, done: number, total: number, message: string, remedy: string}} Task */

const SURE_AFTER_MS = 3000; // of a download, before its time left is told

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

/** @param {string} name */
const named = (name) => (name === "builtin" ? t("models.builtin") : name);

/** @param {{found: any}} props */
function Answering({ found }) {
  const { answering, state, used_memory: used } = found;
  return html`<section><h2>${t("models.answering")}</h2>
    <div class="model-now">
      <div><b>${answering === null ? t("models.quotes") : named(answering)}</b>
        <p class="quiet" role="status">${[t(`models.state.${state}`), t("models.used", { size: size(used) })].join(" · ")}</p></div>
      <span class="space"></span>
      ${state === "asleep" && html`<button type="button" class="button" onClick=${() => attempt(() => post("/api/models/load"))}>${t("models.load")}</button>`}
      ${state === "loaded" && html`<button type="button" class="button" onClick=${unload}>${t("models.unload")}</button>`}
      ${answering !== null && !found.endpoint && html`<button type="button" class="button" onClick=${() => use(null)}>${t("models.useNone")}</button>`}
    </div>
    ${found.endpoint && html`<p class="banner" role="status"><${Icon} name="outside" />${t("models.endpoint", { address: visible(found.endpoint) })}</p>`}</section>`;
}

const unload = () =>
  attempt(async () => {
    await post("/api/model/unload");
    models.value = { ...models.value, state: "asleep" };
  });

/** @param {string|null} name */
const use = (name) =>
  attempt(async () => {
    models.value = await post("/api/models/use", { name });
  });

/** What is under way, what failed, and downloads that can go on. @param {{found: {tasks: Task[], unfinished: any[]}}} props */
function Tasks({ found: { tasks, unfinished } }) {
  if (!tasks.length && !unfinished.length) return null;
  const cancel = (/** @type {number} */ id) => attempt(() => remove(`/api/models/tasks/${id}`));
  return html`<section class="tasks" aria-label=${t("models.tasks")}>
    ${tasks.map((task) =>
      task.state === "failed"
        ? html`<${Trouble} key=${task.id} message=${`${visible(named(task.model))}: ${task.message}`} remedy=${task.remedy}>
            <button type="button" class="button" onClick=${() => cancel(task.id)}>${t("dismiss")}</button><//>`
        : html`<${UnderWay} key=${task.id} task=${task} onCancel=${() => cancel(task.id)} />`,
    )}
    ${unfinished.map(
      (one) => html`<div key=${one.name} class="task"><p>${t("models.broken", { name: visible(one.name), size: size(one.have) })}</p>
        <button type="button" class="button small" onClick=${() => attempt(() => post("/api/models/downloads", { repository: one.repository, name: one.name, revision: one.revision }))}>${t("models.goOn")}</button>
        <${IconButton} icon="trash" label=${t("models.discard", { name: one.name })} onClick=${() => attempt(async () => (models.value = await remove(`/api/models/downloads/${encodeURIComponent(one.name)}`)))} /></div>`,
    )}
  </section>`;
}

/** How far a task is; the time left of a download is told by how fast it came since this page has seen it. @param {{task: Task, onCancel: () => void}} props */
function UnderWay({ task, onCancel }) {
  const { kind, model, done, total } = task;
  const seen = useRef({ at: Date.now(), done });
  const [passed, come] = [Date.now() - seen.current.at, done - seen.current.done];
  const left = passed > SURE_AFTER_MS && come > 0 && total > done ? t("sync.left", { time: remaining(((total - done) / come) * passed) }) : "";
  return html`<div class="task" role="status"><p>${t(`models.task.${kind}`, { name: visible(named(model)) })}
        ${total > 0 && html` <span class="quiet">${[t("models.bytes", { done: size(done), total: size(total) }), left].filter(Boolean).join(" · ")}</span>`}</p>
      ${kind === "download" && html`<button type="button" class="button small" ...${unless(task.state === "cancelling", onCancel)}>${t("cancel")}</button>`}
      <progress aria-label=${t(`models.task.${kind}`, { name: named(model) })} max=${total || 1} value=${total ? done : undefined}></progress></div>`;
}

/** @param {{one: Model, found: any, onRemove: (model: Model) => void}} props */
function Installed({ one, found, onRemove }) {
  const isUsed = found.answering === one.name;
  const kind = [one.family, one.format, one.parameters && t("models.weights", { count: billions(one.parameters) }), size(one.size), one.context && t("models.context", { count: one.context })];
  const isMeasured = found.tasks.some((/** @type {Task} */ task) => task.kind === "measure" && task.state === "running");
  return html`<li class="model">
    <div class="model-head"><b><bdi>${visible(named(one.name))}</bdi></b>${isUsed && html`<span class="tag">${t("models.inUse")}</span>`}<span class="space"></span>
      ${!isUsed && !one.problem && html`<button type="button" class="button small" onClick=${() => use(one.name)}>${t("models.use")}</button>`}
      ${!one.problem && html`<button type="button" class="button small" ...${unless(isMeasured, () => attempt(() => post("/api/models/measure", { name: one.name })))}>${t("models.measure")}</button>`}
      ${!one.shipped && !isUsed && html`<${Menu} label=${t("library.actions", { name: one.name })} items=${[{ label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove(one) }]} />`}</div>
    <p class="quiet">${kind.filter(Boolean).join(" · ")}</p>
    <p class="quiet">${[one.license ? t("models.license", { license: visible(one.license) }) : t("models.noLicense"), one.origin && visible(one.origin), one.linked && t("models.linked")].filter(Boolean).join(" · ")}</p>
    ${one.speed && html`<p>${t("models.speed", { read: number(one.speed.prompt_tok_s), write: number(one.speed.tok_s), runtime: one.speed.runtime, date: date(one.speed.measured_at) })}</p>`}
    ${one.problem && html`<p class="bad">${one.problem}</p>`}
  </li>`;
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
    attempt(async () => {
      models.value = await remove(`/api/models/installed/${encodeURIComponent(model.name)}`);
    });
  };
  return html`<${Dialog} title=${t("models.removeTitle")} onClose=${onClose}>
    <p><b><bdi>${visible(model.name)}</bdi></b></p><p>${t(model.linked ? "models.removeLink" : "models.removeFiles", { size: size(model.size) })}</p>
    <div class="row end"><button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" onClick=${go}>${t("remove")}</button></div>
  <//>`;
}
