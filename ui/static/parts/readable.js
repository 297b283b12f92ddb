// @ts-check
/** The text of a document as a person reads it in one go: without the signs of Markdown, its paragraphs one after the other. */

const LONGEST = 5_000; // characters: what is longer stays as it is
const MARKDOWN = /\.(?:md|markdown|mdown|mkd|mdx|rmd|qmd)$/i;
/** What stands at the beginning of a line or is a line of signs alone, and what is read in its place. @type {[RegExp, string][]} */
const LINES = [
  [/^ {0,3}(?:```|~~~).*$/gm, ""],
  [/^[ \t]*\|?[ \t]*:?-{3,}:?[ \t]*(?:\|[ \t]*:?-{3,}:?[ \t]*)*\|?[ \t]*$/gm, ""], // below the head of a table; a rule
  [/^ {0,3}(?:={3,}|\*{3,}|_{3,})[ \t]*$/gm, ""],
  [/^(?:[ \t]*>)+[ \t]?/gm, ""],
  [/^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/gm, "\n$1\n"], // a heading is a paragraph of its own
  [/^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?/gm, "• "],
  [/^[ \t]*\|[ \t]*(.*?)[ \t]*\|[ \t]*$/gm, "$1"],
];
/** @type {[RegExp, string][]} */
const WORDS = [
  [/!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)/g, "$1"],
  [/(\*\*|__)(?=\S)([^\n]*?\S)\1/g, "$2"],
  [/(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g, "$1"],
  [/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/g, "$1"],
  [/(`+)([^`\n]+)\1/g, "$2"],
  [/\\([\\`*_{}[\]()#+.!|~>-])/g, "$1"],
];

/** An item of a list that stands alone, without the sign before it. @param {string} text */
export const asSentence = (text) => text.replace(/^\s*[-*•]\s+(?=\S|$)/, "");

/** @param {string} text @param {string} path of its document */
export function readable(text, path) {
  const plain = MARKDOWN.test(path) && text.length <= LONGEST ? [...LINES, ...WORDS].reduce((so, [signs, read]) => so.replace(signs, read), text) : text;
  return plain
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.trim())
    .filter(Boolean)
    .join(" · ");
}
