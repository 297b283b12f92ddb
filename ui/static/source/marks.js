// @ts-check
/** Stretches of a document's text that are marked: a quote, the words read from it, what is found. Positions count code points. */

import { html } from "../parts/html.js";

/** @typedef {{start: number, end: number}} Span */
/** @typedef {Span & {name: string}} Mark */

/** @template {Span} T @param {T[]} spans @param {Span} within @returns {T[]} */
export const overlapping = (spans, { start, end }) => spans.filter((one) => one.start < end && one.end > start);

/** Text with its marks; where several lie over each other, the last one counts. @param {string[]} points @param {number} start @param {number} end @param {Mark[]} marks */
export function marked(points, start, end, marks) {
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

/**
 * Where the quote of the shown citation stands now; null when the document has changed and it is gone.
 * @param {string[]} points @param {import("../state/store.js").Shown} view
 */
export function located(points, view) {
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

/** @param {string[]} points @param {string} words @returns {Span[]} */
export function found(points, words) {
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
