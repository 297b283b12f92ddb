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
 * @param {boolean} [isSecond] this browser has just come back to a Docent that was started anew
 * @returns {Promise<any>}
 */
export async function request(method, path, body, isSecond = false) {
  const blob = body instanceof Blob;
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined || blob ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : blob ? body : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("unreachable", "", 0);
  }
  if (response.status === 401 && !isSecond && (await comeBack())) return request(method, path, body, true);
  if (response.status === 401 && userName) location.reload(); // the session has ended: the door takes the key
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
