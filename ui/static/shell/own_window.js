// @ts-check
/** Docent's own window (ui/desktop): its page tells where it stands, so that it opens there the next time. */

import { post, request } from "../state/api.js";

const MARK = "docent.own-window";
const RESTS_MS = 500;

/** Whether this page is the one in the window; the address says so when it is opened. */
function isOwn() {
  const address = new URL(location.href);
  try {
    if (address.searchParams.get("window") === "own") sessionStorage.setItem(MARK, "1");
    if (address.search) history.replaceState(null, "", address.pathname);
    return sessionStorage.getItem(MARK) !== null;
  } catch {
    return false;
  }
}

let isHere = false;

/** Whether this page is the one in Docent's own window, which can show the desktop's dialogs. */
export const inOwnWindow = () => isHere;

/**
 * Asks for a folder or files in the desktop's own dialog.
 * @param {"folder"|"files"} wanted @returns {Promise<string[]|null>} their paths, none where nothing was chosen; null where there is no dialog
 */
export async function choosePaths(wanted) {
  const { paths } = await post("/desktop/choose", { wanted });
  if (paths === null) isHere = false; // nothing shows one here
  return paths;
}

export function watchPlace() {
  isHere = isOwn();
  if (!isHere) return;
  let told = "";
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let rests;
  const tell = () => {
    const place = { x: window.screenX, y: window.screenY, width: window.outerWidth, height: window.outerHeight };
    const now = JSON.stringify(place);
    if (now === told || document.hidden) return; // a minimised window has no place
    told = now;
    request("POST", "/desktop/place", place).catch(() => undefined);
  };
  window.addEventListener("resize", () => {
    clearTimeout(rests);
    rests = setTimeout(tell, RESTS_MS);
  });
  // There is no event for a window that is moved; whoever moves it leaves the page with the pointer, or another window.
  for (const name of ["blur", "focus"]) window.addEventListener(name, tell);
  document.documentElement.addEventListener("pointerenter", tell);
  document.documentElement.addEventListener("pointerleave", tell);
}
