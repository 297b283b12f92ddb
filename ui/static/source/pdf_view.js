// @ts-check
/** The pages of a PDF, drawn by PDF.js: selectable text, zoom, search, the quote marked. Only pages in view are drawn. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { IconButton, unless } from "../parts/parts.js";
import { get, query } from "../state/api.js";
import { pageName } from "../parts/format.js";
import { keep, kept } from "../state/kept.js";
import { t } from "../words/words.js";
import { FindBar } from "./find.js";
import { markWords, pagesHolding } from "./page_words.js";
import { PageField } from "./page_field.js";
import { Thumbnails } from "./thumbnails.js";

const VENDOR = "/static/vendor/";
const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const MARGIN = 16; // pixels beside a page
const MOST_PIXELS = 16_000_000;
const LOOKED_AT = 1 / 3; // of the height of the view: the page that is there is the current one
/** @type {Promise<any>|undefined} */
let library;

/** PDF.js, loaded when the first PDF is opened. */
function pdfjs() {
  library ??= import("../vendor/pdf.js").then((loaded) => {
    loaded.GlobalWorkerOptions.workerSrc = `${VENDOR}pdf.worker.js`;
    return loaded;
  });
  return library;
}

/** @typedef {{at: number, down: number, across: number}} Place that is looked at: which page, from 0, how far down it, and across all (0 to 1) */

/** @param {HTMLElement|null} frame @returns {HTMLElement[]} */
const pagesIn = (frame) => [...(frame?.querySelectorAll("[data-page]") ?? [])].map((page) => /** @type {HTMLElement} */ (page));

/** @param {HTMLElement|null} frame @returns {Place|null} null where there are no pages yet */
function placeIn(frame) {
  const pages = pagesIn(frame);
  if (!frame || !pages.length) return null;
  const line = frame.scrollTop + frame.clientHeight * LOOKED_AT;
  const found = pages.findIndex((page) => page.offsetTop + page.offsetHeight > line);
  const at = found < 0 ? pages.length - 1 : found;
  const across = (frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth;
  return { at, down: (line - pages[at].offsetTop) / pages[at].offsetHeight, across };
}

/** @typedef {{width: number, height: number}} Size of a page as it lies in the file, in points */

/** @param {Size} size @param {number} turned degrees @returns {Size} */
const lying = ({ width, height }, turned) => (turned % 180 ? { width: height, height: width } : { width, height });

/** @param {{document: any, view: import("../state/store.js").Shown, turned: number, onFail: () => void}} props `turned` clockwise by so many degrees */
export function PdfView({ document: about, view, turned, onFail }) {
  const [pdf, setPdf] = useState(/** @type {any} */ (null));
  const [sizes, setSizes] = useState(/** @type {Size[]} */ ([]));
  const [labels, setLabels] = useState(/** @type {string[]|null} */ (null)); // printed on the pages
  const [zoom, setZoom] = useState(0); // 0 fits the width
  const [width, setWidth] = useState(0);
  const [current, setCurrent] = useState(1);
  const [hasThumbnails, showThumbnails] = useState(kept("thumbnails", false));
  const [finding, setFinding] = useState({ words: "", matches: /** @type {number[]} */ ([]), at: 0 });
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const goal = useRef(/** @type {any} */ (null)); // what was found and is not yet in view
  useEffect(() => {
    let isGone = false;
    /** @type {any} */
    let task;
    pdfjs()
      .then(async (library) => {
        task = library.getDocument({
          url: `/api/documents/${about.id}/file`,
          cMapUrl: `${VENDOR}cmaps/`,
          standardFontDataUrl: `${VENDOR}standard_fonts/`,
          wasmUrl: `${VENDOR}wasm/`,
          useWasm: false,
          isEvalSupported: false,
          enableXfa: false,
        });
        const opened = await task.promise;
        const first = await opened.getPage(1);
        const { width, height } = first.getViewport({ scale: 1 });
        const printed = await opened.getPageLabels();
        if (isGone) return;
        setLabels(printed);
        setSizes(Array.from({ length: opened.numPages }, () => ({ width, height })));
        setPdf(opened);
      })
      .catch(() => !isGone && onFail());
    return () => {
      isGone = true;
      task?.destroy();
    };
  }, [about.id, about.read_at]);
  useLayoutEffect(() => {
    const frame = box.current;
    if (!frame) return undefined;
    const watch = new ResizeObserver(() => setWidth(frame.clientWidth));
    watch.observe(frame);
    return () => watch.disconnect();
  }, [pdf]);
  const wanted = view.page ?? 1;
  const scroll = (/** @type {number} */ page) =>
    box.current?.querySelector(`[data-page="${page}"]`)?.scrollIntoView({ block: "start" });
  useEffect(() => {
    if (pdf && width) scroll(Math.min(wanted, sizes.length));
  }, [pdf, view, width > 0]);
  const onScroll = () => {
    const frame = box.current;
    if (!frame) return;
    const isAtEnd = frame.scrollTop + frame.clientHeight >= frame.scrollHeight - 1;
    setCurrent(isAtEnd ? sizes.length : (placeIn(frame)?.at ?? 0) + 1);
  };
  const before = useRef(/** @type {Place|null} */ (null));
  before.current = placeIn(box.current); // as the pages lie until this is drawn
  useLayoutEffect(() => {
    const [frame, place] = [box.current, before.current];
    const page = place && pagesIn(frame)[place.at];
    if (frame && page) {
      frame.scrollTop = page.offsetTop + place.down * page.offsetHeight - frame.clientHeight * LOOKED_AT;
      frame.scrollLeft = place.across * frame.scrollWidth - frame.clientWidth / 2;
    }
    onScroll();
  }, [sizes, width, zoom, turned]); // pages move without being scrolled
  const fit = sizes.length && width ? (width - 2 * MARGIN) / lying(sizes[0], turned).width : 1;
  const scale = zoom || fit;
  const step = (/** @type {number} */ direction) => {
    const steps = direction > 0 ? ZOOMS : [...ZOOMS].reverse();
    setZoom(steps.find((one) => (direction > 0 ? one > scale + 0.01 : one < scale - 0.01)) ?? scale);
  };
  const find = async (/** @type {string} */ words) => {
    const matches = words.length > 1 ? await pagesHolding(pdf, words) : [];
    goTo({ words, matches, at: 0 });
  };
  const turn = (/** @type {number} */ by) => {
    if (!finding.matches.length) return;
    goTo({ ...finding, at: (finding.at + by + finding.matches.length) % finding.matches.length });
  };
  const goTo = (/** @type {{words: string, matches: number[], at: number}} */ found) => {
    goal.current = found;
    setFinding(found);
    if (found.matches.length && found.matches[found.at] !== current) scroll(found.matches[found.at]);
  };
  if (!pdf) return html`<p class="note pad">${t("source.loading")}</p>`;
  const count = sizes.length;
  return html`<${FindBar} count=${finding.matches.length} at=${finding.at} onFind=${find} onTurn=${turn}>
      <${IconButton} icon="menu" label=${t("source.thumbnails")} aria-pressed=${hasThumbnails} onClick=${() => {
        keep("thumbnails", !hasThumbnails);
        showThumbnails(!hasThumbnails);
      }} />
      <${IconButton} icon="left" label=${t("source.before")} ...${unless(current <= 1, () => scroll(current - 1))} />
      <${PageField} current=${current} count=${count} labels=${labels} onGo=${scroll} />
      <${IconButton} icon="right" label=${t("source.after")} ...${unless(current >= count, () => scroll(current + 1))} />
      <${IconButton} icon="minus" label=${t("source.zoomOut")} onClick=${() => step(-1)} />
      <span class="zoom">${Math.round(scale * 100)} %</span>
      <${IconButton} icon="plus" label=${t("source.zoomIn")} onClick=${() => step(1)} />
      <button type="button" class="button small" aria-pressed=${zoom === 0} onClick=${() => setZoom(0)}>${t("source.fit")}</button>
    <//>
    <div class="pages-row">
    ${hasThumbnails && html`<${Thumbnails} id=${about.id} sizes=${sizes} labels=${labels} current=${current} onChoose=${scroll} />`}
    <div class="pages" ref=${box} tabindex="0" onScroll=${onScroll}>
      ${sizes.map(
        (size, index) => html`<${Page} key=${index} pdf=${pdf} number=${index + 1} label=${labels?.[index]} size=${size} scale=${scale} turned=${turned} id=${about.id} view=${view} finding=${finding} goal=${goal}
          onSize=${(/** @type {any} */ known) => setSizes((all) => all.map((one, at) => (at === index ? known : one)))} />`,
      )}
    </div></div>`;
}

/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box in points from the top left */

/** Where a box of a page lies once the page is turned. @param {Box} box @param {Size} size @param {number} turned @returns {Box} */
function turnedBox({ x0, y0, x1, y1 }, { width, height }, turned) {
  if (turned === 90) return { x0: height - y1, y0: x0, x1: height - y0, y1: x1 };
  if (turned === 180) return { x0: width - x1, y0: height - y1, x1: width - x0, y1: height - y0 };
  if (turned === 270) return { x0: y0, y0: width - x1, x1: y1, y1: width - x0 };
  return { x0, y0, x1, y1 };
}

/** @param {any} props */
function Page({ pdf, number, label, size, scale, turned, id, view, finding, goal, onSize }) {
  const frame = useRef(/** @type {HTMLElement|null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  const layer = useRef(/** @type {HTMLElement|null} */ (null));
  const [inView, setInView] = useState(false);
  const [failed, setFailed] = useState(false);
  const [drawn, setDrawn] = useState(/** @type {any} */ (null)); // the text that lies over the page by now
  const [marks, setMarks] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => setInView(entries.some((entry) => entry.isIntersecting)), { rootMargin: "600px" });
    if (frame.current) watch.observe(frame.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!inView) return undefined;
    let isGone = false;
    const [picture, text] = [canvas.current, layer.current]; // they may leave the page before this effect ends
    /** @type {any[]} */
    const work = [];
    setFailed(false);
    draw().catch((error) => !isGone && error?.name !== "RenderingCancelledException" && setFailed(true));
    return () => {
      isGone = true;
      for (const one of work) one.cancel();
    };
    async function draw() {
      const library = await pdfjs();
      const page = await pdf.getPage(number);
      if (isGone || !picture || !text) return;
      const viewport = page.getViewport({ scale, rotation: (page.rotate + turned) % 360 });
      const natural = page.getViewport({ scale: 1 });
      if (Math.abs(natural.width - size.width) > 0.5 || Math.abs(natural.height - size.height) > 0.5) {
        onSize({ width: natural.width, height: natural.height });
      }
      const ratio = Math.min(window.devicePixelRatio || 1, Math.sqrt(MOST_PIXELS / (viewport.width * viewport.height)));
      picture.width = Math.floor(viewport.width * ratio);
      picture.height = Math.floor(viewport.height * ratio);
      const drawing = page.render({ canvas: picture, viewport, transform: [ratio, 0, 0, ratio, 0, 0] });
      work.push(drawing);
      await drawing.promise;
      if (isGone) return;
      text.replaceChildren();
      const written = new library.TextLayer({ textContentSource: page.streamTextContent(), container: text, viewport });
      work.push(written);
      await written.render();
      if (!isGone) setDrawn(written);
    }
  }, [inView, scale, turned, pdf]);
  useEffect(() => {
    if (!layer.current) return;
    const isHere = finding.matches[finding.at] === number;
    markWords(layer.current, finding.words, isHere ? finding.at - finding.matches.indexOf(number) : -1);
    const mark = goal.current === finding && layer.current.querySelector("mark.current");
    if (!mark) return;
    mark.scrollIntoView({ block: "center", inline: "nearest" });
    goal.current = null;
  }, [finding, drawn]);
  const citation = view.citations[view.index];
  const isCited = citation && citation.page === number && citation.end > citation.start;
  useEffect(() => {
    setMarks(null);
    if (!isCited || !inView) return;
    const { start, end } = citation;
    const isRead = view.span && view.span.document_id === citation.document_id && start <= view.span.start && view.span.end <= end;
    const read = isRead ? { read_start: view.span.start, read_end: view.span.end } : {};
    get(`/api/documents/${id}/page/${number}/marks${query({ start, end, ...read })}`).then(setMarks, () => undefined);
  }, [isCited, inView, citation]);
  const first = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    first.current?.scrollIntoView({ block: "center" });
  }, [marks]);
  const { width, height } = lying(size, turned);
  const style = { width: `${width * scale}px`, height: `${height * scale}px`, "--total-scale-factor": scale, "--scale-factor": scale };
  const box = (/** @type {Box} */ found) => {
    const { x0, y0, x1, y1 } = turnedBox(found, size, turned);
    return { left: `${x0 * scale}px`, top: `${y0 * scale}px`, width: `${(x1 - x0) * scale}px`, height: `${(y1 - y0) * scale}px` };
  };
  return html`<section class="page" ref=${frame} data-page=${number} style=${style} aria-label=${pageName(number, label)}>
    ${failed && html`<p class="note pad">${t("source.noPage")}</p>`}
    ${inView && html`<canvas ref=${canvas} aria-hidden="true"></canvas>`}
    ${inView && marks?.quote.map((/** @type {any} */ one, /** @type {number} */ at) => html`<i class="page-mark" ref=${at ? null : first} style=${box(one)}></i>`)}
    ${inView && marks?.read.map((/** @type {any} */ one) => html`<i class="page-mark read" style=${box(one)}></i>`)}
    ${inView && html`<div class="textLayer" ref=${layer} dir="auto"></div>`}
  </section>`;
}
