// @ts-check
/** The state of the page and what a person does to it; live.js follows what happens elsewhere. Components read the signals, these two modules write them. */

import { attempt, notify } from "../parts/notices.js";
import { batch, computed, signal } from "../vendor/signals.js";
import { t } from "../words/words.js";
import { get, getChanged, post, query, remove, request } from "./api.js";
import { keep, kept } from "./kept.js";
import { chatId, chatPath, go, route } from "./routes.js";

export { chatId, chatPath, go, route } from "./routes.js";
export { keep, kept } from "./kept.js";
export { attempt, dismissNotice, notices, notify } from "../parts/notices.js";

/** @typedef {{id: string, title: string, updated_at: number, turns: number, pinned: boolean, folder: number|null, model: string|null, scope: Scope, excerpt?: string|null}} Chat */
/** @typedef {{id: number, name: string}} ChatFolder */
/** @typedef {{number: number, source: string, title: string, page: number|null, page_label: string|null, start_s: number|null, quote: string, start: number, end: number, score: number, document_id: number}} Citation */
/** @typedef {{text: string, citations: number[], supported: boolean}} Part */
/** @typedef {{document_id: number, title: string, start: number, end: number, page: number|null, page_label: string|null, start_s: number|null, score: number}} Looked */
/** @typedef {{id: number, parent: number, versions: number[], question: string, answer: string, parts: Part[], found: boolean, span: any, confidence: number|null, citations: Citation[], answerer: string, writing: {tokens: number, tok_s: number}|null, searched: string|null, stopped: boolean, asked_at: number, work: {timings_ms: Record<string, number>, passages: Looked[], searches: string[], thought: string}|null, feedback: number}} Exchange */
/** @typedef {{id: number, conversation: string, question: string, state: string, started_at: number, after: number|null, model: string|null, searched: string|null, passages: Looked[], searches: string[], thought: string, parts: Part[], citations: Citation[], message: string, remedy: string}} Run */
/** @typedef {{id: number, source_id: number, path: string, title: string, status: string, error: string|null, chunks: number, size: number, media_type: string, read_at: number, page_count: number|null}} Doc */
/** @typedef {{id: number, kind: string, location: string, added_at: number}} Source */
/** @typedef {{id: number, name: string, locations: string[], documents: number}} Collection */
/** @typedef {{folders: string[], documents: number[], collections: number[]}} Scope */
/** @typedef {{document: number, title: string, citations: Citation[], index: number, span: any, page: number|null}} Shown */

export const connection = signal(/** @type {"opening"|"open"|"lost"|"refused"} */ ("opening"));
export const chats = signal(/** @type {Chat[]|null} */ (null));
export const chatFolders = signal(/** @type {ChatFolder[]} */ ([]));
export const chatFilter = signal("");
export const exchanges = signal(/** @type {Record<string, Exchange[]>} */ ({}));
export const runs = signal(/** @type {Record<number, Run>} */ ({}));
export const copies = signal(/** @type {Record<number, string>} */ ({}));
export const documents = signal(/** @type {Doc[]|null} */ (null));
export const collections = signal(/** @type {Collection[]|null} */ (null));
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

// What a chat asks, and which model -------------------------------------------------------------------------------------

/** @type {Scope} */
const EVERYTHING = { folders: [], documents: [], collections: [] };
/** What is chosen for the next new chat. */
const next = signal({ scope: EVERYTHING, model: /** @type {string|null} */ (null) });
/** Every chat that was listed since the page was opened, whatever the list is filtered by now. */
export const knownChats = signal(/** @type {Record<string, Chat>} */ ({}));
/** The chat that is open. */
export const currentChat = computed(() => {
  const id = chatId.value;
  return id === null ? undefined : (chats.value?.find((one) => one.id === id) ?? knownChats.value[id]);
});
/** All of them, newest first. */
export const allChats = () => (chatFilter.value.trim() ? Object.values(knownChats.value).sort((a, b) => b.updated_at - a.updated_at) : (chats.value ?? []));
const earlier = /** @type {Record<string, Partial<Scope>>} */ (kept("scopes", {})); // what versions before kept in the browser
export const scope = computed(() => scopeOf(chatId.value));
export const model = computed(() => modelOf(chatId.value));

/** @param {Partial<Scope>|undefined} one */
const restricts = (one) => Object.values(one ?? {}).some((chosen) => chosen.length);

/** What a chat asks; collections that are gone are no part of it. @param {string|null} id @returns {Scope} */
export function scopeOf(id) {
  const own = id === null ? next.value.scope : knownChats.value[id]?.scope;
  const chosen = { ...EVERYTHING, ...(restricts(own) ? own : id === null ? {} : earlier[id]) };
  const known = collections.value;
  return known === null ? chosen : { ...chosen, collections: chosen.collections.filter((one) => known.some((other) => other.id === one)) };
}

/** The model that answers in a chat; null for the one that is set up, also where the chosen one is gone. @param {string|null} id */
function modelOf(id) {
  const chosen = (id === null ? next.value.model : knownChats.value[id]?.model) ?? null;
  const installed = models.value?.installed;
  return !installed || installed.some((/** @type {any} */ one) => one.name === chosen && !one.problem) ? chosen : null;
}

/** Choices that were made, and how many of them the server has not confirmed: a list read meanwhile may lack them. */
const choices = { made: 0, open: 0 };

/** @param {string|null} id @param {{scope?: Scope, model?: string|null}} chosen */
async function choose(id, chosen) {
  if (id === null) {
    next.value = { ...next.value, ...chosen };
    return;
  }
  if (chosen.scope && earlier[id]) {
    delete earlier[id];
    keep("scopes", earlier);
  }
  const chat = knownChats.value[id];
  if (chat) knownChats.value = { ...knownChats.value, [id]: { ...chat, ...chosen } };
  const change = { ...chosen, ...("model" in chosen ? { model: chosen.model ?? "" } : {}) };
  choices.made += 1;
  choices.open += 1;
  const taken = await attempt(() => request("PATCH", `/api/conversations/${encodeURIComponent(id)}`, change));
  choices.open -= 1;
  if (taken === undefined) await attempt(loadChats); // refused: what is shown is what is kept
}

/** @param {Partial<Scope>} value what is left out restricts nothing @param {string|null} [id] */
export const setScope = (value, id = chatId.value) => choose(id, { scope: { ...EVERYTHING, ...value } });
/** @param {string|null} name null for the model that is set up @param {string|null} [id] */
export const setModel = (name, id = chatId.value) => choose(id, { model: name });

/** Begins a chat that asks this alone. @param {Partial<Scope>} chosen */
export function askOnly(chosen) {
  go("/");
  setScope(chosen, null);
}

// Drafts stay in this browser ------------------------------------------------------------------------------------------

/** @param {string|null} id */
export const draftOf = (id) => kept(`draft.${id ?? ""}`, "");
/** What is being typed in a chat that is not begun. */
export const newDraft = signal(/** @type {string} */ (draftOf(null)));
/** @param {string|null} id @param {string} text */
export function keepDraft(id, text) {
  keep(`draft.${id ?? ""}`, text === "" ? null : text);
  if (id === null) newDraft.value = text;
}

// Reading the state ----------------------------------------------------------------------------------------------------

const reads = { begun: 0, shown: 0 }; // of the list of chats: an older reply may come after a newer one

export async function loadChats() {
  const holding = chatFilter.value.trim();
  const { made, open } = choices;
  const read = ++reads.begun;
  const found = await get(`/api/conversations${query({ holding: holding || null })}`);
  if (holding !== chatFilter.value.trim() || read < reads.shown) return;
  reads.shown = read;
  const mayLack = open > 0 || made !== choices.made;
  const current = (/** @type {Chat} */ one) => {
    const known = knownChats.value[one.id];
    return mayLack && known ? { ...one, scope: known.scope, model: known.model } : one;
  };
  batch(() => {
    chats.value = found.conversations;
    chatFolders.value = found.folders;
    knownChats.value = { ...knownChats.value, ...Object.fromEntries(found.conversations.map((/** @type {Chat} */ one) => [one.id, current(one)])) };
  });
}

let listed = ""; // the ETag of the documents that are known

export async function loadDocuments() {
  try {
    const [{ found, tag }, about] = await Promise.all([getChanged("/api/documents", listed), get("/api/status"), loadCollections()]);
    listed = tag;
    batch(() => {
      if (found) {
        documents.value = found.documents;
        copies.value = found.copies;
      }
      status.value = about;
      sources.value = about.sources;
      libraryTrouble.value = null;
    });
  } catch (error) {
    const { message, remedy = "", status: code } = /** @type {any} */ (error);
    if (code) {
      libraryTrouble.value = { message, remedy };
      documents.value = [];
      listed = "";
    }
  }
}

export async function loadCollections() {
  collections.value = (await get("/api/collections")).collections;
}

/** Runs that have ended: the reply that tells of a run's beginning may come after the news of its end. */
export const ended = new Set();

/** @param {number} id */
export function forgetRun(id) {
  ended.add(id);
  const { [id]: _, ...rest } = runs.value;
  runs.value = rest;
}

/**
 * Reads the exchanges of a chat that are not known yet; all of them where another branch of it is shown by now.
 * @param {string} id @param {{anew?: boolean, run?: Run|null}} [how] `run`: the one that has ended, whose place the last exchange takes
 */
export async function loadExchanges(id, { anew = false, run = null } = {}) {
  const began = exchanges.value[id];
  const known = anew ? [] : upTo(began ?? [], run?.after ?? null);
  const last = known.at(-1)?.id ?? 0;
  try {
    const found = await get(`/api/conversations/${encodeURIComponent(id)}${query({ after: last || null })}`);
    const [first] = found.exchanges;
    const isWhole = Boolean(first) && first.parent !== last; // what was known is no longer what is shown
    const hasGrown = exchanges.value[id] !== began; // by what has come meanwhile
    const now = isWhole ? [] : hasGrown ? upTo(exchanges.value[id] ?? [], run?.after ?? null) : known;
    const isComing = (/** @type {Exchange} */ one) => run === null && runsOf(id).some((other) => other.question === one.question && one.asked_at >= other.started_at); // its run's end brings it
    const fresh = found.exchanges.filter((/** @type {Exchange} */ one) => !now.some((other) => other.id === one.id) && !isComing(one));
    batch(() => {
      exchanges.value = { ...exchanges.value, [id]: newestBranch([...now, ...fresh].sort((a, b) => a.id - b.id)) };
      if (run !== null) forgetRun(run.id);
    });
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404 || runsOf(id).length) return;
    if (chatId.value === id) {
      notify(t("chat.gone"), { bad: true });
      go("/", { replace: true });
    }
  }
}

/** Leaves out versions that the newest exchange does not follow: replies may come in another order than they were asked for. @param {Exchange[]} list */
function newestBranch(list) {
  const branch = [];
  for (let one = list.at(-1); one; one = list.find((other) => other.id === one?.parent)) branch.unshift(one);
  return branch[0]?.parent === 0 ? branch : list;
}

/** A branch up to an exchange; all of it for null. @param {Exchange[]} list @param {number|null} after */
export const upTo = (list, after) => (after === null ? list : list.filter((one) => one.id <= after));

// Questions ------------------------------------------------------------------------------------------------------------

/** @param {string|null} id */
export const runsOf = (id) => Object.values(runs.value).filter((run) => run.conversation === id);

/**
 * Asks in the chat `id`; null begins one. Returns the chat, or false where the question was not taken.
 * @param {string} question @param {string|null} [id] @param {{within?: Partial<Scope>, after?: number|null}} [how] `within`: what is asked, that of
 * the chat unless it is given; `after`: the exchange that it follows in place of what stands there, 0 for none
 */
export async function ask(question, id = chatId.value, { within = scopeOf(id), after = null } = {}) {
  const run = await attempt(() => post("/api/runs", { question, conversation: id, after, model: modelOf(id), ...within }));
  if (run === undefined) return false;
  batch(() => {
    if (!runs.value[run.id] && !ended.has(run.id)) runs.value = { ...runs.value, [run.id]: run };
    if (id === null) {
      const chosen = { scope: { ...EVERYTHING, ...within }, model: run.model };
      knownChats.value = { ...knownChats.value, [run.conversation]: { id: run.conversation, title: question, updated_at: run.started_at, turns: 0, pinned: false, folder: null, ...chosen } };
      next.value = { scope: EVERYTHING, model: null }; // the next new chat asks everything
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
  await ask(run.question, run.conversation, { after: run.after });
}

/** Asks in place of an exchange, which stays as another version. @param {Exchange} exchange @param {string} [question] */
export const askInstead = (exchange, question = exchange.question) => ask(question, chatId.value, { after: exchange.parent });

/** Shows another version of an exchange, with what followed it. @param {number} exchange */
export async function showVersion(exchange) {
  const id = chatId.value;
  if (id === null) return;
  await attempt(async () => {
    const found = await request("PUT", `/api/conversations/${encodeURIComponent(id)}/shown`, { exchange });
    const before = upTo(exchanges.value[id] ?? [], found.exchanges[0].parent);
    exchanges.value = { ...exchanges.value, [id]: [...before, ...found.exchanges] };
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

/** @param {string} id @param {{title?: string, pinned?: boolean, folder?: number}} change */
export const changeChat = (id, change) =>
  attempt(async () => {
    await request("PATCH", `/api/conversations/${encodeURIComponent(id)}`, change);
    await loadChats();
  });

/** @param {Chat} chat */
export const deleteChat = (chat) =>
  attempt(async () => {
    await remove(`/api/conversations/${encodeURIComponent(chat.id)}?undo=true`);
    notify(t("chat.deleted", { title: chat.title }), { action: t("undo"), onAction: () => restoreChat(chat) }); // first: the news may take the row away before
    if (chatId.value === chat.id) go("/");
    const { [chat.id]: _, ...others } = knownChats.value;
    knownChats.value = others;
    await loadChats();
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
