// @ts-check
/** Cuts the text of a document into what a reader draws: pages of headings, paragraphs, items, tables, notes, moments. */

/** @typedef {{start: number, end: number, kind: string, level: number, label: string|null}} Block */
/** @typedef {{start: number, page: number|null, page_label: string|null, start_s: number|null}} Place */
/** @typedef {{kind: string, start: number, end: number, level: number, label: string|null, table?: any, rows?: any[], isFirst?: boolean, start_s?: number|null}} Item */
/** @typedef {{place: Place|null, items: Item[]}} Page */

const ROWS = 200; // of a table that are drawn together
const NO_TEXT = /^[\s#>*_=~`|-]*$/; // what Markdown has in front of a heading
const HEADER_LINE = /^[A-Z][\w-]{1,20}: \S/;
const MAIL = ["message/rfc822", "application/vnd.ms-outlook", "application/mbox"];

/**
 * @param {string[]} points @param {Block[]} blocks @param {any[]} tables @param {Place[]} places @param {string} mediaType
 * @returns {Page[]}
 */
export function laidOut(points, blocks, tables, places, mediaType) {
  const items = places.some((place) => place.start_s !== null) ? moments(points, places) : inOrder(points, blocks, tables, mediaType);
  const pages = places.filter((place) => place.page !== null);
  if (!pages.length) return [{ place: null, items }];
  return pages
    .map((place, at) => {
      const end = pages[at + 1]?.start ?? Infinity;
      return { place, items: items.filter((item) => item.start >= place.start && item.start < end && !(item.start === item.end && item.start !== place.start)) };
    })
    .filter((page) => page.items.length);
}

/** @param {string[]} points @param {Place[]} places @returns {Item[]} */
const moments = (points, places) =>
  places.map((place, at) => ({ kind: "moment", start: place.start, end: places[at + 1]?.start ?? points.length, level: 0, label: null, start_s: place.start_s }));

/** @param {string[]} points @param {Block[]} blocks @param {any[]} tables @param {string} mediaType @returns {Item[]} */
function inOrder(points, blocks, tables, mediaType) {
  const isMail = MAIL.includes(mediaType);
  /** @type {Item[]} */
  const known = [...blocks, ...tables.flatMap(parts)];
  known.sort((a, b) => a.start - b.start || a.end - b.end);
  /** @type {Item[]} */
  const items = [];
  let at = 0;
  for (const item of known) {
    if (item.start < at) continue; // a table within a table is shown by the outer one
    paragraphs(points, at, item.start, isMail, items);
    if (item.kind !== "hidden") items.push(item);
    at = item.end;
  }
  paragraphs(points, at, points.length, isMail, items);
  return items;
}

/** A table in parts that can be drawn one by one. @param {any} table @returns {Item[]} */
function parts(table) {
  const all = [];
  for (let at = 0; at < table.rows.length; at += ROWS) {
    const rows = table.rows.slice(at, at + ROWS);
    all.push({ kind: "table", start: rows[0].start, end: rows[rows.length - 1].end, level: 0, label: null, table, rows, isFirst: at === 0 });
  }
  return all;
}

/** The paragraphs between two positions, parted by empty lines. @param {string[]} points @param {number} from @param {number} to @param {boolean} isMail @param {Item[]} items */
function paragraphs(points, from, to, isMail, items) {
  let start = from;
  const end = (/** @type {number} */ stop) => {
    const text = points.slice(start, stop).join("");
    if (!NO_TEXT.test(text)) {
      const lines = text.trim().split("\n");
      const kind = isMail && lines.length > 1 && lines.every((line) => HEADER_LINE.test(line)) ? "headers" : "paragraph";
      items.push({ kind, start, end: stop, level: 0, label: null });
    }
  };
  for (let at = from; at < to; at++) {
    if (points[at] !== "\n" || points[at + 1] !== "\n") continue;
    end(at);
    start = at + 2;
    at++;
  }
  if (start < to) end(to);
}
