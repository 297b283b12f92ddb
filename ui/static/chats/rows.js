// @ts-check
/** Rows of tables in an answer: sentences behind which a row is cited become rows of a table again. */

/** @typedef {import("../state/store.js").Citation} Citation */
/** @typedef {{names: string[], values: string[], marks: string}} Row */

const CITED = /\ue000(\d+)\ue003/gu; // as in answer.js
const SENTENCE = /\s*([^\ue000]*?)\s*((?:\ue000\d+\ue003)+)\s*/guy; // y: where no mark follows, not tried from each place
const NAMED = /^([^:|]{1,60}): /;
const BETWEEN = /^(?:[,;:] |\.?$)/;
const FRONT = /^(?:\S+ ){3}.*[.!?] \p{Lu}/u; // what a nearest passage is introduced by, up to its colon
const LONGEST = 120; // characters in front of a colon
const FEWEST = 3; // cells of a row that stands alone; a name and a value read better as a sentence

/** The paragraphs of a text, quoted rows of one table together. @param {string} text @param {Citation[]} citations @returns {(string|Row[])[]} */
export function grouped(text, citations) {
  /** @type {(string|Row[])[]} */
  const found = [];
  for (const paragraph of text.trim().split(/\n{2,}/)) {
    const colon = paragraph.indexOf(": ") + 1;
    const front = FRONT.test(paragraph.slice(0, Math.min(colon, LONGEST))) ? paragraph.slice(0, colon) : "";
    const rows = asRows(paragraph.slice(front.length).trimStart(), citations);
    if (!rows || front) found.push(rows ? front : paragraph);
    for (const row of rows ?? []) {
      const last = found.at(-1);
      if (Array.isArray(last) && last[0].names.join("\n") === row.names.join("\n")) last.push(row);
      else found.push([row]);
    }
  }
  return found;
}

/** The rows that a paragraph says, each behind its sentence; null for any other paragraph. @param {string} paragraph @param {Citation[]} citations @returns {Row[]|null} */
function asRows(paragraph, citations) {
  const sentences = [...paragraph.matchAll(SENTENCE)];
  if (!sentences.length || sentences.map((one) => one[0]).join("") !== paragraph) return null;
  const rows = [];
  for (const [, said, marks] of sentences) {
    const quotes = [...marks.matchAll(CITED)].map((mark) => citations[Number(mark[1])]?.quote ?? "");
    if (!quotes.every((quote) => quote.includes(" | "))) return null;
    const row = asCells(said, quotes[0]) ?? asPairs(said);
    if (!row) return null;
    rows.push({ ...row, marks });
  }
  return rows.length > 1 || rows[0].values.length >= FEWEST || asPairs(sentences[0][1]) ? rows : null;
}

/**
 * "July, 2023, Visitors: 3987." said of the row "Month: July | Year: 2023 | Visitors: 3987 | Days without a boat: 1", or
 * "Rent: Old: 640; New: 690." of "| Rent | 640 | 690 |", which has no names: each cell of it stands in the row.
 * @param {string} said @param {string} quote @returns {{names: string[], values: string[]}|null}
 */
function asCells(said, quote) {
  const cells = quote
    .split("|")
    .map((cell) => cell.trim())
    .filter(Boolean)
    .map((cell) => ({ name: NAMED.exec(cell)?.[1] ?? "", value: cell.replace(NAMED, "") }));
  const [names, values] = [/** @type {string[]} */ ([]), /** @type {string[]} */ ([])];
  /** The longest cell of the name that a text begins with. @param {string} text @param {string} [name] */
  const first = (text, name) =>
    cells
      .filter((one) => (!name || !one.name || one.name === name) && text.startsWith(one.value) && BETWEEN.test(text.slice(one.value.length)))
      .sort((a, b) => b.value.length - a.value.length)[0];
  let isNamed = false;
  for (let rest = said; rest && rest !== "."; ) {
    const name = first(rest) ? "" : NAMED.exec(rest)?.[1];
    if (name === undefined) return null;
    if (name) rest = rest.slice(name.length + 2);
    const cell = first(rest, name);
    if (!cell) return null;
    isNamed ||= name !== "";
    names.push(name || cell.name);
    values.push(cell.value);
    cells.splice(cells.indexOf(cell), 1);
    rest = rest.slice(cell.value.length).replace(/^[,;:] /, "");
  }
  return isNamed && values.length > 1 ? { names, values } : null;
}

/** "Month: July; Visitors: 4102". @param {string} said @returns {{names: string[], values: string[]}|null} */
function asPairs(said) {
  const cells = said.split("; ").map((cell) => /^([^:]{1,60}): ([\s\S]+)$/.exec(cell));
  if (cells.length < 2) return null;
  const [names, values] = [/** @type {string[]} */ ([]), /** @type {string[]} */ ([])];
  for (const cell of cells) {
    if (!cell) return null;
    names.push(cell[1]);
    values.push(cell[2]);
  }
  return { names, values };
}
