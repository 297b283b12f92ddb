// @ts-check
/** Prompts: questions and instructions that are kept under a name, as the server has them. */

import { signal } from "../vendor/signals.js";
import { get, post, remove, request } from "./api.js";

/** @typedef {{id: string, name: string, text: string}} Prompt */

export const prompts = signal(/** @type {Prompt[]} */ ([]));
/** What the dialog of a prompt begins with; an empty `id` for a new one. */
export const edited = signal(/** @type {Prompt|null} */ (null));
/** A text that waits to be put into the question field. */
export const inserted = signal(/** @type {string|null} */ (null));

export const NAME_LONGEST = 80; // characters, as the server takes
const TAKEN_FROM_TEXT = 60; // characters of a text that become its name

export async function loadPrompts() {
  prompts.value = (await get("/api/prompts")).prompts;
}

/** Those in whose name all words stand, first the ones whose name begins with what was typed. @param {string} typed */
export function promptsFor(typed) {
  const wanted = typed.toLowerCase().trim();
  const words = wanted.split(/\s+/).filter(Boolean);
  const begins = (/** @type {Prompt} */ one) => Number(one.name.toLowerCase().startsWith(wanted));
  return prompts.value.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word))).sort((a, b) => begins(b) - begins(a));
}

/** Opens the dialog that keeps a text as a prompt. @param {string} text */
export function saveAsPrompt(text) {
  const line = text.trim().split("\n")[0];
  const name = line.length <= TAKEN_FROM_TEXT ? line : `${line.slice(0, TAKEN_FROM_TEXT).replace(/\s+\S*$/, "")}…`;
  edited.value = { id: "", name, text: text.trim() };
}

/** Keeps a prompt, a new one where its `id` is empty. Raises ApiError. @param {Prompt} prompt */
export async function keepPrompt({ id, name, text }) {
  await (id ? request("PATCH", `/api/prompts/${id}`, { name, text }) : post("/api/prompts", { name, text }));
  await loadPrompts();
}

/** @param {Prompt} prompt */
export async function deletePrompt(prompt) {
  prompts.value = (await remove(`/api/prompts/${prompt.id}`)).prompts;
}
