// @ts-check
/** Markdown in a paragraph as it is read: bold, italic, code and links without the signs that say so. */

import { html } from "../parts/html.js";
import { marked, overlapping } from "./marks.js";

/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{tag: string, from: number, start: number, end: number, to: number}} Stretch what is read stands from `start` to `end`, with its signs from `from` to `to` */

const LONGEST = 5_000; // characters: what is longer stays as it is
const DEEPEST = 4;
const SIGNS =
  /(?<tick>`+)(?<code>[^`\n]+)\k<tick>|!?\[(?<link>[^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)|(?<sign>\*\*|__)(?=\S)(?<strong>[\s\S]{0,1000}?\S)\k<sign>|(?<![\w*])\*(?=[^\s*])(?<em>[^*\n]*[^\s*])\*(?![\w*])|(?<![\w_])_(?=[^\s_])(?<i>[^_\n]*[^\s_])_(?![\w_])|\\(?<plain>[\\`*_{}[\]()#+.!|~>-])/dg;
const TAGS = /** @type {Record<string, string>} */ ({ code: "code", link: "span", strong: "strong", em: "em", i: "em", plain: "span" });
const FENCED = /^(\s*(`{3,}|~{3,})[^\n]*\n)[\s\S]*?(\n?[ \t]*\2[`~]*\s*)$/;
const QUOTED = /^(?:[ \t]*>)+[ \t]?/;
const BULLET = /^\s*[-*+][ \t]+(?:\[([ xX])\][ \t]+)?/;

/**
 * @param {string[]} points @param {number} start @param {number} end @param {Mark[]} marks @param {number} [depth] of what stands within another
 * @returns {any} what is found is shown with its signs, for it may be one of them
 */
export function worded(points, start, end, marks, depth = 0) {
  const found = depth < DEEPEST ? stretches(points, start, end) : [];
  if (!found.length) return marked(points, start, end, marks);
  const shown = [];
  let at = start;
  for (const { tag, from, start: first, end: last, to } of found) {
    shown.push(marked(points, at, from, overlapping(marks, { start: at, end: from })));
    const isSought = overlapping(marks, { start: from, end: to }).some(({ name, start: a, end: b }) => name.startsWith("match") && (a < first || b > last));
    const [a, b] = isSought ? [from, to] : [first, last];
    const within = overlapping(marks, { start: a, end: b });
    shown.push(html`<${tag}>${tag === "code" || isSought ? marked(points, a, b, within) : worded(points, a, b, within, depth + 1)}<//>`);
    at = to;
  }
  shown.push(marked(points, at, end, overlapping(marks, { start: at, end })));
  return shown;
}

/** An item of a list: with a point, or a box that is ticked or not, for its sign. @param {string[]} points @param {number} start @param {number} end @param {Mark[]} marks */
export function itemWorded(points, start, end, marks) {
  const [sign, box] = BULLET.exec(points.slice(start, Math.min(end, start + 80)).join("")) ?? ["", undefined];
  const point = !sign ? "" : box === undefined ? "• " : box === " " ? "☐ " : "☑ ";
  return [point, worded(points, start + sign.length, end, marks)];
}

/** Code without the fence around it. @param {string[]} points @param {number} start @param {number} end @param {Mark[]} marks */
export function codeWorded(points, start, end, marks) {
  const text = points.slice(start, end).join("");
  const [, open = "", , close = ""] = FENCED.exec(text) ?? [];
  const [first, last] = [start + [...open].length, end - [...close].length];
  return marked(points, first, last, overlapping(marks, { start: first, end: last }));
}

/** A paragraph; one whose lines are all quoted loses the signs before them. @param {string[]} points @param {number} start @param {number} end @param {Mark[]} marks */
export function paragraphWorded(points, start, end, marks) {
  if (end - start > LONGEST) return marked(points, start, end, marks);
  const lines = points.slice(start, end).join("").split("\n");
  if (!lines.every((line) => QUOTED.test(line) || !line.trim())) return worded(points, start, end, marks);
  let at = start;
  const said = lines.map((line) => {
    const [from, to] = [at + (QUOTED.exec(line)?.[0].length ?? 0), at + [...line].length];
    at = to + 1;
    return [worded(points, from, to, overlapping(marks, { start: from, end: to })), "\n"];
  });
  return html`<q>${said}</q>`;
}

/** @param {string[]} points @param {number} start @param {number} end @returns {Stretch[]} */
function stretches(points, start, end) {
  if (end - start > LONGEST) return [];
  const text = points.slice(start, end).join("");
  const place = text.length === end - start ? (/** @type {number} */ at) => start + at : (/** @type {number} */ at) => start + [...text.slice(0, at)].length;
  return [...text.matchAll(SIGNS)].map((match) => {
    const { groups, 0: whole } = /** @type {any} */ (match).indices;
    const name = /** @type {string} */ (Object.keys(TAGS).find((one) => groups[one]));
    return { tag: TAGS[name], from: place(whole[0]), start: place(groups[name][0]), end: place(groups[name][1]), to: place(whole[1]) };
  });
}
