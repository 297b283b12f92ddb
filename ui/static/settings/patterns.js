// @ts-check
/** What patterns of the library leave out, before they hold. */

import { html, useEffect, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { visible } from "../parts/parts.js";
import { post } from "../state/api.js";
import { t } from "../words/words.js";

const LOOK_MS = 300; // after the last key
const SHOWN = 5; // paths of a pattern

/** @param {{name: string, patterns: string[], others: string[]}} props `others` are the patterns of the other setting */
export function PatternPreview({ name, patterns, others }) {
  const [found, setFound] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState("");
  const asked = JSON.stringify(patterns);
  useEffect(() => {
    let isOld = false;
    setFound(null);
    setTrouble("");
    const body = name === "library.exclude" ? { exclude: patterns, include: others } : { include: patterns, exclude: others };
    const timer = setTimeout(() => {
      post("/api/sync/preview", body).then(
        (reply) => !isOld && setFound(reply),
        (error) => !isOld && setTrouble(error.message),
      );
    }, LOOK_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [asked]);
  if (trouble) return html`<p class="bad" role="alert">${trouble}</p>`;
  if (found === null) return html`<p class="quiet" role="status">${t("patterns.looking")}</p>`;
  const own = found.left_out.filter((/** @type {any} */ one) => one.place === name);
  const idle = name === "library.exclude" ? patterns.filter((pattern) => !own.some((/** @type {any} */ one) => one.pattern === pattern.toLowerCase())) : [];
  return html`<div class="patterns" role="status">
    <p>${t("patterns.sum", { files: found.files.length, gone: found.gone.length })}</p>
    <ul>${own.map(
      (/** @type {any} */ one) => html`<li><code>${one.pattern || t("patterns.unmatched")}</code> <b>${t("patterns.files", { count: one.files })}</b>
        <ul>${one.paths.slice(0, SHOWN).map((/** @type {string} */ path) => html`<li class="path" title=${path}><bdi>${visible(path)}</bdi></li>`)}
          ${one.paths.length > SHOWN && html`<li class="quiet">${t("patterns.more", { count: one.paths.length - SHOWN })}</li>`}</ul></li>`,
    )}
    ${idle.map((pattern) => html`<li class="quiet"><${Icon} name="warning" /><code>${pattern}</code> ${t("patterns.idle")}</li>`)}</ul>
  </div>`;
}
