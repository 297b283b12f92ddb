// @ts-check
/** The rows of the library: drawn where they are in view, chosen by boxes, walked through by arrow keys. */

import { date, fileName, number, size, sourceName } from "../parts/format.js";
import { html, useLayoutEffect, useMemo, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { rowsInView, useView } from "../parts/in_view.js";
import { IconButton, Menu, Name, visible } from "../parts/parts.js";
import { summarise } from "../source/summary.js";
import { askOnly, copies, readSources, showDocument, status } from "../state/store.js";
import { mayChange } from "../state/user.js";
import { told } from "../words/messages.js";
import { t } from "../words/words.js";
import { changeCollection, deleteCollection } from "./collections.js";

/** @typedef {import("../state/store.js").Doc} Doc */
/** @typedef {import("./library.js").Group} Group */
/** @typedef {import("./library_tree.js").Row} Row */
/** @typedef {{row: Row, tab: number, isFolded: boolean, isChosen: boolean, onChoose: () => void, onFold: (key: string) => void, onRemove: (what: any) => void, onCollect: (locations: string[]) => void, onName: (collection: any) => void}} RowProps */

const ROW = 36; // pixels, as in library.css
export const COLUMNS = [
  { key: "name", label: "library.name", of: (/** @type {Doc} */ one) => fileName(one.path).toLowerCase() },
  { key: "title", label: "library.doctitle", of: (/** @type {Doc} */ one) => one.title.toLowerCase() },
  { key: "kind", label: "library.kind", of: (/** @type {Doc} */ one) => kind(one) },
  { key: "page-count", label: "library.pages", of: (/** @type {Doc} */ one) => one.page_count ?? 0 },
  { key: "status", label: "library.status", of: (/** @type {Doc} */ one) => one.status },
  { key: "passages", label: "library.passages", of: (/** @type {Doc} */ one) => one.chunks },
  { key: "size", label: "library.size", of: (/** @type {Doc} */ one) => one.size },
  { key: "date", label: "library.date", of: (/** @type {Doc} */ one) => one.read_at },
];
const STATUS = { ok: "library.ok", failed: "library.notRead", skipped: "library.skipped" };
const STEPS = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity });

/** @param {Doc} one */
const kind = (one) => (one.path.includes("://") ? "youtube" : (/\.([^./\\]{1,8})$/.exec(one.path)?.[1] ?? "").toLowerCase());

/** The place that choosing a row chooses; null where it is not chosen. @param {Row} row */
const placeOf = ({ kind: what, group, one }) => (what === "document" ? (one?.path ?? null) : what === "source" ? (group.source?.location ?? null) : null);

/** @param {any} props */
export function LibraryTable({ rows, sort, onSort, folded, chosen, onChoose, ...actions }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const { view, look } = useView(box, ROW);
  const [current, setCurrent] = useState({ key: "", isMoved: false }); // the row that Tab reaches
  useLayoutEffect(look, [rows.length]);
  const at = Math.max(0, rows.findIndex((/** @type {Row} */ row) => row.key === current.key));
  useLayoutEffect(() => {
    if (!current.isMoved || !box.current) return;
    const { scrollTop, clientHeight } = box.current;
    if (at * ROW < scrollTop) box.current.scrollTop = at * ROW;
    else if ((at + 1) * ROW > scrollTop + clientHeight) box.current.scrollTop = (at + 1) * ROW - clientHeight;
    look();
  }, [current]);
  const { first, last } = rowsInView(view, ROW, rows.length);
  const drawn = rows.slice(first, last).map((/** @type {Row} */ row, /** @type {number} */ index) => ({ row, index: first + index }));
  if (rows.length && (at < first || at >= last)) drawn.push({ row: rows[at], index: at }); // where Tab leads
  // At once, for the next key may come before the next frame; and again where drawing moved the row, which costs it the focus.
  useLayoutEffect(() => {
    if (!current.isMoved || !box.current) return;
    const isElsewhere = document.activeElement !== document.body && !box.current.contains(document.activeElement);
    if (!isElsewhere) /** @type {HTMLElement|null} */ (box.current.querySelector(`[aria-rowindex="${at + 2}"]`))?.focus({ preventScroll: true });
  }, [current, at, first, last]);
  const places = useMemo(() => [...new Set(rows.filter((/** @type {Row} */ row) => row.kind === "document").map(placeOf))], [rows]);
  if (!rows.length) return html`<p class="empty">${t("library.nothing")}</p>`;
  const areAll = places.length > 0 && places.every((place) => chosen.has(place));
  const turn = (/** @type {string|null} */ place) => {
    if (place === null) return;
    const next = new Set(chosen);
    if (!next.delete(place)) next.add(place);
    onChoose(next);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const line = /** @type {HTMLElement} */ (event.target);
    if (line.getAttribute("role") !== "row") return; // a button in it has keys of its own
    const step = STEPS[event.key];
    const { group, one, kind: what, key, above } = rows[at];
    if (step !== undefined) setCurrent({ key: rows[Math.min(rows.length - 1, Math.max(0, at + step))].key, isMoved: true });
    else if (event.key === " ") turn(placeOf(rows[at]));
    else if (event.key === "Enter" && one?.status === "ok") showDocument(one);
    else if (event.key === "Enter" && key === above) actions.onFold(key);
    else if (event.key === "ArrowRight" ? folded.includes(key) : event.key === "ArrowLeft" && !folded.includes(above)) {
      actions.onFold(above);
      setCurrent({ key: above, isMoved: true });
    } else if (event.key === "F2" && group.collection && what === "collection") actions.onName(group.collection);
    else return;
    event.preventDefault();
  };
  return html`<div class="rows" role="grid" aria-rowcount=${rows.length + 1} aria-label=${t("library.title")} aria-multiselectable="true">
    <div class="row-head" role="row" aria-rowindex="1">
      <div role="columnheader" class="cell check"><input type="checkbox" aria-label=${t("library.chooseAll")} checked=${areAll} disabled=${!places.length}
        onChange=${() => onChoose(areAll ? new Set() : new Set([...chosen, ...places]))} /></div>
      ${COLUMNS.map(
        ({ key, label }) => html`<div role="columnheader" class=${`cell ${key}`} aria-sort=${sort.key === key ? (sort.down ? "descending" : "ascending") : "none"}>
          <button type="button" onClick=${() => onSort({ key, down: sort.key === key && !sort.down })}>${t(label)}
            ${sort.key === key && html`<${Icon} name=${sort.down ? "down" : "up"} />`}</button></div>`,
      )}<div role="columnheader" class="cell act"><span class="hidden">${t("more")}</span></div>
    </div>
    <div class="rows-body" role="rowgroup" ref=${box} onScroll=${look} onKeyDown=${keys}>
      <div role="none" style=${{ height: `${rows.length * ROW}px`, position: "relative" }}>
        ${drawn.map((/** @type {{row: Row, index: number}} */ { row, index }) => {
          const place = placeOf(row);
          const isChosen = place !== null && chosen.has(place);
          const css = `row-line ${{ collection: "group-row", source: "group-row source-row", branch: "group-row source-row branch-row", place: "", document: "" }[row.kind]} ${row.one && row.one.status !== "ok" ? "problem" : ""}`;
          return html`<div key=${row.key} class=${css} role="row" aria-rowindex=${index + 2} aria-selected=${place === null ? undefined : isChosen}
            tabindex=${index === at ? 0 : -1} style=${{ top: `${index * ROW}px` }} title=${row.one ? told(row.one.error) || row.one.path : undefined}
            onFocusIn=${() => row.key !== current.key && setCurrent({ key: row.key, isMoved: false })}>
            <${Cells} row=${row} tab=${index === at ? 0 : -1} isFolded=${folded.includes(row.key)} isChosen=${isChosen} onChoose=${() => turn(place)} ...${actions} />
          </div>`;
        })}
      </div>
    </div>
  </div>`;
}

/** @param {RowProps} props */
function Cells(props) {
  if (props.row.kind === "collection") return html`<${CollectionCells} ...${props} />`;
  if (props.row.kind === "source") return html`<${SourceCells} ...${props} />`;
  if (props.row.kind === "branch") return html`<${BranchCells} ...${props} />`;
  return props.row.kind === "place" ? html`<${FolderCells} ...${props} />` : html`<${DocumentCells} ...${props} />`;
}

/** @param {{name: string, tab: number, isChosen: boolean, onChoose: () => void}} props */
const Choice = ({ name, tab, isChosen, onChoose }) =>
  html`<div role="gridcell" class="cell check"><input type="checkbox" tabindex=${tab} checked=${isChosen} aria-label=${t("library.choose", { name: visible(name) })} onChange=${onChoose} /></div>`;

/** @param {{name: string, row: Row, tab: number, isFolded: boolean, onFold: (key: string) => void}} props */
const Fold = ({ name, row, tab, isFolded, onFold }) =>
  html`<${IconButton} icon=${isFolded ? "right" : "down"} tabindex=${tab} aria-expanded=${!isFolded} label=${t(isFolded ? "library.expand" : "library.fold", { name: visible(name) })} onClick=${() => onFold(row.key)} />`;

/** @param {{name: string, tab: number, items: any[]}} props */
const Actions = ({ name, tab, items }) =>
  html`<div role="gridcell" class="cell act"><${Menu} tab=${tab} label=${t("library.actions", { name: visible(name) })} items=${items} /></div>`;

/** @param {RowProps} props */
function CollectionCells({ row, tab, isFolded, onFold, onName }) {
  const { group } = row;
  const { collection } = group;
  if (!collection) return null;
  const { name } = collection;
  return html`<div role="gridcell" class="cell wide">
      <${Fold} name=${name} row=${row} tab=${tab} isFolded=${isFolded} onFold=${onFold} /><${Icon} name="collection" /><b><${Name}>${name}<//></b>
      <span class="quiet">${collection.locations.length ? number(group.total) : t("collection.empty")}</span>
    </div>
    <${Actions} name=${name} tab=${tab} items=${[
      { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ collections: [collection.id] }) },
      { label: t("rename"), icon: "pen", onClick: () => onName(collection) },
      null,
      { label: t("collection.delete"), icon: "trash", bad: true, onClick: () => deleteCollection(collection) },
    ]} />`;
}

/** Actions that not every user may take. @param {any[]} items */
const forAdmins = (...items) => (mayChange ? items : []);

/** @param {RowProps} props */
function SourceCells({ row, tab, isFolded, isChosen, onChoose, onFold, onRemove, onCollect }) {
  const { group } = row;
  const { source } = group;
  if (!source) return null;
  const name = sourceName(source);
  const isGone = status.value?.unreachable?.includes(source.location);
  return html`<${Choice} name=${name} tab=${tab} isChosen=${isChosen} onChoose=${onChoose} />
    <div role="gridcell" class="cell wide">
      <${Fold} name=${name} row=${row} tab=${tab} isFolded=${isFolded} onFold=${onFold} />
      <${Icon} name=${source.kind === "youtube" ? "video" : source.kind === "file" ? "file" : "folder"} />
      <b title=${source.location}><${Name}>${name}<//></b> <span class="quiet">${number(group.total)}</span>
      ${isGone && html`<span class="bad" title=${t("library.goneLong")}>${t("library.gone")}</span>`}
    </div>
    <${Actions} name=${name} tab=${tab} items=${[
      { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ folders: [source.location] }) },
      { label: t("collection.add"), icon: "collection", onClick: () => onCollect([source.location]) },
      ...forAdmins(
        { label: t("library.read"), icon: "refresh", onClick: () => readSources([source.location]) },
        { label: t("library.anew"), icon: "again", onClick: () => readSources([source.location], true) },
        null,
        { label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove({ location: source.location, name }) },
      ),
    ]} />`;
}

/** A folder of a source. @param {RowProps} props */
function BranchCells({ row, tab, isFolded, onFold, onCollect }) {
  const { folder = "", depth, count = 0 } = row;
  const name = fileName(folder);
  return html`<div role="gridcell" class="cell check"></div>
    <div role="gridcell" class="cell wide" style=${indented(depth)}>
      <${Fold} name=${name} row=${row} tab=${tab} isFolded=${isFolded} onFold=${onFold} />
      <${Icon} name="folder" /><span title=${folder}><${Name}>${name}<//></span> <span class="quiet">${number(count)}</span></div>
    <${Actions} name=${name} tab=${tab} items=${[
      { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ folders: [folder] }) },
      { label: t("collection.add"), icon: "collection", onClick: () => onCollect([folder]) },
      ...forAdmins({ label: t("library.anew"), icon: "again", onClick: () => readSources([folder], true) }),
    ]} />`;
}

/** @param {number} depth of a row below its source */
const indented = (depth) => ({ paddingInlineStart: `${1.25 * (depth + 1)}rem` });

/** A folder in a collection. @param {RowProps} props */
function FolderCells({ row: { group, folder = "" }, tab }) {
  const name = fileName(folder);
  const id = group.collection?.id ?? 0;
  return html`<div role="gridcell" class="cell check"></div>
    <div role="gridcell" class="cell name"><span class="link-row"><${Icon} name="folder" /> <${Name}>${name}<//></span></div>
    <div role="gridcell" class="cell title whole" title=${folder}><${Name}>${folder}<//></div>
    <${Actions} name=${name} tab=${tab} items=${[
      { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ folders: [folder] }) },
      { label: t("collection.take"), icon: "minus", onClick: () => changeCollection(id, { remove: [folder] }) },
    ]} />`;
}

/** The folder of a document in a list without folders. @param {{children?: any}} props */
const Where = ({ children }) => html`<span class="quiet"><${Name}>${children}<//></span>`;

/** @param {RowProps} props */
function DocumentCells({ row: { group, one, depth, where }, tab, isChosen, onChoose, onRemove, onCollect }) {
  if (!one) return null;
  const name = fileName(one.path);
  const isReady = one.status === "ok";
  const isCopy = /[/\\]inbox[/\\][^/\\]+$/.test(one.path);
  const { collection } = group;
  return html`<${Choice} name=${name} tab=${tab} isChosen=${isChosen} onChoose=${onChoose} />
    <div role="gridcell" class="cell name" style=${indented(depth)}>${isReady
      ? html`<button type="button" class="link-row" tabindex=${tab} onClick=${() => showDocument(one)}><${Name}>${name}<//>${where && html` <${Where}>${where}<//>`}</button>`
      : html`<span class="link-row"><${Name}>${name}<//>${where && html` <${Where}>${where}<//>`}</span>`}</div>
    <div role="gridcell" class="cell title">${isReady ? html`<${Name}>${one.title}<//>${copies.value[one.id] && html` <span class="tag" title=${t("library.copyOf", { path: visible(copies.value[one.id]) })}>${t("library.copy")}</span>`}` : html`<span class="why">${visible(told(one.error))}</span>`}</div>
    <div role="gridcell" class="cell kind">${kind(one)}</div>
    <div role="gridcell" class="cell page-count">${isReady && one.page_count ? number(one.page_count) : ""}</div>
    <div role="gridcell" class="cell status">${t(STATUS[/** @type {"ok"} */ (one.status)])}</div>
    <div role="gridcell" class="cell passages">${isReady ? number(one.chunks) : ""}</div>
    <div role="gridcell" class="cell size">${size(one.size)}</div>
    <div role="gridcell" class="cell date">${date(one.read_at)}</div>
    <${Actions} name=${name} tab=${tab} items=${[
      ...(isReady
        ? [
            { label: t("library.open"), icon: "file", onClick: () => showDocument(one) },
            { label: t("library.ask"), icon: "chat", onClick: () => askOnly({ documents: [one.id] }) },
            { label: t("library.summarise"), icon: "list", onClick: () => summarise(one) },
          ]
        : []),
      { label: t("collection.add"), icon: "collection", onClick: () => onCollect([one.path]) },
      ...(collection ? [{ label: t("collection.take"), icon: "minus", onClick: () => changeCollection(collection.id, { remove: [one.path] }) }] : []),
      ...forAdmins({ label: t("library.anew"), icon: "again", onClick: () => readSources([one.path], true) }),
      ...(isCopy && mayChange ? [null, { label: t("remove"), icon: "trash", bad: true, onClick: () => onRemove({ location: one.path, name }) }] : []),
    ]} />`;
}
