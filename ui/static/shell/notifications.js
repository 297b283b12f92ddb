// @ts-check
/** Notifications of the desktop about a long sync that has ended while nobody looked. They are asked for by a click. */

import { notify } from "../parts/notices.js";
import { keep, kept } from "../state/kept.js";
import { signal } from "../vendor/signals.js";
import { t } from "../words/words.js";

const LONG_S = 30;
const TAG = "docent-sync"; // several pages show one

export const canTell = () => "Notification" in window;
export const telling = signal(canTell() && kept("telling", false) === true && Notification.permission === "granted");

/** Asks the browser for the right to tell, or stops telling. */
export async function switchTelling() {
  if (telling.value) set(false);
  else if ((await Notification.requestPermission()) === "granted") set(true);
  else notify(t("notify.refused"), { remedy: t("notify.refusedRemedy"), bad: true });
}

/** @param {boolean} on */
function set(on) {
  telling.value = on;
  keep("telling", on ? true : null);
  notify(t(on ? "notify.on" : "notify.off"));
}

/**
 * Tells that a sync has ended, unless it was short, was stopped by a person, or the page is seen.
 * @param {any} before @param {any} now states of the sync
 */
export function tellOfSync(before, now) {
  if (!telling.value || !before?.running || now.running || now.summary === "stopped" || !document.hidden) return;
  if (Date.now() / 1000 - before.started_at < LONG_S) return;
  const failed = now.failed > 0 ? t("sync.failed", { count: now.failed }) : "";
  const shown = new Notification(t(now.message ? "notify.failed" : "notify.done"), {
    body: now.message || failed,
    tag: TAG,
    icon: "/static/favicon.png",
    lang: document.documentElement.lang,
  });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}
