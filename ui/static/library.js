// @ts-check
/** The library: every source with its documents, sorted, filtered, and drawn only where it is in view. */

import { date, fileName, number, size } from "./format.js";
import { html, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";
import { told } from "./messages.js";
import { Dialog, IconButton, Menu, Name, Trouble, visible } from "./parts.js";
import { copies, dialog, documents, go, libraryFilter, libraryTrouble, notify, readSources, removeSource, setScope, showDocument, sources, status } from "./store.js";
import { summarise } from "./summary.js";
import { SyncState } from "./sync.js";
import { t } from "./words.js";

/** @typedef {import("./store.js").Doc} Doc */
/** @typedef {import("./store.js").Source} Source */
/** @typedef {{source: Source, members: Doc[], total: number}} Group */

const ROW = 36; // pixels, as in library.css
const SPARE = 12; // rows drawn beyond the edges
const COLUMNS = [
  { key: "name", label: "library.name", of: (/** @type {Doc} */ one) => fileName(one.path).toLowerCase() },
  { key: "title", label: "library.doctitle", of: (/** @type {Doc} */ one) => one.title.toLowerCase() },
  { key: "kind", label: "library.kind", of: (/** @type {Doc} */ one) => kind(one) },
  { key: "status", label: "library.status", of: (/** @type {Doc} */ one) => one.status },
  { key: "passages", label: "library.passages", of: (/** @type {Doc} */ one) => one.chunks },
  { key: "size", label: "library.size", of: (/** @type {Doc} */ one) => one.size },
  { key: "date", label: "library.date", of: (/** @type {Doc} */ one) => one.read_at },
];
const STATUS = { ok: "library.ok", failed: "library.notRead", skipped: "library.skipped" };

/** @param {Doc} one */
const kind = (one) => (one.path.includes("://") ? "youtube" : (/\.([^./\\]{1,8})$/.exec(one.path)?.[1] ?? "").toLowerCase());

export function Library() {
  const [words, setWords] = useState("");
  const [sort, setSort] = useState({ key: "name", down: false });
  const [folded, setFolded] = useState(/** @type {number[]} */ ([]));
  const [removing, setRemoving] = useState(/** @type {{location: string, name: string}|null} */ (null));
  const all = documents.value ?? [];
  const filter = libraryFilter.value;
  const groups = useMemo(() => grouped(all, sources.value, words, filter, sort), [all, sources.value, words, filter, sort]);
  const rows = useMemo(
    () => groups.flatMap((group) => [group, ...(folded.includes(group.source.id) ? [] : group.members)]),
    [groups, folded],
  );
  return html`<main id="main" tabindex="-1" class="library" aria-label=${t("app.library")}>
    <header class="bar"><h1 class="bar-title">${t("library.title")}</h1>
      <span class="quiet">${t("library.count", { count: all.length })}</span><span class="space"></span>
      <${IconButton} icon="refresh" label=${t("library.read")} onClick=${() => readSources(null)} />
      <button type="button" class="button primary" onClick=${() => (dialog.value = "add")}><${Icon} name="plus" />${t("library.add")}</button></header>
    <div class="toolbar">
      <label class="search"><${Icon} name="search" /><input type="search" id="library-filter" placeholder=${t("library.filter")} aria-label=${t("library.filter")}
        value=${words} onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
      <div class="switch" role="group">
        ${["all", "problems"].map((name) => html`<button type="button" class="button small" aria-pressed=${filter === name}
          onClick=${() => (libraryFilter.value = /** @type {any} */ (name))}>${t(`library.${name}`)}</button>`)}
      </div>
    </div>
    ${libraryTrouble.value && html`<${Trouble} ...${libraryTrouble.value} />`}
    ${!sources.value.length && documents.value !== null
      ? html`<p class="empty"><${Icon} name="folder" /><b>${t("library.empty")}</b><span>${t("library.drop")}</span></p>`
      : html`<${Table} rows=${rows} sort=${sort} onSort=${setSort} folded=${folded}
          onFold=${(/** @type {number} */ id) => setFolded(folded.includes(id) ? folded.filter((one) => one !== id) : [...folded, id])}
          onRemove=${setRemoving} />`}
    <${SyncState} />
    ${removing && html`<${Removal} what=${removing} onClose=${() => setRemoving(null)} />`}
  </main>`;
}

/**
 * @param {Doc[]} all @param {Source[]} known @param {string} words @param {string} filter @param {{key: string, down: boolean}} sort
 * @returns {Group[]}
 */
function grouped(all, known, words, filter, sort) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const of = COLUMNS.find((column) => column.key === sort.key)?.of ?? COLUMNS[0].of;
  /** @type {Map<number, Doc[]>} */
  const members = new Map(known.map((source) => [source.id, []]));
  for (const one of all) {
    if (filter === "problems" && one.status === "ok") continue;
    const text = `${one.title}\n${one.path}`.toLowerCase();
    if (wanted.every((word) => text.includes(word))) members.get(one.source_id)?.push(one);
  }
  const order = sort.down ? -1 : 1;
  return known
    .map((source) => {
      const found = members.get(source.id) ?? [];
      found.sort((a, b) => (of(a) < of(b) ? -order : of(a) > of(b) ? order : a.path < b.path ? -1 : 1));
      return { source, members: found, total: found.length };
    })
    .filter((group) => group.total || (!wanted.length && filter === "all"));
}

/** @param {any} props */
function Table({ rows, sort, onSort, folded, onFold, onRemove }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const look = () => box.current && setView({ top: box.current.scrollTop, height: box.current.clientHeight });
  useLayoutEffect(look, [rows.length]);
  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + SPARE);
  if (!rows.length) return html`<p class="empty">${t("library.nothing")}</p>`;
  return html`<div class="rows" role="grid" aria-rowcount=${rows.length + 1} aria-label=${t("library.title")}>
    <div class="row-head" role="row" aria-rowindex="1">
      ${COLUMNS.map(
        ({ key, label }) => html`<div role="columnheader" class=${`cell ${key}`} aria-sort=${sort.key === key ? (sort.down ? "descending" : "ascending") : "none"}>
          <button type="button" onClick=${() => onSort({ key, down: sort.key === key && !sort.down })}>${t(label)}
            ${sort.key === key && html`<${Icon} name=${sort.down ? "down" : "up"} />`}</button></div>`,
      )}<div role="columnheader" class="cell act"><span class="hidden">${t("more")}</span></div>
    </div>
    <div class="rows-body" role="rowgroup" ref=${box} onScroll=${look} tabindex="0">
      <div role="none" style=${{ height: `${rows.length * ROW}px`, position: "relative" }}>
        ${rows.slice(first, last).map((/** @type {any} */ row, /** @type {number} */ at) => {
          const style = { top: `${(first + at) * ROW}px` };
          return row.source
            ? html`<${SourceRow} key=${`s${row.source.id}`} group=${row} style=${style} index=${first + at + 2} isFolded=${folded.includes(row.source.id)} onFold=${onFold} onRemove=${onRemove} />`
            : html`<${DocumentRow} key=${row.id} one=${row} style=${style} index=${first + at + 2} onRemove=${onRemove} />`;
        })}
      </div>
    </div>
  </div>`;
}

/** @param {any} props */
function SourceRow({ group, style, index, isFolded, onFold, onRemove }) {
  const { source, total } = group;
  const name = sourceName(source);
  const isGone = status.value?.unreachable?.includes(source.location);
  return html`<div class="row-line source-row" role="row" aria-rowindex=${index} style=${style}>
    <div role="gridcell" class="cell wide">
      <${IconButton} icon=${isFolded ? "right" : "down"} label=${t(isFolded ? "library.expand" : "library.fold", { name })} onClick=${() => onFold(source.id)} />
      <${Icon} name=${source.kind === "youtube" ? "video" : source.kind === "file" ? "file" : "folder"} />
      <b title=${source.location}><${Name}>${name}<//></b> <span class="quiet">${number(total)}</span>
      ${isGone && html`<span class="bad" title=${t("library.goneLong")}>${t("library.gone")}</span>`}
    </div>
    <div role="gridcell" class="cell act"><${Menu} label=${t("library.actions", { name })} items=${[
      { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ folders: [source.location], documents: [] }) },
      { label: t("library.read"), icon: "refresh", onClick: () => readSources([source.location]) },
      { label: t("library.anew"), icon: "again", onClick: () => readSources([source.location], true) },
      null,
      { label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove({ location: source.location, name }) },
    ]} /></div>
  </div>`;
}

/** @param {{one: Doc, style: any, index: number, onRemove: any}} props */
function DocumentRow({ one, style, index, onRemove }) {
  const name = fileName(one.path);
  const isReady = one.status === "ok";
  const isCopy = /[/\\]inbox[/\\][^/\\]+$/.test(one.path);
  return html`<div class=${`row-line ${isReady ? "" : "problem"}`} role="row" aria-rowindex=${index} style=${style} title=${told(one.error) || one.path}>
    <div role="gridcell" class="cell name">${isReady
      ? html`<button type="button" class="link-row" onClick=${() => showDocument(one)}><${Name}>${name}<//></button>`
      : html`<span class="link-row"><${Name}>${name}<//></span>`}</div>
    <div role="gridcell" class="cell title">${isReady ? html`<${Name}>${one.title}<//>${copies.value[one.id] && html` <span class="tag" title=${t("library.copyOf", { path: visible(copies.value[one.id]) })}>${t("library.copy")}</span>`}` : html`<span class="why">${visible(told(one.error))}</span>`}</div>
    <div role="gridcell" class="cell kind">${kind(one)}</div>
    <div role="gridcell" class="cell status">${t(STATUS[/** @type {"ok"} */ (one.status)])}</div>
    <div role="gridcell" class="cell passages">${isReady ? number(one.chunks) : ""}</div>
    <div role="gridcell" class="cell size">${size(one.size)}</div>
    <div role="gridcell" class="cell date">${date(one.read_at)}</div>
    <div role="gridcell" class="cell act"><${Menu} label=${t("library.actions", { name })} items=${[
      ...(isReady
        ? [
            { label: t("library.open"), icon: "file", onClick: () => showDocument(one) },
            { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ folders: [], documents: [one.id] }) },
            { label: t("library.summarise"), icon: "list", onClick: () => summarise(one) },
          ]
        : []),
      { label: t("library.anew"), icon: "again", onClick: () => readSources([one.path], true) },
      ...(isCopy ? [null, { label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove({ location: one.path, name }) }] : []),
    ]} /></div>
  </div>`;
}

/** @param {{folders: string[], documents: number[]}} scope */
function askOnly(scope) {
  go("/");
  setScope(scope, null);
}

/** @param {Source} source */
export const sourceName = (source) => (/[/\\]inbox$/.test(source.location) ? t("library.added") : fileName(source.location));

/** @param {{what: {location: string, name: string}, onClose: () => void}} props */
function Removal({ what, onClose }) {
  const isOurs = /[/\\]inbox([/\\][^/\\]+)?$/.test(what.location);
  const go = async () => {
    onClose();
    if (await removeSource(what.location)) notify(t("library.removed", { name: visible(what.name) }));
  };
  return html`<${Dialog} title=${t("library.removeTitle")} onClose=${onClose}>
    <p><b><${Name}>${what.name}<//></b></p><p>${t(isOurs ? "library.removeCopies" : "library.removeFiles")}</p>
    <div class="row end"><button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" onClick=${go}>${t("remove")}</button></div>
  <//>`;
}
