// @ts-check
/** Keeps the state of the page (store.js) up to date: reads it when the stream of news (news.js) opens, and changes it by what that tells. */

import { tellOfSync } from "../shell/notifications.js";
import { batch } from "../vendor/signals.js";
import { get } from "./api.js";
import { withText, withThought } from "./growth.js";
import { follow } from "./news.js";
import { loadPrompts } from "./prompts.js";
import { changes, chatId, connection, ended, exchanges, forgetRun, loadChats, loadCollections, loadDocuments, loadExchanges, models, route, runs, runsOf, sync } from "./store.js";

/** @typedef {import("./store.js").Run} Run */

const NEWS_AFTER_MS = 3000; // where what is shown first takes longer

/** Reads what is shown first, and then follows the news: their stream loads what is heavy in Docent. */
export async function start() {
  let isFirst = true;
  const first = [loadChats(), loadDocuments(), loadPrompts(), ...(route.value.page === "models" ? [loadModels()] : [])];
  route.subscribe(() => {
    first.push(openChat());
  });
  await Promise.race([Promise.allSettled([...first]), new Promise((resolve) => setTimeout(resolve, NEWS_AFTER_MS))]);
  follow((news) => batch(() => news.forEach(onNews)), (state) => {
    connection.value = state;
    if (state !== "open") return;
    readAnew(isFirst);
    isFirst = false;
  });
}

// Reading the state ----------------------------------------------------------------------------------------------------

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
    loadPrompts(),
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
    case "collections":
      loadCollections();
      break;
    case "prompts":
      soon("prompts", loadPrompts);
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
  if (isShown) await loadExchanges(run.conversation, { run });
  forgetRun(run.id);
}

/** @param {any} news @param {(run: Run, news: any) => Run|null} next */
function onGrowth(news, next) {
  const run = runs.value[news.run];
  const grown = run ? next(run, news) : undefined;
  if (grown) runs.value = { ...runs.value, [run.id]: grown };
  else if (run) soon("runs", loadRuns); // something was missed
}
