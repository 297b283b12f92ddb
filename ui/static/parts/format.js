// @ts-check
/** Numbers, times and places as a person reads them. */

import { language, t } from "../words/words.js";

/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} making one takes longer than drawing what it writes */
const writers = new Map();

/** @template {Intl.NumberFormat | Intl.DateTimeFormat} T @param {string} name @param {(language: string) => T} make @returns {T} */
function writer(name, make) {
  const key = `${name} ${language()}`;
  let found = writers.get(key);
  if (!found) writers.set(key, (found = make(language())));
  return /** @type {T} */ (found);
}

/** @param {number} value @param {number} [digits] behind the point, at most */
const rounded = (value, digits = 3) => writer(`number ${digits}`, (words) => new Intl.NumberFormat(words, { maximumFractionDigits: digits })).format(value);

/** @param {number} value */
export const number = (value) => rounded(value);

/** How well a passage fits, from 0 to 1. @param {number} value */
export const share = (value) => writer("share", (words) => new Intl.NumberFormat(words, { minimumFractionDigits: 2, maximumFractionDigits: 2 })).format(value);

/** How many billions. @param {number} count */
export const billions = (count) => number(count < 1e10 ? Math.round(count / 1e7) / 100 : Math.round(count / 1e9));

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  return `${rounded(value, value < 10 && at ? 1 : 0)} ${units[at]}`;
}

/** @param {number} seconds Unix time */
export const date = (seconds) => writer("date", (words) => new Intl.DateTimeFormat(words, { dateStyle: "medium" })).format(seconds * 1000);

/** @param {number} seconds Unix time */
export const time = (seconds) => writer("time", (words) => new Intl.DateTimeFormat(words, { dateStyle: "medium", timeStyle: "short" })).format(seconds * 1000);

/** @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** How long something took: "1.3 s", "42 s", "2 min 5 s", "1 h 20 min". @param {number} ms */
export function duration(ms) {
  if (ms < 10_000) return `${(ms / 1000).toLocaleString(language(), { maximumFractionDigits: 1, minimumFractionDigits: 1 })} s`;
  const seconds = Math.round(ms / 1000);
  const two = (/** @type {number} */ large, /** @type {string} */ name, /** @type {number} */ small, /** @type {string} */ part) =>
    small ? `${large} ${name} ${small} ${part}` : `${large} ${name}`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return two(Math.floor(seconds / 3600), "h", Math.floor(seconds / 60) % 60, "min");
}

/** How long something will take, as one says it: whole seconds, then whole minutes. @param {number} ms */
export const remaining = (ms) => (ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : duration(Math.ceil(ms / 60_000) * 60_000));

/** @param {string} path */
export const fileName = (path) => (path.includes("://") ? path : (path.split(/[/\\]/).filter(Boolean).at(-1) ?? path));

/** The name of a folder, file or address that was added. @param {{location: string}} source */
export const sourceName = ({ location }) => (/[/\\]inbox$/.test(location) ? t("library.added") : fileName(location));

/** The last names of a path. @param {string} path @param {number} count */
const tail = (path, count) => path.split(/[/\\]/).filter(Boolean).slice(-count).join("/");

/**
 * What tells a document from others of the same name: its file with as many of its folders as that takes; "" where none has its name.
 * @param {{name: string, path: string}} one @param {{name: string, path: string}[]} all
 */
export function apart(one, all) {
  const alike = all.filter((other) => other.name === one.name && other.path !== one.path);
  if (!alike.length) return "";
  const most = one.path.split(/[/\\]/).length;
  let count = 1;
  while (count < most && alike.some((other) => tail(other.path, count) === tail(one.path, count))) count++;
  return tail(one.path, count);
}

/** @param {string} source a file's path */
function unit(source) {
  const suffix = source.toLowerCase().split(".").at(-1) ?? "";
  if (["xlsx", "xlsm", "xls", "ods"].includes(suffix)) return "sheet";
  return ["pptx", "ppt", "odp", "pptm"].includes(suffix) ? "slide" : "page";
}

/** "page 3", or "page iii (sheet 3)" where something else is printed on it. @param {number} page @param {string|null|undefined} label */
export const pageName = (page, label) => (label && label !== String(page) ? t("place.labelled", { label, page }) : t("place.page", { page }));

/**
 * Where in a document: "page 3", "sheet 2", "at 1:05", or "".
 * @param {{source?: string, page: number|null, page_label: string|null, start_s: number|null}} at
 */
export function place({ source = "", page, page_label, start_s }) {
  if (start_s !== null && start_s !== undefined) return t("place.at", { time: clock(start_s) });
  if (page === null || page === undefined) return "";
  const kind = unit(source);
  return kind === "page" ? pageName(page, page_label) : t(`place.${kind}`, { page });
}

const YOUTUBE = ["youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"];

/** The address of a video at a second; null unless `source` is one on YouTube. @param {string} source @param {number|null} seconds */
export function video(source, seconds) {
  let url;
  try {
    url = new URL(source);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol) || !YOUTUBE.includes(url.hostname)) return null;
  const id = url.hostname === "youtu.be" ? url.pathname.slice(1) : (url.searchParams.get("v") ?? url.pathname.split("/")[2] ?? "");
  if (!/^[\w-]{6,20}$/.test(id)) return null;
  return `https://www.youtube.com/watch?v=${id}${seconds ? `&t=${Math.floor(seconds)}s` : ""}`;
}
