// @ts-check
/** Requests to Docent's HTTP API (docs/http-api.md). A failure is thrown as an ApiError with what to do about it. */

import { told } from "../words/messages.js";
import { comeBack } from "./browser.js";
import { userName } from "./user.js";

export class ApiError extends Error {
  /** @param {string} message @param {string} remedy @param {number} status */
  constructor(message, remedy = "", status = 0) {
    super(message);
    this.remedy = remedy;
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON; a Blob is sent as it is
 * @returns {Promise<any>}
 */
export async function request(method, path, body) {
  const blob = body instanceof Blob;
  const headers = body === undefined || blob ? undefined : { "content-type": "application/json" };
  return read(await fetched(method, path, { headers, body: body === undefined ? undefined : blob ? body : JSON.stringify(body) }));
}

/** @param {string} method @param {string} path @param {RequestInit} how @param {boolean} [isSecond] this browser has just come back to a Docent that was started anew @returns {Promise<Response>} */
async function fetched(method, path, how, isSecond = false) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, { method, ...how });
  } catch {
    throw new ApiError("unreachable", "", 0);
  }
  if (response.status === 401 && !isSecond && (await comeBack())) return fetched(method, path, how, true);
  if (response.status === 401 && userName) location.reload(); // the session has ended: the door takes the key
  return response;
}

/** @param {Response} response @returns {Promise<any>} */
async function read(response) {
  if (response.ok) {
    return (response.headers.get("content-type") ?? "").includes("json") ? response.json() : response.text();
  }
  /** @type {any} */
  let failure = {};
  try {
    failure = (await response.json()).error ?? {};
  } catch {
    failure = {};
  }
  throw new ApiError(told(failure.message) || `${response.status} ${response.statusText}`, told(failure.remedy), response.status);
}

/**
 * What lies there and its ETag; `found` is null where it is what has the ETag that is known.
 * @param {string} path @param {string} known "" for nothing @returns {Promise<{found: any, tag: string}>}
 */
export async function getChanged(path, known) {
  const response = await fetched("GET", path, { headers: known ? { "if-none-match": known } : {} });
  if (response.status === 304) return { found: null, tag: known };
  return { found: await read(response), tag: response.headers.get("etag") ?? "" };
}

/** @param {string} path */
export const get = (path) => request("GET", path);
/** @param {string} path @param {unknown} [body] */
export const post = (path, body = {}) => request("POST", path, body);
/** @param {string} path */
export const remove = (path) => request("DELETE", path);

/** @param {Record<string, string | number | null | undefined>} values */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
