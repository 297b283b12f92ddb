// @ts-check
/** A document from its text, with the quote marked: laid out to be read, or line by line as Docent has read it. */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../parts/html.js";
import { get } from "../state/api.js";
import { t } from "../words/words.js";
import { FindBar } from "./find.js";
import { found, located, marked, overlapping } from "./marks.js";
import { Reader } from "./reader.js";

const PIECE_LINES = 120;
const MANY_CHARACTERS = 400_000; // the cells of larger documents come when they are drawn
const CODE = ["application/json", "text/x-", "application/xml", "text/css", "text/javascript"];
const PLAIN = ["text/plain"];
const NO_LAYOUT = { blocks: [], places: [] };

/** @param {string} mediaType */
const isCode = (mediaType) => CODE.some((kind) => mediaType.startsWith(kind));
/** Whether a document of this type can be laid out. @param {string} mediaType */
export const hasLayout = (mediaType) => !isCode(mediaType) && !PLAIN.includes(mediaType);

/** @param {{document: any, view: import("../state/store.js").Shown, asText: boolean}} props */
export function TextView({ document: about, view, asText }) {
  const [text, setText] = useState(/** @type {string|null} */ (null));
  const [tables, setTables] = useState(/** @type {any[]} */ ([]));
  const [layout, setLayout] = useState(/** @type {any} */ (null));
  const [finding, setFinding] = useState("");
  const [at, setAt] = useState(0);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    const wanted = `/api/documents/${about.id}`;
    const read = get(`${wanted}/text`).then(
      (/** @type {string} */ whole) => {
        setText(whole);
        return whole.length < MANY_CHARACTERS;
      },
      () => {
        setText("");
        return true;
      },
    );
    read.then((isSmall) => get(`${wanted}/tables?cells=${isSmall}`).then(
      (reply) => setTables(isSmall ? reply.tables : reply.tables.map((/** @type {any} */ table) => ({ ...table, address: `${wanted}/tables` }))),
      () => setTables([]),
    ));
    get(`${wanted}/layout`).then(setLayout, () => setLayout(NO_LAYOUT));
  }, [about.id, about.read_at]);
  const points = useMemo(() => (text === null ? [] : [...text]), [text]); // positions count code points
  const quote = useMemo(() => located(points, view), [points, view.citations, view.index]);
  const matches = useMemo(() => found(points, finding), [points, finding]);
  const marks = useMemo(() => {
    const all = quote ? [{ ...quote.whole, name: "quote" }, ...(quote.read ? [{ ...quote.read, name: "read" }] : [])] : [];
    return [...all, ...matches.map((match, index) => ({ ...match, name: index === at ? "match current" : "match" }))];
  }, [quote, matches, at]);
  useLayoutEffect(() => {
    let isOld = false;
    const show = () => !isOld && box.current?.querySelector(matches.length ? "mark.current" : "mark.quote, tr.quoted, .table-coming.quoted")?.scrollIntoView({ block: "center" });
    show();
    requestAnimationFrame(() => requestAnimationFrame(show)); // what came into view on the way is as high as it is by then
    return () => {
      isOld = true;
    };
  }, [text, layout, asText, quote, matches, at]);
  if (text === null || layout === null) return html`<p class="note pad">${t("source.loading")}</p>`;
  const numbered = isCode(about.media_type);
  const isRead = hasLayout(about.media_type) && !asText;
  return html`<${FindBar} count=${matches.length} at=${at} onFind=${(/** @type {string} */ words) => {
      setFinding(words);
      setAt(0);
    }} onTurn=${(/** @type {number} */ step) => setAt((at + step + matches.length) % Math.max(matches.length, 1))} />
    ${view.index >= 0 && view.citations[view.index].end > 0 && !quote && html`<p class="note pad" role="status">${t("source.changed")}</p>`}
    <div class=${isRead ? "document-read" : `document-text ${numbered ? "code" : ""}`} ref=${box} tabindex="0" dir="auto">
      ${isRead
        ? html`<${Reader} points=${points} document=${about} layout=${layout} tables=${tables} marks=${marks} />`
        : pieces(points).map((piece) => html`<${Piece} key=${piece.start} points=${points} piece=${piece} marks=${overlapping(marks, piece)} numbered=${numbered} />`)}
    </div>`;
}

/** Cuts a text at lines into pieces of which the browser draws those in view. @param {string[]} points */
function pieces(points) {
  const all = [];
  let [start, line, count] = [0, 1, 0];
  for (let at = 0; at < points.length; at++) {
    if (points[at] !== "\n" || ++count < PIECE_LINES) continue;
    all.push({ start, end: at + 1, line });
    [start, line, count] = [at + 1, line + count, 0];
  }
  if (start < points.length) all.push({ start, end: points.length, line });
  return all;
}

/** @param {{points: string[], piece: any, marks: any[], numbered: boolean}} props */
const Piece = ({ points, piece, marks, numbered }) =>
  html`<div class="piece">
    ${numbered
      ? lines(points, piece).map((line, at) => html`<span class="line" data-number=${piece.line + at}>${marked(points, line.start, line.end, overlapping(marks, line))}</span>`)
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
