// @ts-check
/** The dialog that restricts a question to some folders and documents. */

import { fileName } from "./format.js";
import { html, useState } from "./html.js";
import { Icon } from "./icons.js";
import { Dialog, Name } from "./parts.js";
import { sourceName } from "./library.js";
import { dialog, documents, scope, setScope, sources } from "./store.js";
import { t } from "./words.js";

const MOST = 200; // documents shown; the filter reaches the others

export function ScopeDialog() {
  const [words, setWords] = useState("");
  const close = () => (dialog.value = null);
  const { folders, documents: chosen } = scope.value;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (/** @type {string} */ text) => wanted.every((word) => text.toLowerCase().includes(word));
  const shown = (documents.value ?? []).filter((one) => one.status === "ok" && fits(`${one.title} ${one.path}`));
  // A question with both asks for documents that are named and lie in a folder; who ticks boxes means either.
  const toggleFolder = (/** @type {string} */ location) =>
    setScope({ folders: toggled(folders, location), documents: [] });
  const toggleDocument = (/** @type {number} */ id) => setScope({ folders: [], documents: toggled(chosen, id) });
  return html`<${Dialog} title=${t("chat.scopeTitle")} onClose=${close} class="scope-dialog">
    <label class="search"><${Icon} name="search" /><input type="search" autofocus placeholder=${t("library.filter")} aria-label=${t("library.filter")} value=${words}
      onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
    <ul class="checks">
      ${sources.value.filter((source) => fits(sourceName(source))).map(
        (source) => html`<li key=${`s${source.id}`}><label><input type="checkbox" checked=${folders.includes(source.location)} onChange=${() => toggleFolder(source.location)} />
          <${Icon} name="folder" /><b><${Name}>${sourceName(source)}<//></b></label></li>`,
      )}
      ${shown.slice(0, MOST).map(
        (one) => html`<li key=${one.id}><label title=${one.path}><input type="checkbox" checked=${chosen.includes(one.id)} onChange=${() => toggleDocument(one.id)} />
          <${Name}>${fileName(one.path)}<//></label></li>`,
      )}
    </ul>
    <div class="row end"><button type="button" class="button" onClick=${() => setScope({ folders: [], documents: [] })}>${t("chat.askEverything")}</button>
      <button type="button" class="button primary" onClick=${close}>${t("close")}</button></div>
  <//>`;
}

/** @template T @param {T[]} list @param {T} one */
const toggled = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
