// @ts-check
/** A table of a document as a grid; its cells are stretches of the text. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { get, query } from "../state/api.js";
import { marked, overlapping } from "./marks.js";

/** @param {{points: string[], table: any, rows?: any[], marks: import("./marks.js").Mark[], isFirst?: boolean, write?: typeof marked}} props `rows`: those of the table that are drawn */
export function Grid({ points, table, rows = table.rows, marks, isFirst = true, write = marked }) {
  const named = table.columns.some((/** @type {string} */ name) => name) && !rows.some((/** @type {any} */ row) => row.header);
  const columns = Math.max(table.columns.length, ...rows.flatMap((/** @type {any} */ row) => row.cells.map((/** @type {any} */ cell) => cell.column + 1)));
  const isQuoted = (/** @type {any} */ row) => marks.some((mark) => mark.name === "quote" && mark.start < row.end && mark.end > row.start);
  return html`<div class="table-frame" tabindex="0"><table>
    ${table.caption && isFirst && html`<caption>${table.caption}</caption>`}
    ${named && html`<tr>${Array.from({ length: columns }, (_, at) => html`<th scope="col" dir="auto">${table.columns[at] ?? ""}</th>`)}</tr>`}
    ${rows.map(
      (/** @type {any} */ row) => html`<tr class=${isQuoted(row) ? "quoted" : ""}>
        ${Array.from({ length: columns }, (_, at) => {
          const cell = row.cells.find((/** @type {any} */ one) => one.column === at);
          return html`<${row.header ? "th" : "td"} dir="auto">${cell && write(points, cell.start, cell.end, overlapping(marks, cell))}<//>`;
        })}
      </tr>`,
    )}
  </table></div>`;
}

/**
 * A part of a table whose cells come from the server once it is drawn: those of all tables of a large document together
 * are many times as long as its text.
 * @param {{points: string[], item: import("./layout.js").Item, height: number, marks: import("./marks.js").Mark[], write?: typeof marked}} props `height` in pixels, about, until it is there
 */
export function ComingGrid({ points, item, height, marks, write = marked }) {
  const [table, setTable] = useState(/** @type {any} */ (null));
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const { start, end, table: outline, isFirst } = item;
  const isQuoted = marks.some((mark) => mark.name === "quote");
  useEffect(() => {
    const show = (/** @type {any[]} */ tables) => setTable(tables.find((one) => one.start === outline.start) ?? { ...outline, rows: [] });
    get(outline.address + query({ start, end })).then((reply) => show(reply.tables), () => show([]));
  }, [outline.address, start, end]);
  useLayoutEffect(() => {
    if (table && isQuoted) box.current?.querySelector("mark.quote, tr.quoted")?.scrollIntoView({ block: "center" });
  }, [table]);
  if (!table) return html`<div class=${`table-coming ${isQuoted ? "quoted" : ""}`} style=${{ height: `${height}px` }}></div>`;
  return html`<div ref=${box}><${Grid} points=${points} table=${table} marks=${marks} isFirst=${isFirst} write=${write} /></div>`;
}
