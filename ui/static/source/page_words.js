// @ts-check
/** Words on the pages of a PDF: which pages hold them, and where they stand in the text that lies over a drawn page. */

/** Small letters, one for each sign, so that places in the text stay what they are. @param {string} text */
const small = (text) => [...text].map((sign) => (sign.toLowerCase().length === sign.length ? sign.toLowerCase() : sign)).join("");

/** @param {string} text @param {string} words @returns {number[]} where they begin */
function places(text, words) {
  const [whole, wanted] = [small(text), small(words)];
  const found = [];
  for (let at = whole.indexOf(wanted); wanted.length > 1 && at >= 0; at = whole.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

/** The pages that hold the words, each as often as they stand on it. @param {any} pdf @param {string} words @returns {Promise<number[]>} */
export async function pagesHolding(pdf, words) {
  const found = [];
  for (let number = 1; number <= pdf.numPages && found.length < 1000; number++) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    const text = items.map((/** @type {any} */ item) => item.str + (item.hasEOL ? " " : "")).join("");
    found.push(...places(text, words).map(() => number));
  }
  return found;
}

/**
 * Marks the words in the text over a page, in place of those that were marked before.
 * @param {HTMLElement} layer @param {string} words @param {number} current which of them is the one that was gone to; -1 for none
 */
export function markWords(layer, words, current) {
  for (const mark of layer.querySelectorAll("mark")) mark.replaceWith(...mark.childNodes);
  layer.normalize();
  const pieces = textOf(layer);
  const text = pieces.map((piece) => piece.text).join("");
  const found = places(text, words);
  for (let nth = found.length - 1; nth >= 0; nth--) { // from the end: a text that is split keeps its beginning
    const start = found[nth];
    const end = start + words.length;
    for (const { node, text: own, at } of pieces) {
      if (node === null || at >= end || at + own.length <= start) continue;
      const part = node.splitText(Math.max(0, start - at));
      const length = Math.min(at + own.length, end) - Math.max(at, start);
      if (length < part.length) part.splitText(length);
      const mark = document.createElement("mark");
      mark.className = nth === current ? "found current" : "found";
      part.replaceWith(mark);
      mark.append(part);
    }
  }
}

/** The text over a page as `pagesHolding` reads it: a line that ends is a space. @param {HTMLElement} layer */
function textOf(layer) {
  const pieces = [];
  const walk = document.createTreeWalker(layer, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let at = 0; walk.nextNode(); ) {
    const node = walk.currentNode;
    const text = node instanceof Text ? node.data : node.nodeName === "BR" ? " " : "";
    if (text) pieces.push({ node: node instanceof Text ? node : null, text, at });
    at += text.length;
  }
  return pieces;
}
