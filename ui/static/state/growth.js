// @ts-check
/** How an answer grows by what is told of it; null where something was missed. */

/** @typedef {import("./store.js").Run} Run */

/** @param {Run} run @param {{at: number, parts: Run["parts"], citations: Run["citations"]}} news @returns {Run|null} */
export const withText = (run, { at, parts, citations }) =>
  run.parts.length === at ? { ...run, parts: [...run.parts, ...parts], citations: [...run.citations, ...citations] } : null;

/** @param {Run} run @param {{at: number, text: string}} news `at` counts characters, not units of UTF-16 @returns {Run|null} */
export const withThought = (run, { at, text }) => ([...run.thought].length === at ? { ...run, thought: run.thought + text } : null);
