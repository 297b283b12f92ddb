// @ts-check
/** Every setting of config.yaml with its meaning: found by words, checked as one types, written into the person's file. */

import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton, visible } from "../parts/parts.js";
import { get, post, remove, request } from "../state/api.js";
import { attempt, changes, notify, readSources } from "../state/store.js";
import { SETTINGS_GERMAN } from "../words/settings_de.js";
import { language, t } from "../words/words.js";
import { PatternPreview } from "./patterns.js";

/** @typedef {{key: string, value: any, stored: any, default: any, origin: string, description: string, accepts: any, restart: boolean, locked: string}} Setting */

const CHECK_MS = 150; // after the last key
const PATTERNS = ["library.include", "library.exclude"];

export function Configuration() {
  const [found, setFound] = useState(/** @type {{settings: Setting[], file: string}|null} */ (null));
  const [words, setWords] = useState("");
  const { settings: changed } = changes.value;
  useEffect(() => {
    get("/api/settings").then(setFound, () => undefined);
  }, [changed]);
  if (found === null) return null;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = found.settings.filter((one) => wanted.every((word) => `${one.key} ${explained(one)} ${one.description}`.toLowerCase().includes(word)));
  const waiting = found.settings.filter(waits).length;
  const sections = [...new Set(shown.map((one) => sectionOf(one.key)))];
  const replace = (/** @type {Setting} */ now) => setFound({ ...found, settings: found.settings.map((one) => (one.key === now.key ? now : one)) });
  return html`<section class="configuration"><h2>${t("settings.all")}</h2>
    <p class="quiet">${t("settings.edit")} <code>${visible(found.file)}</code></p>
    <label class="search"><${Icon} name="search" /><input type="search" id="settings-search" placeholder=${t("settings.search")} aria-label=${t("settings.search")} value=${words}
      onInput=${(/** @type {any} */ event) => setWords(event.target.value)} /></label>
    ${waiting > 0 && html`<p class="banner" role="status"><${Icon} name="refresh" />${t("settings.waiting", { count: waiting })}</p>`}
    ${!shown.length && html`<p class="quiet pad">${t("settings.nothing")}</p>`}
    ${sections.map(
      (section) => html`<section key=${section} class="setting-group" aria-label=${t(`section.${section}`)}>
        <h3>${t(`section.${section}`)}</h3>
        ${shown.filter((one) => sectionOf(one.key) === section).map((one) => html`<${Row} key=${one.key} setting=${one} all=${found.settings} onChange=${replace} />`)}
      </section>`,
    )}
  </section>`;
}

/** @param {string} key */
const sectionOf = (key) => (key.includes(".") ? key.split(".")[0] : "general");

/** @param {Setting} setting */
const explained = ({ key, description }) => (language() === "de" ? (/** @type {Record<string, string>} */ (SETTINGS_GERMAN)[key] ?? description) : description);

/** @param {Setting} setting */
const waits = ({ value, stored }) => JSON.stringify(value) !== JSON.stringify(stored);

/** @param {{setting: Setting, all: Setting[], onChange: (setting: Setting) => void}} props */
function Row({ setting, all, onChange }) {
  const { key, accepts, stored } = setting;
  const [typed, setTyped] = useState(written(stored));
  const [problem, setProblem] = useState(/** @type {{message: string, remedy: string}|null} */ (null));
  const [isLooking, look] = useState(false);
  const wait = useRef(0);
  const latest = useRef(typed);
  useEffect(() => {
    latest.current = written(stored);
    setTyped(latest.current);
    setProblem(null);
  }, [JSON.stringify(stored)]);
  useEffect(() => () => clearTimeout(wait.current), []);
  const isOutranked = setting.origin.startsWith("environment") || setting.origin === "command line";
  const isOwn = setting.origin !== "default" && !isOutranked;
  const save = async (/** @type {any} */ value) => {
    clearTimeout(wait.current);
    if (JSON.stringify(value) === JSON.stringify(stored)) return;
    const checked = await attempt(() => post(`/api/settings/${key}/check`, { value }));
    if (checked === undefined) return;
    setProblem(checked.problem);
    if (checked.problem) return;
    const now = await attempt(() => request("PUT", `/api/settings/${key}`, { value }));
    if (now) done(now);
  };
  const done = (/** @type {Setting} */ now) => {
    onChange(now);
    if (PATTERNS.includes(key)) notify(t("settings.savedPatterns"), { action: t("settings.readNow"), onAction: () => readSources(null) });
    else notify(t(waits(now) ? "settings.savedLater" : "settings.saved", { key }));
  };
  const type = (/** @type {string} */ text) => {
    setTyped(text);
    latest.current = text;
    clearTimeout(wait.current);
    wait.current = window.setTimeout(async () => {
      const checked = await post(`/api/settings/${key}/check`, { value: parsed(text, accepts) }).catch(() => null);
      if (checked && latest.current === text) setProblem(checked.problem);
    }, CHECK_MS);
  };
  const reset = async () => {
    const now = await attempt(() => remove(`/api/settings/${key}`));
    if (now) done(now);
  };
  const id = `setting-${key.replace(".", "-")}`;
  const origin = setting.origin === "default" ? t("settings.default") : t("settings.from", { origin: visible(setting.origin) });
  const lock = setting.locked ? t(key === "data_dir" ? "settings.lockedFolder" : "settings.locked") : isOutranked ? t("settings.outranked", { origin: visible(setting.origin) }) : "";
  return html`<div class="setting">
    <div class="setting-head"><label for=${id}><code>${key}</code></label><span class="quiet">${origin}</span>
      ${waits(setting) && html`<span class="tag">${t("settings.afterRestart")}</span>`}
      ${isOwn && !setting.locked && html`<${IconButton} icon="again" label=${t("settings.reset", { key, value: written(setting.default) || t("settings.none") })} onClick=${reset} />`}</div>
    <p id=${`${id}-about`}>${explained(setting)}${setting.restart && html` <span class="quiet">${t("settings.restart")}</span>`}</p>
    <${Control} id=${id} accepts=${accepts} value=${stored} typed=${typed} isWrong=${problem !== null} isLocked=${lock !== ""} onType=${type}
      onSave=${save} onFocus=${() => look(true)} />
    ${lock && html`<p class="quiet">${lock}</p>`}
    ${problem && html`<p class="bad" role="alert" id=${`${id}-problem`}>${problem.message}</p>`}
    ${isLooking && PATTERNS.includes(key) && !problem &&
    html`<${PatternPreview} name=${key} patterns=${parsed(typed, accepts)} others=${all.filter((one) => PATTERNS.includes(one.key) && one.key !== key)[0]?.stored ?? []} />`}
  </div>`;
}

/**
 * The field that fits the schema of a setting. Switches and lists of choices are saved at once, text when the field is left.
 * @param {{id: string, accepts: any, value: any, typed: string, isWrong: boolean, isLocked: boolean, onType: (text: string) => void, onSave: (value: any) => void, onFocus: () => void}} props
 */
function Control({ id, accepts, value, typed, isWrong, isLocked, onType, onSave, onFocus }) {
  const shared = {
    id,
    disabled: isLocked,
    "aria-describedby": isWrong ? `${id}-problem ${id}-about` : `${id}-about`,
    "aria-invalid": isWrong || undefined,
    onFocus,
  };
  const save = () => onSave(parsed(typed, accepts));
  const text = {
    ...shared,
    value: typed,
    onInput: (/** @type {any} */ event) => onType(event.target.value),
    onBlur: save,
  };
  if (accepts.type === "boolean")
    return html`<label class="check"><input type="checkbox" ...${shared} checked=${value} onChange=${(/** @type {any} */ event) => onSave(event.target.checked)} />
      ${t(value ? "settings.on" : "settings.off")}</label>`;
  if (accepts.enum)
    return html`<select class="field" ...${shared} value=${value} onChange=${(/** @type {any} */ event) => onSave(event.target.value)}>
      ${accepts.enum.map((/** @type {string} */ one) => html`<option value=${one} selected=${one === value}>${one}</option>`)}</select>`;
  if (accepts.type === "array")
    return html`<textarea class="field" rows=${Math.max(2, typed.split("\n").length)} spellcheck=${false} placeholder=${t("settings.onePerLine")} ...${text}></textarea>`;
  if (accepts.type === "object") return html`<code class="value">${JSON.stringify(value)}</code>`;
  return html`<input class="field" autocomplete="off" spellcheck=${false} inputmode=${isNumber(accepts) ? "decimal" : undefined}
    placeholder=${options(accepts).some((one) => one.type === "null") ? t("settings.none") : ""} ...${text}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && save()} />`;
}

/** @param {any} accepts @returns {any[]} */
const options = (accepts) => accepts.anyOf ?? [accepts];

/** @param {any} accepts */
const isNumber = (accepts) => options(accepts).every(({ type }) => ["number", "integer", "null"].includes(type));

/** A value as it stands in a field. @param {any} value */
const written = (value) => (value === null ? "" : Array.isArray(value) ? value.join("\n") : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What was typed, as a value of the schema; what fits none of it stays text, and the check tells. @param {string} text @param {any} accepts */
function parsed(text, accepts) {
  const kinds = options(accepts).map(({ type }) => type);
  if (kinds.includes("array")) return text.split("\n").map((line) => line.trim()).filter(Boolean);
  const plain = text.trim();
  if (plain === "" && kinds.includes("null")) return null;
  if ((kinds.includes("number") || kinds.includes("integer")) && plain !== "" && Number.isFinite(Number(plain))) return Number(plain);
  return plain;
}
