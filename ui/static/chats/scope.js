// @ts-check
/** What a chat asks: its name, and the dialog that restricts it to collections, folders or documents. */

import { apart, fileName, sourceName } from "../parts/format.js";
import { html, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, Name } from "../parts/parts.js";
import { collections, dialog, documents, documentsById, scope, setScope, sources } from "../state/store.js";
import { t } from "../words/words.js";

/** @typedef {import("../state/store.js").Scope} Scope */

const MOST = 200; // documents shown; the filter reaches the others

/** The name of the one thing that is asked, or how many there are; null for everything. @param {Scope} chosen @returns {string|null} */
export function scopeName({ folders, documents: ids, collections: sets }) {
  const count = folders.length + ids.length + sets.length;
  if (count !== 1) return count ? t("chat.chosen", { count }) : null;
  const source = sources.value.find((one) => one.location === folders[0]);
  const document = documentsById.value.get(ids[0]);
  const named = [collections.value?.find((one) => one.id === sets[0])?.name, source && sourceName(source), folders[0] && fileName(folders[0]), document && fileName(document.path)];
  return named.find(Boolean) || t("chat.chosen", { count });
}

export function ScopeDialog() {
  const [words, setWords] = useState("");
  const close = () => (dialog.value = null);
  const chosen = scope.value;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (/** @type {string} */ text) => wanted.every((word) => text.toLowerCase().includes(word));
  const shown = (documents.value ?? []).filter((one) => one.status === "ok" && fits(`${one.title} ${one.path}`));
  const drawn = shown.slice(0, MOST).map((one) => ({ one, name: fileName(one.path), path: one.path }));
  // A question with several kinds asks for what fits all of them; who ticks boxes means either.
  const toggle = (/** @type {keyof Scope} */ kind, /** @type {any} */ one) => setScope({ [kind]: toggled(/** @type {any[]} */ (chosen[kind]), one) });
  const box = (/** @type {keyof Scope} */ kind, /** @type {any} */ one) =>
    html`<input type="checkbox" checked=${/** @type {any[]} */ (chosen[kind]).includes(one)} onChange=${() => toggle(kind, one)} />`;
  return html`<${Dialog} title=${t("chat.scopeTitle")} onClose=${close} class="scope-dialog">
    <label class="search"><${Icon} name="search" /><input type="search" autofocus placeholder=${t("library.filter")} aria-label=${t("library.filter")} value=${words}
      onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
    <ul class="checks">
      ${(collections.value ?? []).filter((one) => fits(one.name)).map(
        (one) => html`<li key=${`c${one.id}`}><label>${box("collections", one.id)}<${Icon} name="collection" /><b><${Name}>${one.name}<//></b></label></li>`,
      )}
      ${sources.value.filter((source) => fits(sourceName(source))).map(
        (source) => html`<li key=${`s${source.id}`}><label>${box("folders", source.location)}<${Icon} name="folder" /><b><${Name}>${sourceName(source)}<//></b></label></li>`,
      )}
      ${drawn.map(
        (row) => html`<li key=${row.one.id}><label title=${row.path}>${box("documents", row.one.id)}<${Name}>${apart(row, drawn) || row.name}<//></label></li>`,
      )}
    </ul>
    ${shown.length > MOST && html`<p class="quiet" role="status">${t("chat.furtherDocuments", { count: shown.length - MOST })}</p>`}
    <div class="row end"><button type="button" class="button" onClick=${() => setScope({})}>${t("chat.askEverything")}</button>
      <button type="button" class="button primary" onClick=${close}>${t("close")}</button></div>
  <//>`;
}

/** @template T @param {T[]} list @param {T} one */
export const toggled = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
