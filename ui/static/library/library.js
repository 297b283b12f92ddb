// @ts-check
/** The library: every collection and source with its documents, sorted, filtered, and some of them chosen. */

import { toggled } from "../chats/scope.js";
import { html, useEffect, useMemo, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Dialog, IconButton, Name, Trouble, visible } from "../parts/parts.js";
import { get, request } from "../state/api.js";
import { keep, kept } from "../state/kept.js";
import { addSamples, askOnly, attempt, changes, collections, dialog, documents, libraryFilter, libraryTrouble, notify, readSources, removeSource, sources } from "../state/store.js";
import { t } from "../words/words.js";
import { CollectDialog, NameDialog } from "./collections.js";
import { LibraryTable, COLUMNS } from "./library_table.js";
import { rowsOf } from "./library_tree.js";
import { SyncState } from "./sync.js";

/** @typedef {import("../state/store.js").Doc} Doc */
/** @typedef {import("../state/store.js").Source} Source */
/** @typedef {import("../state/store.js").Collection} Collection */
/** @typedef {{key: string, collection?: Collection, source?: Source, folders: string[], members: Doc[], total: number}} Group a collection or a source, with what is listed below it */
/** @typedef {{location: string, name: string}} Thing */

const WATCH = "server.watch";

export function Library() {
  const [words, setWords] = useState("");
  const [sort, setSort] = useState({ key: "name", down: false });
  const [folded, setFolded] = useState(/** @type {string[]} */ (kept("foldedLibrary", [])));
  const [chosen, choose] = useState(/** @type {Set<string>} */ (new Set()));
  const [removing, setRemoving] = useState(/** @type {Thing|null} */ (null));
  const [collecting, collect] = useState(/** @type {string[]|null} */ (null));
  const [naming, name] = useState(/** @type {Collection|"new"|null} */ (null));
  const all = documents.value ?? [];
  const filter = libraryFilter.value;
  const groups = useMemo(
    () => grouped(all, sources.value, collections.value ?? [], words, filter, sort),
    [all, sources.value, collections.value, words, filter, sort],
  );
  const rows = useMemo(() => rowsOf(groups, folded, { isTree: sort.key === "name" && !words.trim(), isDown: sort.down }), [groups, folded]);
  const fold = (/** @type {string} */ key) => {
    const next = toggled(folded, key);
    setFolded(next);
    keep("foldedLibrary", next);
  };
  const known = useMemo(() => new Set([...all.map((one) => one.path), ...sources.value.map((one) => one.location)]), [all, sources.value]);
  const picked = [...chosen].filter((location) => known.has(location)); // a sync may have taken some out
  const isBare = !sources.value.length && !collections.value?.length && documents.value !== null;
  return html`<main id="main" tabindex="-1" class="library" aria-label=${t("app.library")}>
    <header class="bar"><h1 class="bar-title">${t("library.title")}</h1>
      <span class="quiet">${documents.value === null ? t("hello.starting") : t("library.count", { count: all.length })}</span><span class="space"></span>
      <${Watching} /><${IconButton} icon="refresh" class="for-admins" label=${t("library.read")} onClick=${() => readSources(null)} />
      <button type="button" id="new-collection" class="button" onClick=${() => name("new")}><${Icon} name="collection" />${t("collection.new")}</button>
      <button type="button" class="button primary for-admins" onClick=${() => (dialog.value = "add")}><${Icon} name="plus" />${t("library.add")}</button></header>
    <div class="toolbar">
      <label class="search"><${Icon} name="search" /><input type="search" id="library-filter" placeholder=${t("library.filter")} aria-label=${t("library.filter")}
        value=${words} onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
      <div class="switch" role="group">
        ${["all", "problems"].map((one) => html`<button type="button" class="button small" aria-pressed=${filter === one}
          onClick=${() => (libraryFilter.value = /** @type {any} */ (one))}>${t(`library.${one}`)}</button>`)}
      </div>
      ${picked.length > 0 && html`<${Picked} locations=${picked} onCollect=${() => collect(picked)} onClear=${() => choose(new Set())} />`}
    </div>
    ${libraryTrouble.value && html`<${Trouble} ...${libraryTrouble.value} />`}
    ${isBare
      ? html`<div class="empty"><${Icon} name="folder" /><b>${t("library.empty")}</b><span>${t("library.drop")}</span>
          <span class="row for-admins"><button type="button" class="button primary" onClick=${() => (dialog.value = "add")}>${t("hello.addFolder")}</button>
            <button type="button" class="button" onClick=${() => addSamples()}>${t("hello.samples")}</button></span></div>`
      : html`<${LibraryTable} rows=${rows} sort=${sort} onSort=${setSort} folded=${folded} chosen=${chosen} onChoose=${choose}
          onFold=${fold} onRemove=${setRemoving} onCollect=${collect} onName=${name} />`}
    <${SyncState} />
    ${removing && html`<${Removal} what=${removing} onClose=${() => setRemoving(null)} />`}
    ${collecting && html`<${CollectDialog} locations=${collecting} onClose=${() => collect(null)} />`}
    ${naming && html`<${NameDialog} collection=${naming === "new" ? null : naming} onClose=${() => name(null)} />`}
  </main>`;
}

/** Whether folders are kept in sync by themselves. */
function Watching() {
  const [isOn, turn] = useState(/** @type {boolean|null} */ (null));
  const { settings: changed } = changes.value;
  useEffect(() => {
    get("/api/settings").then((found) => turn(found.settings.find((/** @type {any} */ one) => one.key === WATCH)?.value ?? null), () => undefined);
  }, [changed]);
  const change = async () => {
    const now = await attempt(() => request("PUT", `/api/settings/${WATCH}`, { value: !isOn }));
    if (!now) return;
    turn(now.value);
    if (now.value) readSources(null); // what has changed meanwhile
  };
  return html`<button type="button" id="watch" class="button for-admins" disabled=${isOn === null} aria-pressed=${isOn ?? undefined} title=${t(isOn === false ? "library.notWatching" : "library.watchingLong")} onClick=${change}>
    <${Icon} name="eye" />${t("library.watch")}</button>`;
}

/** What can be done with the rows that are chosen. @param {{locations: string[], onCollect: () => void, onClear: () => void}} props */
function Picked({ locations, onCollect, onClear }) {
  const places = new Set(locations);
  const folders = sources.value.filter((one) => places.has(one.location)).map((one) => one.location);
  const ids = (documents.value ?? []).filter((one) => one.status === "ok" && places.has(one.path)).map((one) => one.id);
  return html`<div class="picked row" role="group" aria-label=${t("library.chosen", { count: locations.length })}>
    <span class="quiet" role="status">${t("library.chosen", { count: locations.length })}</span>
    <button type="button" class="button small" onClick=${onCollect}><${Icon} name="collection" />${t("collection.add")}</button>
    ${!folders.length && ids.length > 0 && html`<button type="button" class="button small" onClick=${() => askOnly({ documents: ids })}><${Icon} name="chat" />${t("library.askChosen")}</button>`}
    <button type="button" class="button small" onClick=${onClear}>${t("library.clear")}</button>
  </div>`;
}

/**
 * @param {Doc[]} all @param {Source[]} known @param {Collection[]} sets @param {string} words @param {string} filter @param {{key: string, down: boolean}} sort
 * @returns {Group[]}
 */
function grouped(all, known, sets, words, filter, sort) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const of = COLUMNS.find((column) => column.key === sort.key)?.of ?? COLUMNS[0].of;
  const order = sort.down ? -1 : 1;
  const fits = (/** @type {string} */ text) => wanted.every((word) => text.toLowerCase().includes(word));
  const shown = all
    .filter((one) => (filter !== "problems" || one.status !== "ok") && fits(`${one.title}\n${one.path}`))
    .map((one) => ({ one, by: of(one) }))
    .sort((a, b) => (a.by < b.by ? -order : a.by > b.by ? order : a.one.path < b.one.path ? -1 : 1))
    .map(({ one }) => one);
  const paths = new Set(all.map((one) => one.path));
  const isPlain = !wanted.length && filter === "all";
  const collected = sets.map((collection) => {
    const places = new Set(collection.locations);
    const folders = filter === "all" ? collection.locations.filter((one) => !paths.has(one) && fits(one)) : [];
    const members = shown.filter((one) => places.has(one.path));
    return { key: `c${collection.id}`, collection, folders, members, total: isPlain ? collection.documents : members.length };
  });
  /** @type {Map<number, Doc[]>} */
  const members = new Map(known.map((source) => [source.id, []]));
  for (const one of shown) members.get(one.source_id)?.push(one);
  const added = known.map((source) => {
    const found = members.get(source.id) ?? [];
    return { key: `s${source.id}`, source, folders: [], members: found, total: found.length };
  });
  return [...collected, ...added].filter((group) => isPlain || group.members.length || group.folders.length);
}

/** @param {{what: Thing, onClose: () => void}} props */
function Removal({ what, onClose }) {
  const isOurs = /[/\\]inbox([/\\][^/\\]+)?$/.test(what.location);
  const remove = async () => {
    onClose();
    if (await removeSource(what.location)) notify(t("library.removed", { name: visible(what.name) }));
  };
  return html`<${Dialog} title=${t("library.removeTitle")} onClose=${onClose}>
    <p><b><${Name}>${what.name}<//></b></p><p>${t(isOurs ? "library.removeCopies" : "library.removeFiles")}</p>
    <div class="row end"><button type="button" class="button" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="button danger" onClick=${remove}>${t("remove")}</button></div>
  <//>`;
}
