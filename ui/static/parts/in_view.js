// @ts-check
/** Long lists of rows of one height, of which only those in view are drawn. */

import { useEffect, useState } from "./html.js";

const SPARE = 12; // rows drawn beyond the edges
const STEP = 4; // rows after which those that are drawn are chosen anew

/** @typedef {{top: number, height: number}} View in pixels */

/**
 * What of a scrolled box is in view, to within some rows, and what looks again.
 * @param {{current: HTMLElement|null}} box @param {number} row its height in pixels @returns {{view: View, look: () => void}}
 */
export function useView(box, row) {
  const [view, setView] = useState({ top: 0, height: 800 });
  const look = () => {
    if (!box.current) return;
    const top = Math.floor(box.current.scrollTop / (row * STEP)) * row * STEP;
    const height = box.current.clientHeight;
    setView((before) => (before.top === top && before.height === height ? before : { top, height }));
  };
  useEffect(() => {
    window.addEventListener("resize", look);
    return () => window.removeEventListener("resize", look);
  }, [row]);
  return { view, look };
}

/**
 * The first row to draw, and the one after the last.
 * @param {View} view @param {number} row its height in pixels @param {number} count of rows @param {number} [offset] where the rows begin in the box
 */
export function rowsInView({ top, height }, row, count, offset = 0) {
  const within = (/** @type {number} */ at) => Math.min(count, Math.max(0, at));
  return { first: within(Math.floor((top - offset) / row) - SPARE), last: within(Math.ceil((top + height - offset) / row) + STEP + SPARE) };
}
