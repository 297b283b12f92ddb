// @ts-check
/**
 * This browser, as it proves after a restart of Docent that it was here before (app/pages/browsers.py). The key is a CryptoKey
 * that no script can read; it lies in IndexedDB, which belongs to this address and port alone.
 */

const STORE = "keys";
const NAME = "browser";
const ALGORITHM = { name: "HMAC", hash: "SHA-256" };

/** @returns {Promise<IDBDatabase>} */
const opened = () =>
  new Promise((resolve, reject) => {
    const asked = indexedDB.open("docent", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} work @returns {Promise<any>} */
async function within(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const request = work(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<{browser: string, key: CryptoKey}|undefined>} */
const known = () => within("readonly", (store) => store.get(NAME));

export const forget = () => within("readwrite", (store) => store.delete(NAME)).catch(() => undefined);

/** Lets this browser come back after a restart. `ask` requests a number and a key. @param {() => Promise<{browser: string, key: string}>} ask */
export async function enrol(ask) {
  try {
    if (await known()) return;
    const { browser, key } = await ask();
    const bytes = Uint8Array.from(atob(key), (letter) => letter.charCodeAt(0));
    const kept = { browser, key: await crypto.subtle.importKey("raw", bytes, ALGORITHM, false, ["sign"]) };
    await within("readwrite", (store) => store.put(kept, NAME));
  } catch {
    // A browser that keeps nothing (private browsing) needs the link again after a restart.
  }
}

/** @type {Promise<boolean>|null} */
let coming = null;

/** Begins a session with a Docent that was started anew; once for all who ask at the time. @returns {Promise<boolean>} whether it did */
export function comeBack() {
  coming ??= proveAgain().finally(() => (coming = null));
  return coming;
}

async function proveAgain() {
  try {
    const mine = await known();
    if (!mine) return false;
    const nonce = hex(crypto.getRandomValues(new Uint8Array(24)).buffer);
    const challenge = await fetch("/api/session/challenge", message({ browser: mine.browser, nonce }));
    if (challenge.status === 401) await forget(); // this Docent does not know it
    if (!challenge.ok) return false;
    const { nonce: theirs, proof } = await challenge.json();
    if (proof !== (await proved(mine.key, "docent-server", nonce))) return false; // something else answers at this address
    const answer = { browser: mine.browser, nonce: theirs, proof: await proved(mine.key, "docent-browser", theirs) };
    return (await fetch("/api/session", message(answer))).ok;
  } catch {
    return false;
  }
}

/** @param {unknown} body */
const message = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** @param {CryptoKey} key @param {string} who @param {string} nonce */
async function proved(key, who, nonce) {
  return hex(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(`${who}\n${location.origin}\n${nonce}`)));
}

/** @param {ArrayBuffer} bytes */
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
