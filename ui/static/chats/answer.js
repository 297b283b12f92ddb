// @ts-check
/**
 * Answers as components. Nothing of an answer ever becomes HTML in the page: Markdown is parsed into a document that the
 * page does not show, and rebuilt from the elements listed here, without addresses, pictures or attributes.
 */

import { place } from "../parts/format.js";
import { html, useLayoutEffect, useMemo, useRef } from "../parts/html.js";
import { copy } from "../parts/copy.js";
import { IconButton, visible } from "../parts/parts.js";
import { asSentence } from "../parts/readable.js";
import { showCitation } from "../state/store.js";
import hljs from "../vendor/highlight.js";
import katex from "../vendor/katex.js";
import MarkdownIt from "../vendor/markdown-it.js";
import { t } from "../words/words.js";
import { grouped } from "./rows.js";

/** @typedef {import("../state/store.js").Citation} Citation */
/** @typedef {import("../state/store.js").Part} Part */
/** @typedef {import("./rows.js").Row} Row */
/** @typedef {{tex: string, whole: string}[]} Formulas */

const CITED = "\ue000"; // + index of a citation + END
const DOUBTED = "\ue001";
const FORMULA = "\ue002"; // + index of a formula + END
const END = "\ue003";
const PRIVATE = /[\ue000-\ue003]/gu;
const MARK = /\ue000(\d+)\ue003|\ue001|\ue002(\d+)\ue003/gu;
/** Between single dollars only what looks like TeX: "$x^2$", not "$5 and $10". */
const FORMULAS = /\\\[([\s\S]+?)\\\]|\$\$([\s\S]+?)\$\$|\\\(([\s\S]+?)\\\)|(?<![\w\\$])\$(?=\S)([^$\n]*?[\\^_{}=][^$\n]*?)(?<=\S)\$(?![\w$])/gu;
const TAGS = new Set(
  "P BR EM STRONG S CODE PRE UL OL LI BLOCKQUOTE H1 H2 H3 H4 H5 H6 HR TABLE THEAD TBODY TR TH TD SPAN".split(" "),
);
const HEADINGS = /^H[1-6]$/;
const BULLET = /^\s*(?:[-*•]|\d{1,3}[.)])\s+/;
const LONGEST_CODE = 20_000; // characters that are coloured

const markdown = new (/** @type {any} */ (MarkdownIt))({ html: false, linkify: false, breaks: true }).disable(["image", "link", "autolink", "reference"]);

/**
 * The index of the citation that each number in the parts means, in order: the k-th n is the k-th citation numbered n, the
 * last one if there are fewer, -1 if there is none.
 * @param {Part[]} parts @param {Citation[]} citations
 */
export function cited(parts, citations) {
  /** @type {Record<number, number>} */
  const seen = {};
  return parts
    .flatMap((part) => part.citations)
    .map((wanted) => {
      const candidates = citations.flatMap((citation, index) => (citation.number === wanted ? [index] : []));
      const nth = seen[wanted] ?? 0;
      seen[wanted] = nth + 1;
      return candidates.length ? candidates[Math.min(nth, candidates.length - 1)] : -1;
    });
}

/** The answer as one text with private characters where citations and doubts stand. @param {Part[]} parts @param {Citation[]} citations */
function marked(parts, citations) {
  const indexes = cited(parts, citations);
  let at = 0;
  return parts
    .map((part) => {
      const numbers = part.citations.map(() => indexes[at++]).filter((index) => index >= 0);
      const marks = numbers.map((index) => `${CITED}${index}${END}`).join("");
      return part.text.replace(PRIVATE, "") + marks + (part.supported ? "" : DOUBTED);
    })
    .join("");
}

/** The answer as plain text; with `sources`, the list of what was quoted follows. @param {Part[]} parts @param {Citation[]} citations @param {boolean} sources */
export function asText(parts, citations, sources) {
  const body = marked(parts, citations)
    .replace(/ +(?=\ue000)/gu, "")
    .replace(MARK, (mark, index) => (mark[0] === CITED ? (sources ? ` [${Number(index) + 1}]` : "") : mark[0] === DOUBTED ? " [?]" : ""))
    .trim();
  if (!sources || !citations.length) return body;
  const list = citations.map((citation, index) => {
    const where = place(citation);
    return `[${index + 1}] ${citation.title}${where ? `, ${where}` : ""}: “${citation.quote.replace(/\s+/g, " ").trim()}” (${citation.source})`;
  });
  return `${body}\n\n${list.join("\n")}`;
}

/**
 * A question and its answer as Markdown: quoted rows as tables, numbers of sources, and the list of them.
 * @param {{question: string, parts: Part[], citations: Citation[]}} exchange @param {boolean} formatted the answer is Markdown
 */
export function asMarkdown({ question, parts, citations }, formatted) {
  const numbered = (/** @type {string} */ text) =>
    text.replace(/ +(?=\ue000)/gu, "").replace(MARK, (mark, index) => (mark[0] === CITED ? ` [${Number(index) + 1}]` : mark[0] === DOUBTED ? " [?]" : ""));
  const text = marked(parts, citations).trim();
  const body = formatted ? [numbered(text)] : grouped(text, citations).map((one) => (typeof one === "string" ? numbered(escaped(one)) : table(one, numbered)));
  const list = citations.map((citation, index) => {
    const where = place(citation);
    return `${index + 1}. **${escaped(citation.title)}**${where ? `, ${where}` : ""} (${escaped(citation.source)})\n   > ${escaped(oneLine(citation.quote))}`;
  });
  return [`## ${escaped(oneLine(question))}`, ...body, ...(list.length ? [list.join("\n")] : [])].join("\n\n") + "\n";
}

/** @param {string} text */
const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** Text of documents with what Markdown would take for its own signs. @param {string} text */
const escaped = (text) => text.replace(/[\\`*_[\]<>#|~]/g, "\\$&");

/** @param {Row[]} rows @param {(text: string) => string} numbered */
function table(rows, numbered) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.map(oneLine).join(" | ")} |`;
  const head = [...rows[0].names.map(escaped), ""];
  return [line(head), line(head.map(() => "---")), ...rows.map((row) => line([...row.values.map(escaped), numbered(row.marks)]))].join("\n");
}

/**
 * @param {{parts: Part[], citations: Citation[], span?: any, formatted: boolean}} props `formatted`: it is Markdown
 */
export function AnswerText({ parts, citations, span = null, formatted }) {
  const text = marked(parts, citations);
  const chip = (/** @type {number} */ index) => html`<${Chip} citations=${citations} index=${index} span=${span} />`;
  return useMemo(() => (formatted ? rich(text, chip) : plain(text, chip, citations)), [text, formatted, citations.length]);
}

/** @param {{citations: Citation[], index: number, span: any}} props */
function Chip({ citations, index, span }) {
  const citation = citations[index];
  const where = [citation.title, place(citation)].filter(Boolean).join(", ");
  const label = t("chat.source", { number: index + 1, where: visible(where) });
  return html`<button type="button" class="chip" aria-label=${label} title=${label}
    onClick=${() => showCitation(citations, index, span)}>${index + 1}</button>`;
}

const LAST_WORD = /\S{0,16} ?$/;

/** Text with marks as components; a mark stays on the line of the word before it. @param {string} text @param {(index: number) => any} chip @param {Formulas} [formulas] */
function withMarks(text, chip, formulas = []) {
  const found = []; // lists are a word with its marks
  let last = 0;
  for (const match of text.matchAll(MARK)) {
    const before = text.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[2] !== undefined) {
      found.push(before, html`<${Formula} tex=${formulas[Number(match[2])]?.tex ?? ""} />`);
      continue;
    }
    if (before || !Array.isArray(found.at(-1))) {
      const word = LAST_WORD.exec(before)?.[0] ?? "";
      found.push(before.slice(0, before.length - word.length), [word]);
    }
    const doubt = html`<span class="doubt" role="note" tabindex="0" title=${t("chat.doubt")} aria-label=${t("chat.doubt")}>?</span>`;
    found.at(-1).push(match[1] !== undefined ? chip(Number(match[1])) : doubt);
  }
  found.push(text.slice(last));
  return found.map((one) => (Array.isArray(one) ? html`<span class="together">${one}</span>` : one));
}

/** Paragraphs, lists and rows of tables of a text that is no Markdown. @param {string} text @param {(index: number) => any} chip @param {Citation[]} citations */
const plain = (text, chip, citations) =>
  grouped(text, citations).map((one) => (typeof one === "string" ? block(one.split("\n"), chip) : html`<${Rows} rows=${one} chip=${chip} />`));

/** @param {string[]} lines @param {(index: number) => any} chip */
function block(lines, chip) {
  if (lines.length > 1 && lines.every((line) => BULLET.test(line))) {
    return html`<ul>${lines.map((line) => html`<li>${withMarks(line.replace(BULLET, ""), chip)}</li>`)}</ul>`;
  }
  const said = lines.length === 1 ? [asSentence(lines[0])] : lines;
  return html`<p>${said.map((line, at) => [at > 0 && html`<br />`, withMarks(line, chip)])}</p>`;
}

/** @param {{rows: Row[], chip: (index: number) => any}} props */
const Rows = ({ rows, chip }) =>
  html`<div class="table-frame" tabindex="0"><table>
    <thead><tr>${rows[0].names.map((name) => (name ? html`<th scope="col" dir="auto">${name}</th>` : html`<td></td>`))}<td></td></tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.values.map((value) => html`<td dir="auto">${value}</td>`)}<td>${withMarks(row.marks, chip)}</td></tr>`)}</tbody>
  </table></div>`;

/** @param {string} text @param {(index: number) => any} chip */
function rich(text, chip) {
  /** @type {Formulas} */
  const formulas = [];
  const without = text.replace(FORMULAS, (whole, a, b, c, d) => `${FORMULA}${formulas.push({ tex: a ?? b ?? c ?? d, whole }) - 1}${END}`);
  const parsed = new DOMParser().parseFromString(markdown.render(without), "text/html");
  return children(parsed.body, chip, formulas);
}

/** @param {Node} node @param {(index: number) => any} chip @param {Formulas} formulas @returns {any[]} */
const children = (node, chip, formulas) => [...node.childNodes].map((child) => component(child, chip, formulas));

/** What code says: nothing in it is a formula, and no mark stands in it. @param {Node} node @param {Formulas} formulas */
const codeOf = (node, formulas) =>
  (node.textContent ?? "").replace(MARK, (_mark, _cited, formula) => (formula === undefined ? "" : (formulas[Number(formula)]?.whole ?? "")));

/** @param {Node} node @param {(index: number) => any} chip @param {Formulas} formulas @returns {any} */
function component(node, chip, formulas) {
  if (node.nodeType === Node.TEXT_NODE) return withMarks(node.textContent ?? "", chip, formulas);
  const element = /** @type {HTMLElement} */ (node);
  if (!TAGS.has(element.tagName)) return children(element, chip, formulas);
  if (element.tagName === "PRE") return html`<${Code} text=${codeOf(element, formulas)} language=${codeLanguage(element)} />`;
  if (element.tagName === "CODE") return html`<code>${codeOf(element, formulas)}</code>`;
  // A heading of an answer must not stand above the question in the outline of the page.
  const tag = HEADINGS.test(element.tagName) ? "h4" : element.tagName.toLowerCase();
  if (tag === "table") return html`<div class="table-frame" tabindex="0"><table>${children(element, chip, formulas)}</table></div>`;
  return html`<${tag}>${children(element, chip, formulas)}<//>`;
}

/** @param {HTMLElement} pre */
const codeLanguage = (pre) => /^language-([\w+#-]{1,30})$/.exec(pre.firstElementChild?.className ?? "")?.[1] ?? "";

/** @param {{text: string, language: string}} props */
function Code({ text, language }) {
  const shown = useMemo(() => {
    if (!language || !hljs.getLanguage(language) || text.length > LONGEST_CODE) return text;
    const coloured = hljs.highlight(text, { language, ignoreIllegals: true }).value;
    return spans(new DOMParser().parseFromString(coloured, "text/html").body);
  }, [text, language]);
  return html`<div class="code"><pre tabindex="0"><code>${shown}</code></pre>
    <${IconButton} icon="copy" label=${t("chat.copyCode")} onClick=${() => copy(text)} /></div>`;
}

/** @param {Node} node @returns {any[]} */
const spans = (node) =>
  [...node.childNodes].map((child) =>
    child.nodeType === Node.TEXT_NODE
      ? child.textContent
      : html`<span class=${/** @type {HTMLElement} */ (child).className.replace(/[^\w -]/g, "")}>${spans(child)}</span>`,
  );

/** @param {{tex: string}} props */
function Formula({ tex }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => {
    if (box.current) katex.render(tex, box.current, { output: "mathml", throwOnError: false, trust: false, maxExpand: 200 });
  }, [tex]);
  return html`<span class="formula" ref=${box}></span>`;
}
