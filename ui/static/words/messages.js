// @ts-check
/** What the server says, in the language of the page. The server speaks English; each of its sentences stands in a catalogue. */

import { MESSAGES_DE } from "./messages_de.js";
import { language } from "./words.js";

/** @type {Record<string, Record<string, string>>} */
const CATALOGUES = { de: MESSAGES_DE };
const PLACE = /\{(\d)\}/g;
const MOST = 500; // translations that are remembered

/** @typedef {{pattern: RegExp, alone: RegExp, said: string}} Sentence */
/** @type {Map<string, Sentence[]>} */
const sentences = new Map();
/** @type {Map<string, string>} */
const known = new Map();

/** The sentences of a catalogue, those that say most themselves first. @param {string} name */
function sentencesOf(name) {
  const made = sentences.get(name) ?? Object.entries(CATALOGUES[name])
    .sort(([a], [b]) => b.replace(PLACE, "").length - a.replace(PLACE, "").length)
    .map(([english, said]) => {
      const written = english.split(PLACE).map((part, at) => (at % 2 ? "(.+?)" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
      return { pattern: new RegExp(`^${written.join("")}(?: (.+))?$`, "su"), alone: new RegExp(`^${written.join("")}$`, "su"), said };
    });
  sentences.set(name, made);
  return made;
}

/** What the server has said, as a person reads it; as it is where the catalogue does not know it. @param {string|null|undefined} text @returns {string} */
export function told(text) {
  if (!text || !(language() in CATALOGUES)) return text ?? "";
  const key = `${language()} ${text}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const found = translated(text) ?? text;
  if (known.size > MOST) known.clear();
  known.set(key, found);
  return found;
}

/** One sentence or several; null where one of them is unknown. @param {string} text @returns {string|null} */
function translated(text) {
  /** @type {string|null} */
  let whole = null; // what differs may hold what looks like the end of a sentence, such as the name of a file
  for (const { pattern, alone, said } of sentencesOf(language())) {
    const [, ...values] = pattern.exec(text) ?? [];
    if (!values.length) continue;
    const rest = values.pop();
    const next = rest === undefined ? "" : translated(rest);
    if (next !== null) return [filled(said, values), next].filter(Boolean).join(" ");
    const match = alone.exec(text);
    if (match) whole ??= filled(said, match.slice(1));
  }
  return whole;
}

/** @param {string} said @param {(string|undefined)[]} values */
const filled = (said, values) => said.replace(PLACE, (_, number) => values[Number(number)] ?? "");
