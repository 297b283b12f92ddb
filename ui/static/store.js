// @ts-check
/** The state of the page and what changes it. Components read the signals; only the functions here write them. */

import { batch, computed, signal } from "./vendor/signals.js";
import { get, post, query, remove, request } from "./api.js";
import { withText, withThought } from "./growth.js";
import { keep, kept } from "./kept.js";
import { follow } from "./news.js";
import { tellOfSync } from "./notifications.js";
import { attempt, notify } from "./notices.js";
import { chatId, chatPath, go, route } from "./routes.js";
import { t } from "./words.js";

export { chatId, chatPath, go, route } from "./routes.js";
export { keep, kept } from "./kept.js";
export { attempt, dismissNotice, notices, notify } from "./notices.js";

/** @typedef {{id: string, title: string, updated_at: number, turns: number, pinned: boolean}} Chat */
/** @typedef {{number: number, source: string, title: string, page: number|null, page_label: string|null, start_s: number|null, quote: string, start: number, end: number, score: number, document_id: number}} Citation */
/** @typedef {{text: string, citations: number[], supported: boolean}} Part */
/** @typedef {{document_id: number, title: string, start: number, end: number, page: number|null, page_label: string|null, start_s: number|null, score: number}} Looked */
/** @typedef {{id: number, question: string, answer: string, parts: Part[], found: boolean, span: any, confidence: number|null, citations: Citation[], answerer: string, searched: string|null, stopped: boolean, asked_at: number, work: {timings_ms: Record<string, number>, passages: Looked[], searches: string[], thought: string}|null, feedback: number}} Exchange */
/** @typedef {{id: number, conversation: string, question: string, state: string, started_at: number, searched: string|null, passages: Looked[], searches: string[], thought: string, parts: Part[], citations: Citation[], message: string, remedy: string}} Run */
/** @typedef {{id: number, source_id: number, path: string, title: string, status: string, error: string|null, chunks: number, size: number, media_type: string, read_at: number}} Doc */
/** @typedef {{id: number, kind: string, location: string, added_at: number}} Source */
/** @typedef {{folders: string[], documents: number[]}} Scope */
/** @typedef {{document: number, title: string, citations: Citation[], index: number, span: any, page: number|null}} Shown */

export const connection = signal(/** @type {"opening"|"open"|"lost"|"refused"} */ ("opening"));
export const chats = signal(/** @type {Chat[]|null} */ (null));
export const chatFilter = signal("");
export const exchanges = signal(/** @type {Record<string, Exchange[]>} */ ({}));
export const runs = signal(/** @type {Record<number, Run>} */ ({}));
export const copies = signal(/** @type {Record<number, string>} */ ({}));
export const documents = signal(/** @type {Doc[]|null} */ (null));
export const sources = signal(/** @type {Source[]} */ ([]));
export const status = signal(/** @type {any} */ (null));
export const sync = signal(/** @type {any} */ (null));
export const shown = signal(/** @type {Shown|null} */ (null));
export const libraryTrouble = signal(/** @type {{message: string, remedy: string}|null} */ (null));
export const models = signal(/** @type {any} */ (null));
export const libraryFilter = signal(/** @type {"all"|"problems"} */ ("all"));
/** Grows when a setting or a model has changed: pages that show them read them again. */
export const changes = signal({ settings: 0, models: 0 });
export const dialog = signal(/** @type {string|null} */ (null));

export const ready = computed(() => (documents.value ?? []).filter((document) => document.status === "ok").length);
export const problems = computed(() => (documents.value ?? []).filter((document) => document.status !== "ok").length);
export const documentsById = computed(() => new Map((documents.value ?? []).map((document) => [document.id, document])));

// What stays in this browser -------------------------------------------------------------------------------------------

const EVERYTHING = { folders: [], documents: [] };
const scopes = signal(/** @type {Record<string, Scope>} */ (kept("scopes", {})));
export const scope = computed(() => scopes.value[chatId.value ?? ""] ?? EVERYTHING);

/** @param {Scope} value @param {string|null} [id] */
export function setScope(value, id = chatId.value) {
  const all = { ...scopes.value };
  if (value.folders.length || value.documents.length) all[id ?? ""] = value;
  else delete all[id ?? ""];
  scopes.value = all;
  keep("scopes", all);
}

/** @param {string|null} id */
export const draftOf = (id) => kept(`draft.${id ?? ""}`, "");
/** @param {string|null} id @param {string} text */
export const keepDraft = (id, text) => keep(`draft.${id ?? ""}`, text === "" ? null : text);

// Reading the state ----------------------------------------------------------------------------------------------------

export async function loadChats() {
  const holding = chatFilter.value.trim();
  const found = await get(`/api/conversations${query({ holding: holding || null })}`);
  if (holding === chatFilter.value.trim()) chats.value = found.conversations;
}

export async function loadDocuments() {
  try {
    const [listed, about] = await Promise.all([get("/api/documents"), get("/api/status")]);
    batch(() => {
      documents.value = listed.documents;
      copies.value = listed.copies;
      status.value = about;
      sources.value = about.sources;
      libraryTrouble.value = null;
    });
  } catch (error) {
    const { message, remedy = "", status: code } = /** @type {any} */ (error);
    if (code) {
      libraryTrouble.value = { message, remedy };
      documents.value = [];
    }
  }
}

async function loadRuns() {
  const began = Object.values(runs.value);
  const { runs: found } = await get("/api/runs");
  const alive = found.filter((/** @type {Run} */ run) => !ended.has(run.id));
  // What the news have told meanwhile is newer.
  const told = Object.values(runs.value).filter((run) => !began.includes(run));
  runs.value = Object.fromEntries([...alive, ...told].map((run) => [run.id, run]));
}

/** Reads the exchanges of the open chat, or those that have come since. */
async function openChat() {
  const id = chatId.value;
  if (id === null) return;
  await loadExchanges(id);
}

let removed = 0; // counts what was removed from chats: a reply that was on its way then is out of date

/** @param {string} id @param {{anew?: boolean, run?: number|null}} [how] `run`: the run whose place the last one takes */
async function loadExchanges(id, { anew = false, run = null } = {}) {
  const began = exchanges.value[id];
  const after = anew ? null : (began?.at(-1)?.id ?? null);
  const removals = removed;
  try {
    const found = await get(`/api/conversations/${encodeURIComponent(id)}${query({ after })}`);
    if (removals !== removed) return loadExchanges(id, { anew: true, run }); // it may hold what was removed meanwhile
    const isAnew = anew && exchanges.value[id] === began; // else newer ones have come meanwhile
    const now = isAnew ? [] : (exchanges.value[id] ?? []);
    const isComing = (/** @type {Exchange} */ one) => run === null && runsOf(id).some((other) => other.question === one.question && one.asked_at >= other.started_at); // its run's end brings it
    const fresh = found.exchanges.filter((/** @type {Exchange} */ one) => !now.some((other) => other.id === one.id) && !isComing(one));
    batch(() => {
      exchanges.value = { ...exchanges.value, [id]: [...now, ...fresh].sort((a, b) => a.id - b.id) };
      if (run !== null) forgetRun(run);
    });
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404 || runsOf(id).length) return;
    if (chatId.value === id) {
      notify(t("chat.gone"), { bad: true });
      go("/", { replace: true });
    }
  }
}

/** @param {boolean} [isFirst] then what was read while the stream was opened is there already, and only what has come since is read */
async function readAnew(isFirst = false) {
  sync.value = null; // another process counts its versions anew
  const open = chatId.value;
  exchanges.value = open && exchanges.value[open] ? { [open]: exchanges.value[open] } : {};
  await Promise.all([
    loadChats(),
    loadDocuments(),
    loadRuns().then(() => (open ? loadExchanges(open, { anew: !isFirst }) : undefined)), // runs that have ended hold nothing back
    get("/api/syncing").then(showSync),
    loadModels(),
  ]).catch(() => undefined);
}

async function loadModels() {
  models.value = await get("/api/models");
}

/** A reply may come after news that are newer. @param {any} state */
function showSync(state) {
  if (sync.value !== null && state.version < sync.value.version) return;
  tellOfSync(sync.value, state);
  sync.value = state;
}

// News -----------------------------------------------------------------------------------------------------------------

const later = new Map();
/** @type {Record<string, number>} */
const costs = {};

/** Runs `work` soon, once for any number of calls; what takes long is done less often. @param {string} name @param {() => Promise<void>} work */
function soon(name, work) {
  if (later.has(name)) return;
  const run = async () => {
    later.delete(name);
    const began = performance.now();
    await work().catch(() => undefined);
    costs[name] = performance.now() - began;
  };
  later.set(name, setTimeout(run, Math.max(150, 10 * (costs[name] ?? 0))));
}

/** @param {any} news */
function onNews(news) {
  switch (news.event) {
    case "run":
      onRun(news.run);
      break;
    case "text":
      onGrowth(news, withText);
      break;
    case "thinking":
      onGrowth(news, withThought);
      break;
    case "forgotten":
      forgetRun(news.run);
      break;
    case "sync":
      showSync(news.sync);
      break;
    case "documents":
      soon("documents", loadDocuments);
      break;
    case "settings":
    case "models":
      noteChange(news.event);
      break;
    case "conversations":
      soon("chats", loadChats);
      // The end of a run brings its exchange itself.
      if (news.conversation && exchanges.value[news.conversation] && !runsOf(news.conversation).length) loadExchanges(news.conversation);
      break;
    default:
      readAnew();
  }
}

/** @param {"settings"|"models"} name */
function noteChange(name) {
  changes.value = { ...changes.value, [name]: changes.value[name] + 1 };
  loadModels().catch(() => undefined); // a setting may name another model
}

/** @param {Run} run */
async function onRun(run) {
  if (run.state !== "done") {
    runs.value = { ...runs.value, [run.id]: run };
    return;
  }
  const isShown = chatId.value === run.conversation || exchanges.value[run.conversation];
  if (isShown) await loadExchanges(run.conversation, { run: run.id });
  forgetRun(run.id);
}

/** @param {any} news @param {(run: Run, news: any) => Run|null} next */
function onGrowth(news, next) {
  const run = runs.value[news.run];
  const grown = run ? next(run, news) : undefined;
  if (grown) runs.value = { ...runs.value, [run.id]: grown };
  else if (run) soon("runs", loadRuns); // something was missed
}

/** Runs that have ended: the reply that tells of a run's beginning may come after the news of its end. */
const ended = new Set();

/** @param {number} id */
function forgetRun(id) {
  ended.add(id);
  const { [id]: _, ...rest } = runs.value;
  runs.value = rest;
}

export function start() {
  let isFirst = true;
  loadChats().catch(() => undefined);
  loadDocuments();
  route.subscribe(() => {
    openChat();
  });
  follow((news) => batch(() => news.forEach(onNews)), (state) => {
    connection.value = state;
    if (state !== "open") return;
    readAnew(isFirst);
    isFirst = false;
  });
}

// Questions ------------------------------------------------------------------------------------------------------------

/** @param {string|null} id */
export const runsOf = (id) => Object.values(runs.value).filter((run) => run.conversation === id);

/**
 * Asks in the chat `id`; null begins one. Returns the chat, or false where the question was not taken.
 * @param {string} question @param {string|null} [id] @param {Scope} [within] what is asked, that of the chat unless it is given
 */
export async function ask(question, id = chatId.value, within = scopes.value[id ?? ""] ?? EVERYTHING) {
  const { folders, documents: chosen } = within;
  const run = await attempt(() => post("/api/runs", { question, conversation: id, folders, documents: chosen }));
  if (run === undefined) return false;
  batch(() => {
    if (!runs.value[run.id] && !ended.has(run.id)) runs.value = { ...runs.value, [run.id]: run };
    if (id === null) {
      setScope({ folders, documents: chosen }, run.conversation);
      exchanges.value = { ...exchanges.value, [run.conversation]: [] };
      if (chatId.value === null && route.value.page === "chat") go(chatPath(run.conversation));
    }
  });
  return run.conversation;
}

/** @param {number} id */
export const stop = (id) => attempt(() => post(`/api/runs/${id}/stop`));

/** Stops all of a chat, what waits first: it would begin where the answer before it ends. @param {string|null} id */
export async function stopAll(id) {
  const active = runsOf(id).filter((run) => run.state !== "failed");
  for (const run of active.sort((a, b) => b.id - a.id)) await stop(run.id);
}

/** Asks a failed question again. @param {Run} run */
export async function retry(run) {
  await attempt(() => remove(`/api/runs/${run.id}`));
  forgetRun(run.id);
  await ask(run.question, run.conversation);
}

/** Asks the last question of a chat again; the answer before it goes. @param {Exchange} exchange */
export async function again(exchange) {
  const id = chatId.value;
  if (id === null) return;
  await attempt(async () => {
    await remove(`/api/conversations/${encodeURIComponent(id)}/exchanges/${exchange.id}`);
    removed++;
    exchanges.value = { ...exchanges.value, [id]: exchanges.value[id].filter((one) => one.id !== exchange.id) };
    await ask(exchange.question, id);
  });
}

/** Asks another question in place of `exchange`, in a copy of the chat that ends before it. @param {Exchange} exchange @param {string} question */
export async function branch(exchange, question) {
  const id = chatId.value;
  if (id === null) return;
  await attempt(async () => {
    const made = await post(`/api/conversations/${encodeURIComponent(id)}/copy`, { before: exchange.id });
    setScope(scope.value, made.id);
    go(chatPath(made.id));
    await ask(question, made.id);
  });
}

/** @param {Exchange} exchange @param {number} feedback */
export async function judge(exchange, feedback) {
  const id = chatId.value;
  if (id === null) return;
  await attempt(async () => {
    await request("PUT", `/api/conversations/${encodeURIComponent(id)}/exchanges/${exchange.id}/feedback`, { feedback });
    const changed = exchanges.value[id].map((one) => (one.id === exchange.id ? { ...one, feedback } : one));
    exchanges.value = { ...exchanges.value, [id]: changed };
  });
}

// Chats ----------------------------------------------------------------------------------------------------------------

/** @param {string} id @param {{title?: string, pinned?: boolean}} change */
export const changeChat = (id, change) =>
  attempt(async () => {
    await request("PATCH", `/api/conversations/${encodeURIComponent(id)}`, change);
    await loadChats();
  });

/** @param {Chat} chat */
export const deleteChat = (chat) =>
  attempt(async () => {
    await remove(`/api/conversations/${encodeURIComponent(chat.id)}?undo=true`);
    if (chatId.value === chat.id) go("/");
    await loadChats();
    notify(t("chat.deleted", { title: chat.title }), { action: t("undo"), onAction: () => restoreChat(chat) });
  });

/** @param {Chat} chat */
const restoreChat = (chat) =>
  attempt(async () => {
    await post(`/api/conversations/${encodeURIComponent(chat.id)}/restore`);
    await loadChats();
    go(chatPath(chat.id));
  });

/** @param {string} id */
export const copyChat = (id) =>
  attempt(async () => {
    const made = await post(`/api/conversations/${encodeURIComponent(id)}/copy`);
    await loadChats();
    go(chatPath(made.id));
  });

// Documents ------------------------------------------------------------------------------------------------------------

/** @param {string} location */
export const addSource = (location) => attempt(() => post("/api/sources", { location }));
export const addSamples = () => attempt(() => post("/api/samples"));
/** @param {string} location */
export const removeSource = (location) =>
  attempt(async () => {
    await remove(`/api/sources${query({ location })}`);
    await loadDocuments();
    return true;
  });
/** @param {string[]|null} [locations] @param {boolean} [anew] unchanged documents, too */
export const readSources = (locations = null, anew = false) => attempt(() => post("/api/syncing", { locations, anew }));
export const endSync = () => attempt(() => remove("/api/syncing")); // the feed tells what comes of it

/** Hands files over, one after the other. @param {{file: File, name: string}[]} files */
export async function upload(files) {
  let taken = 0;
  for (const { file, name } of files) {
    const done = await attempt(() => request("PUT", `/api/uploads/${encodeURIComponent(name)}`, file));
    if (done !== undefined) taken++;
  }
  if (taken) notify(t("library.taken", { count: taken }));
}

// The source pane ------------------------------------------------------------------------------------------------------

/** @param {Citation[]} citations @param {number} index @param {any} span */
export function showCitation(citations, index, span = null) {
  const { document_id, title, page } = citations[index];
  shown.value = { document: document_id, title, citations, index, span, page };
}

/** @param {{id: number, title: string}} document @param {number|null} [page] */
export function showDocument(document, page = null) {
  shown.value = { document: document.id, title: document.title, citations: [], index: -1, span: null, page };
}

export function closeSource() {
  shown.value = null;
}
