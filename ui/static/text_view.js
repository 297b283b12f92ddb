// @ts-check
/** A document as its text, with the quote marked. A long one is drawn in pieces, and only those that are in view. */

import { get } from "./api.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./html.js";
import { FindBar } from "./find.js";
import { t } from "./words.js";

const PIECE_LINES = 120;
const CODE = ["application/json", "text/csv", "text/x-", "application/xml", "text/css", "text/javascript"];

/** @param {{document: any, view: import("./store.js").Shown}} props */
export function TextView({ document: about, view }) {
  const [text, setText] = useState(/** @type {string|null} */ (null));
  const [tables, setTables] = useState(/** @type {any[]} */ ([]));
  const [finding, setFinding] = useState("");
  const [at, setAt] = useState(0);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    get(`/api/documents/${about.id}/text`).then(setText, () => setText(""));
    get(`/api/documents/${about.id}/tables`).then((found) => setTables(found.tables), () => setTables([]));
  }, [about.id, about.read_at]);
  const points = useMemo(() => (text === null ? [] : [...text]), [text]); // positions count code points
  const quote = useMemo(() => located(points, view), [points, view.citations, view.index]);
  const matches = useMemo(() => found(points, finding), [points, finding]);
  const marks = useMemo(() => {
    const all = quote ? [{ ...quote.whole, name: "quote" }, ...(quote.read ? [{ ...quote.read, name: "read" }] : [])] : [];
    return [...all, ...matches.map((match, index) => ({ ...match, name: index === at ? "match current" : "match" }))];
  }, [quote, matches, at]);
  useLayoutEffect(() => {
    box.current?.querySelector(matches.length ? "mark.current" : "mark.quote")?.scrollIntoView({ block: "center" });
  }, [text, quote, matches, at]);
  if (text === null) return html`<p class="note pad">${t("source.loading")}</p>`;
  const isCode = CODE.some((kind) => about.media_type.startsWith(kind));
  return html`<${FindBar} count=${matches.length} at=${at} onFind=${(/** @type {string} */ words) => {
      setFinding(words);
      setAt(0);
    }} onTurn=${(/** @type {number} */ step) => setAt((at + step + matches.length) % Math.max(matches.length, 1))} />
    ${view.index >= 0 && view.citations[view.index].end > 0 && !quote && html`<p class="note pad" role="status">${t("source.changed")}</p>`}
    <div class=${`document-text ${isCode ? "code" : ""}`} ref=${box} tabindex="0" dir="auto">
      ${pieces(points, isCode ? [] : tables).map((piece) =>
        piece.table
          ? html`<${Grid} points=${points} table=${piece.table} marks=${marks} />`
          : html`<${Piece} key=${piece.start} points=${points} piece=${piece} marks=${overlapping(marks, piece)} numbered=${isCode} />`,
      )}
    </div>`;
}

/**
 * Where the quote of the shown citation stands now; null when the document has changed and it is gone.
 * @param {string[]} points @param {import("./store.js").Shown} view
 */
function located(points, view) {
  const citation = view.citations[view.index];
  if (!citation || citation.end <= citation.start) return null;
  let start = citation.start;
  const quote = citation.quote || points.slice(citation.start, citation.end).join("");
  const length = [...quote].length;
  if (points.slice(start, start + length).join("") !== quote) {
    const found = points.join("").indexOf(quote);
    if (found < 0) return null;
    start = [...points.join("").slice(0, found)].length;
  }
  const moved = start - citation.start;
  const { span } = view;
  const isRead = span && span.document_id === citation.document_id && citation.start <= span.start && span.end <= citation.end;
  return {
    whole: { start, end: start + length },
    read: isRead ? { start: span.start + moved, end: span.end + moved } : null,
  };
}

/** @param {string[]} points @param {string} words @returns {{start: number, end: number}[]} */
function found(points, words) {
  const wanted = [...words.toLowerCase()];
  if (wanted.length < 2) return [];
  const matches = [];
  for (let at = 0; at + wanted.length <= points.length && matches.length < 1000; at++) {
    if (wanted.every((letter, index) => points[at + index].toLowerCase() === letter)) {
      matches.push({ start: at, end: at + wanted.length });
      at += wanted.length - 1;
    }
  }
  return matches;
}

/**
 * Cuts a text at lines into pieces of which the browser draws those in view, and takes tables out of them.
 * @param {string[]} points @param {any[]} tables
 */
function pieces(points, tables) {
  /** @type {{start: number, end: number, line: number, table?: any}[]} */
  const all = [];
  let line = 1;
  const cut = (/** @type {number} */ from, /** @type {number} */ to) => {
    let start = from;
    let lines = 0;
    for (let at = from; at < to; at++) {
      if (points[at] !== "\n") continue;
      if (++lines === PIECE_LINES) {
        all.push({ start, end: at + 1, line });
        line += lines;
        lines = 0;
        start = at + 1;
      }
    }
    if (start < to) all.push({ start, end: to, line });
    line += lines;
  };
  let at = 0;
  for (const table of tables) {
    if (table.start < at) continue; // a table within a table is shown by the outer one
    cut(at, table.start);
    all.push({ start: table.start, end: table.end, line, table });
    line += points.slice(table.start, table.end).filter((point) => point === "\n").length;
    at = table.end;
  }
  cut(at, points.length);
  return all;
}

/** @param {any[]} marks @param {{start: number, end: number}} piece */
const overlapping = (marks, { start, end }) => marks.filter((mark) => mark.start < end && mark.end > start);

/** @param {{points: string[], piece: any, marks: any[], numbered: boolean}} props */
const Piece = ({ points, piece, marks, numbered }) =>
  html`<div class="piece" style=${numbered ? { counterReset: `line ${piece.line - 1}` } : {}}>
    ${numbered
      ? lines(points, piece).map((line) => html`<span class="line">${marked(points, line.start, line.end, overlapping(marks, line))}</span>`)
      : marked(points, piece.start, piece.end, marks)}
  </div>`;

/** @param {string[]} points @param {{start: number, end: number}} piece */
function lines(points, { start, end }) {
  const all = [];
  let from = start;
  for (let at = start; at < end; at++) {
    if (points[at] === "\n" || at === end - 1) {
      all.push({ start: from, end: at + 1 });
      from = at + 1;
    }
  }
  return all;
}

/** Text with its marks; where several lie over each other, the last one counts. @param {string[]} points @param {number} start @param {number} end @param {any[]} marks */
function marked(points, start, end, marks) {
  if (!marks.length) return points.slice(start, end).join("");
  const edges = [...new Set([start, end, ...marks.flatMap((mark) => [mark.start, mark.end])])]
    .filter((edge) => edge >= start && edge <= end)
    .sort((a, b) => a - b);
  return edges.slice(0, -1).map((from, index) => {
    const to = edges[index + 1];
    const over = marks.filter((mark) => mark.start <= from && mark.end >= to);
    const text = points.slice(from, to).join("");
    return over.length ? html`<mark class=${over.map((mark) => mark.name).join(" ")}>${text}</mark>` : text;
  });
}

/** A table as a grid; its cells are stretches of the text. @param {{points: string[], table: any, marks: any[]}} props */
function Grid({ points, table, marks }) {
  const named = table.columns.some((/** @type {string} */ name) => name) && !table.rows.some((/** @type {any} */ row) => row.header);
  const columns = Math.max(table.columns.length, ...table.rows.flatMap((/** @type {any} */ row) => row.cells.map((/** @type {any} */ cell) => cell.column + 1)));
  const isQuoted = (/** @type {any} */ row) => marks.some((mark) => mark.name === "quote" && mark.start < row.end && mark.end > row.start);
  return html`<div class="table-frame" tabindex="0"><table>
    ${table.caption && html`<caption>${table.caption}</caption>`}
    ${named && html`<tr>${Array.from({ length: columns }, (_, at) => html`<th scope="col" dir="auto">${table.columns[at] ?? ""}</th>`)}</tr>`}
    ${table.rows.map(
      (/** @type {any} */ row) => html`<tr class=${isQuoted(row) ? "quoted" : ""}>
        ${Array.from({ length: columns }, (_, at) => {
          const cell = row.cells.find((/** @type {any} */ one) => one.column === at);
          return html`<${row.header ? "th" : "td"} dir="auto">${cell && marked(points, cell.start, cell.end, overlapping(marks, cell))}<//>`;
        })}
      </tr>`,
    )}
  </table></div>`;
}
