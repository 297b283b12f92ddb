// @ts-check
/** How far a sync is, at the foot of the lists. */

import { fileName, remaining } from "../parts/format.js";
import { html } from "../parts/html.js";
import { IconButton, Trouble, visible } from "../parts/parts.js";
import { canTell, switchTelling, telling } from "../shell/notifications.js";
import { post } from "../state/api.js";
import { attempt, connection, documents, endSync, go, libraryFilter, problems, ready, status, sync } from "../state/store.js";
import { t } from "../words/words.js";

const WITHIN_AFTER_S = 1.5;

const pauseSync = () => attempt(() => post("/api/syncing/pause"));
const continueSync = () => attempt(() => post("/api/syncing/continue"));

export function SyncState() {
  const state = sync.value;
  const away = status.value?.unreachable?.length ?? 0;
  return html`<footer class="sync" id="sync">
    ${state?.running ? html`<${Running} state=${state} />` : state?.message && html`<${Trouble} message=${state.message} remedy=${state.remedy} />`}
    ${state?.paused && !state.running && html`<p class="sync-line" role="status"><span class="sync-words">${t("sync.paused")}</span>
      <button type="button" class="button small" onClick=${continueSync}>${t("sync.continue")}</button>
      <${IconButton} icon="close" label=${t("cancel")} onClick=${endSync} /></p>`}
    <p class="counts">${!state?.running && state?.summary && html`<span class="outcome" role="status">${t(state.summary === "stopped" ? "sync.stopped" : "sync.done")}${
        state.failed > 0 && ` ${t("sync.failed", { count: state.failed })}`}</span>`}
      <span>${documents.value === null ? t("hello.starting") : t("status.ready", { count: ready.value })}</span>
      ${problems.value > 0 &&
      html`<button type="button" class="link-button bad" onClick=${() => {
        libraryFilter.value = "problems";
        go("/library");
      }}>${t("status.problems", { count: problems.value })}</button>`}
      ${away > 0 && html`<button type="button" class="link-button bad" title=${t("library.goneLong")} onClick=${() => go("/library")}>${t("status.away", { count: away })}</button>`}
      ${connection.value === "lost" && html`<span class="bad">${t("lost.short")}</span>`}</p>
  </footer>`;
}

/** @param {{state: any}} props */
function Running({ state }) {
  const all = state.within && !state.within.path ? state.within : null; // of all documents
  const at = all ?? state;
  const share = at.total ? at.done / at.total : null;
  const name = visible(fileName(state.path));
  const words = state.cancelling
    ? t("sync.stopping")
    : all
      ? t("sync.embedding")
      : state.total
        ? t("sync.reading", { name, done: Math.min(state.done + 1, state.total), total: state.total })
        : t("sync.looking");
  const seconds = Date.now() / 1000 - (all?.since ?? state.started_at);
  const left = share && share > 0.05 && seconds > 3 ? ((1 - share) / share) * seconds : null;
  return html`<div role="status">
    <p class="sync-line"><span class="sync-words" title=${state.path}>${words}</span>
      ${canTell() && html`<${IconButton} icon="bell" label=${t("notify.ask")} aria-pressed=${telling.value} onClick=${switchTelling} />`}
      ${!state.cancelling &&
      html`<${IconButton} icon="pause" label=${t("sync.pause")} onClick=${pauseSync} /><${IconButton} icon="close" label=${t("cancel")} onClick=${endSync} />`}</p>
    <progress aria-label=${t("sync.progress")} ...${share === null ? {} : { value: share, max: 1 }}></progress>
    ${state.within?.path && html`<${Within} within=${state.within} />`}
    ${left !== null && html`<p class="quiet">${t("sync.left", { time: remaining(left * 1000) })}</p>`}
  </div>`;
}

/** How far a large file is, once that lasts. @param {{within: any}} props */
function Within({ within: { path, stage, done, total, since } }) {
  const seconds = Date.now() / 1000 - since;
  const share = total ? Math.min(1, done / total) : 0;
  if (seconds < WITHIN_AFTER_S || !total) return null;
  const left = share > 0.02 ? ((1 - share) / share) * seconds * 1000 : null;
  const words = t(stage === "embedding" ? "sync.withinEmbedding" : "sync.withinReading", { percent: Math.floor(share * 100) });
  return html`<p class="sync-within">${[words, left !== null && t("sync.left", { time: remaining(left) })].filter(Boolean).join(" · ")}</p>
    <progress aria-label=${visible(fileName(path))} value=${share} max="1"></progress>`;
}
