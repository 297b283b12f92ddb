// @ts-check
/** A document laid out to be read: slides and sheets as pages, mail with its headers, transcripts with their times. */

import { clock, place, video } from "../parts/format.js";
import { html, useEffect, useRef, useState } from "../parts/html.js";
import { t } from "../words/words.js";
import { ComingGrid, Grid } from "./grid.js";
import { laidOut } from "./layout.js";
import { codeWorded, itemWorded, paragraphWorded, worded } from "./markdown.js";
import { marked, overlapping } from "./marks.js";

/** @typedef {import("./layout.js").Item} Item */
/** @typedef {import("./marks.js").Mark} Mark */

const TOGETHER = 30; // items that are drawn together
const DRAWN_AT_ONCE = 4; // groups at the head of the document
const ITEM_PX = 60; // about, for the length of the bar before a group is drawn
const ROW_PX = 29;
const AHEAD = "1200px";
const MARKDOWN = "text/markdown";
const WORDED = /** @type {Record<string, typeof marked>} */ ({ code: codeWorded, list: itemWorded, paragraph: paragraphWorded });

/** @param {{points: string[], document: any, layout: any, tables: any[], marks: Mark[]}} props */
export function Reader({ points, document: about, layout, tables, marks }) {
  const pages = laidOut(points, layout.blocks, tables, layout.places, about.media_type);
  let drawn = 0;
  const groups = (/** @type {Item[]} */ items) =>
    grouped(items).map((group) => {
      const isMarked = group.some((item) => overlapping(marks, item).length);
      return html`<${Group} key=${group[0].start} isForced=${isMarked || drawn++ < DRAWN_AT_ONCE} height=${height(group)}
        draw=${() => group.map((item) => html`<${Piece} points=${points} item=${item} about=${about} marks=${overlapping(marks, item)} />`)} />`;
    });
  return pages.map(({ place: at, items }) =>
    at === null
      ? groups(items)
      : html`<section class="leaf" key=${at.start} aria-label=${place({ ...at, source: about.path })}>
          <p class="leaf-name quiet">${place({ ...at, source: about.path })}</p>${groups(items)}</section>`,
  );
}

/** Items that are drawn together; those of one list stay together in it. @param {Item[]} items @returns {Item[][]} */
function grouped(items) {
  /** @type {Item[][]} */
  const groups = [];
  for (const item of items) {
    const last = groups.at(-1);
    if (last && last.length < TOGETHER && item.kind !== "table" && last[0].kind !== "table") last.push(item);
    else groups.push([item]);
  }
  return groups;
}

/** @param {Item[]} group */
const height = (group) => group.reduce((sum, item) => sum + (item.rows ? item.rows.length * ROW_PX : ITEM_PX), 0);

/** Draws what it holds once it comes near the view. @param {{isForced: boolean, height: number, draw: () => any}} props */
function Group({ isForced, height: estimate, draw }) {
  const [isNear, near] = useState(isForced);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const isDrawn = isForced || isNear;
  useEffect(() => {
    if (isDrawn || !box.current) return undefined;
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && near(true), { rootMargin: AHEAD });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [isDrawn]);
  return html`<div class="doc-group" ref=${box} style=${isDrawn ? {} : { height: `${estimate}px` }}>${isDrawn && draw()}</div>`;
}

/** @param {{points: string[], item: Item, about: any, marks: Mark[]}} props */
function Piece({ points, item, about, marks }) {
  const { kind, start, end, level, label } = item;
  const write = about.media_type !== MARKDOWN ? marked : (WORDED[kind] ?? worded);
  const text = start < end ? write(points, start, end, marks) : label;
  switch (kind) {
    case "heading":
      return html`<${`h${Math.min(Math.max(level, 1) + 2, 6)}`} dir="auto">${text}<//>`;
    case "list":
      return html`<p class="item" dir="auto" style=${{ marginInlineStart: `${Math.min(level, 6) * 1.25}rem` }}>${text}</p>`;
    case "code":
      return html`<pre tabindex="0">${text}</pre>`;
    case "note":
      return html`<aside class="doc-note" dir="auto"><b>${t("source.note")}</b> ${text}</aside>`;
    case "contents":
      return html`<details class="doc-contents" open=${marks.length > 0}><summary>${t("source.contents")}</summary><p dir="auto">${text}</p></details>`;
    case "margin":
      return html`<p class="doc-margin quiet" dir="auto">${text}</p>`;
    case "table":
      return item.table.address
        ? html`<${ComingGrid} points=${points} item=${item} height=${height([item])} marks=${marks} write=${write} />`
        : html`<${Grid} points=${points} table=${item.table} rows=${item.rows} isFirst=${item.isFirst} marks=${marks} write=${write} />`;
    case "headers":
      return html`<${Headers} points=${points} item=${item} marks=${marks} />`;
    case "moment":
      return html`<${Moment} item=${item} path=${about.path}>${text}<//>`;
    default:
      return html`<p class=${kind === "caption" ? "doc-caption" : ""} dir="auto">${text}</p>`;
  }
}

/** The headers of a mail, as names and values. @param {{points: string[], item: Item, marks: Mark[]}} props */
function Headers({ points, item, marks }) {
  const lines = [];
  let from = item.start;
  for (let at = item.start; at <= item.end; at++) {
    if (at < item.end && points[at] !== "\n") continue;
    const colon = points.indexOf(":", from);
    if (colon > 0 && colon < at) lines.push({ name: points.slice(from, colon).join(""), start: colon + 1, end: at });
    from = at + 1;
  }
  return html`<dl class="facts mail-headers">${lines.map(
    ({ name, start, end }) => html`<dt>${name}</dt><dd dir="auto">${marked(points, start, end, overlapping(marks, { start, end }))}</dd>`,
  )}</dl>`;
}

/** What is said from a second on, with the way to hear it. @param {{item: Item, path: string, children?: any}} props */
function Moment({ item, path, children }) {
  const seconds = item.start_s ?? 0;
  const address = video(path, seconds);
  return html`<div class="moment">
    ${address
      ? html`<a class="time" href=${address} target="_blank" rel="noopener noreferrer" aria-label=${t("source.watch", { time: t("place.at", { time: clock(seconds) }) })}>${clock(seconds)}</a>`
      : html`<span class="time">${clock(seconds)}</span>`}
    <p dir="auto">${children}</p></div>`;
}
