// @ts-check
/** The page that a browser without a session gets: it comes back by itself where it was here before, else it says what to do. */

import { comeBack } from "./state/browser.js";
import { speak, t } from "./words/words.js";

speak(null);
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
said.textContent = t("door.trying");
if (await comeBack()) location.reload();
else said.textContent = t("lost.refused");

export {};
