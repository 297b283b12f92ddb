// @ts-check
/** The pane on the right: a document at the place that an answer names, as its pages or as its text. */

import { fileName, place, video } from "../parts/format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton, Menu, Name, Trouble, unless } from "../parts/parts.js";
import { save } from "../parts/save.js";
import { get, post } from "../state/api.js";
import { attempt, closeSource, documentsById, keep, kept, scope, setScope, shown } from "../state/store.js";
import { t } from "../words/words.js";
import { PdfView } from "./pdf_view.js";
import { summarise } from "./summary.js";
import { hasLayout, TextView } from "./text_view.js";

const NARROWEST = 320;

export function SourcePane() {
  const view = shown.value;
  const [width, setWidth] = useState(/** @type {number} */ (kept("source.width", 520)));
  const opener = useRef(/** @type {Element|null} */ (null));
  useLayoutEffect(() => {
    if (view === null) return undefined;
    opener.current = document.activeElement;
    return () => {
      if (document.activeElement === document.body) /** @type {HTMLElement|null} */ (opener.current)?.focus(); // it was in the pane
    };
  }, [view === null]);
  if (view === null) return null;
  const drag = (/** @type {PointerEvent} */ event) => {
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    handle.setPointerCapture(event.pointerId);
    handle.onpointermove = (move) => setWidth(clamp(window.innerWidth - move.clientX));
    handle.onpointerup = () => {
      handle.onpointermove = null;
      keep("source.width", clamp(window.innerWidth - event.clientX) === width ? width : current());
    };
  };
  const current = () => /** @type {HTMLElement} */ (document.querySelector(".source"))?.offsetWidth ?? width;
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: 24, ArrowRight: -24 }[event.key];
    if (!step) return;
    setWidth(clamp(width + step));
    keep("source.width", clamp(width + step));
  };
  return html`<aside class="source" style=${{ width: `${width}px` }} aria-label=${t("source.title")}>
    <div class="handle" role="separator" aria-orientation="vertical" aria-label=${t("source.title")} tabindex="0" aria-valuenow=${width}
      aria-valuemin=${NARROWEST} aria-valuemax="1200" onPointerDown=${drag} onKeyDown=${keys}></div>
    <${Opened} key=${view.document} view=${view} />
  </aside>`;
}

/** @param {number} width */
const clamp = (width) => Math.max(NARROWEST, Math.min(width, window.innerWidth - 420));

/** @param {{view: import("../state/store.js").Shown}} props */
function Opened({ view }) {
  const [about, setAbout] = useState(/** @type {any} */ (null));
  const [trouble, setTrouble] = useState(/** @type {any} */ (null));
  const [asText, setAsText] = useState(false);
  const [turned, turn] = useState(0); // degrees, clockwise
  const read = documentsById.value.get(view.document)?.read_at;
  useEffect(() => {
    get(`/api/documents/${view.document}`).then(
      (found) => {
        setAbout(found);
        setTrouble(null);
      },
      (error) => setTrouble(error),
    );
  }, [view.document, read]);
  const citation = view.index >= 0 ? view.citations[view.index] : null;
  const path = about?.path ?? citation?.source ?? "";
  const hasPages = about?.pages !== null && about?.pages !== undefined;
  const isLaidOut = hasPages || (about !== null && hasLayout(about.media_type));
  const openIn = (/** @type {string} */ where) => attempt(() => post(`/api/documents/${view.document}/open`, { where }));
  const isPinned = scope.value.documents.includes(view.document);
  const files = [
    null,
    ...(about?.opens ? [{ label: t("source.open"), icon: "outside", onClick: () => openIn("program") }] : []),
    { label: t("source.showFolder"), icon: "folder", onClick: () => openIn("folder") },
    { label: t("source.download"), icon: "download", onClick: () => save(`/api/documents/${view.document}/file`, fileName(path)) },
  ];
  const watch = video(path, citation?.start_s ?? null);
  const where = citation ? place({ ...citation, source: path }) : "";
  return html`<header class="bar source-head">
      <div class="source-title"><h2 title=${path}><${Name}>${view.title || fileName(path)}<//></h2>
        <p class="quiet" title=${path}>${[where, fileName(path)].filter(Boolean).join(" · ")}</p></div>
      ${isLaidOut &&
      html`<div class="switch" role="group">
        <button type="button" class="button small" aria-pressed=${!asText} onClick=${() => setAsText(false)}>${t(hasPages ? "source.page" : "source.layout")}</button>
        <button type="button" class="button small" aria-pressed=${asText} onClick=${() => setAsText(true)}>${t("source.text")}</button>
      </div>`}
      ${watch && html`<a class="button small" href=${watch} target="_blank" rel="noopener noreferrer"><${Icon} name="outside" />${t("source.watch", { time: where })}</a>`}
      ${about && html`<${Menu} label=${t("source.actions")} items=${[
        { label: t("library.summarise"), icon: "list", onClick: () => summarise({ id: view.document, title: view.title }) },
        ...(isPinned
          ? [{ label: t("source.unpin"), icon: "pin", onClick: () => setScope({}) }]
          : [{ label: t("source.pin"), icon: "pin", onClick: () => setScope({ documents: [view.document] }) }]),
        ...(hasPages && !asText ? [{ label: t("source.turn"), icon: "again", onClick: () => turn((turned + 90) % 360) }] : []),
        ...(!watch && about.there ? files : []),
      ]} />`}
      <${IconButton} icon="close" label=${t("close")} onClick=${closeSource} />
    </header>
    <div class="source-body">
      ${about && !about.there && html`<p class="note pad missing" role="status"><${Icon} name="warning" />${t("source.missing")}</p>`}
      ${trouble
        ? html`<${Trouble} message=${trouble.status === 404 ? t("source.gone") : trouble.message} remedy=${trouble.remedy} />
            ${citation?.quote && html`<blockquote dir="auto">${citation.quote}</blockquote>`}`
        : !about
          ? html`<p class="note pad">${t("source.loading")}</p>`
          : hasPages && !asText
            ? html`<${PdfView} document=${about} view=${view} turned=${turned} onFail=${() => setAsText(true)} />`
            : html`<${TextView} document=${about} view=${view} asText=${asText} />`}
    </div>
    ${view.citations.length > 1 && html`<${Turner} view=${view} />`}`;
}

/** Goes through the citations of an answer. @param {{view: import("../state/store.js").Shown}} props */
function Turner({ view }) {
  const { citations, index, span } = view;
  const to = (/** @type {number} */ at) => {
    const { document_id, title, page } = citations[at];
    shown.value = { document: document_id, title, citations, index: at, span, page };
  };
  return html`<footer class="turner">
    <span>${t("source.citation", { number: index + 1, count: citations.length })}</span>
    <span class="space"></span>
    <button type="button" class="button small" id="citation-before" ...${unless(index === 0, () => to(index - 1))}><${Icon} name="left" />${t("source.prev")}</button>
    <button type="button" class="button small" id="citation-after" ...${unless(index === citations.length - 1, () => to(index + 1))}>${t("source.next")}<${Icon} name="right" /></button>
  </footer>`;
}
