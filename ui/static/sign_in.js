// @ts-check
/** The page at the door of a Docent with users: it takes a user's key, for which the browser gets a session. */

import { comeBack } from "./state/browser.js";
import { speak, t } from "./words/words.js";

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);

speak(null);
part("asked").textContent = t("signIn.key");
part("go").textContent = t("signIn.go");
if (await comeBack()) location.reload(); // the browser of who started Docent
part("sign-in").hidden = false;
part("key").focus();
part("sign-in").addEventListener("submit", async (/** @type {Event} */ event) => {
  event.preventDefault();
  part("said").textContent = t("door.trying");
  part("said").textContent = await signedIn(part("key").value);
});

/** Begins a session and shows the page. @param {string} key @returns {Promise<string>} what went wrong */
async function signedIn(key) {
  try {
    const answer = await fetch("/api/session/key", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key }) });
    if (!answer.ok) return t(answer.status === 401 ? "signIn.wrong" : "lost.short");
    location.reload();
    return "";
  } catch {
    return t("lost.short");
  }
}

export {};
