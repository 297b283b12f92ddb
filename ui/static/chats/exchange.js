// @ts-check
/** One question with its answer: finished, or being written. */

import { copy } from "../parts/copy.js";
import { apart, duration, place, share } from "../parts/format.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton, Menu, Name, Trouble, unless, visible } from "../parts/parts.js";
import { asSentence, readable } from "../parts/readable.js";
import { get, query } from "../state/api.js";
import { saveAsPrompt } from "../state/prompts.js";
import { ask, askInstead, chatId, documentsById, judge, models, retry, runsOf, showCitation, shown, showVersion, stop } from "../state/store.js";
import { t } from "../words/words.js";
import { AnswerText, asMarkdown, asText } from "./answer.js";

/** @typedef {import("../state/store.js").Exchange} Exchange */
/** @typedef {import("../state/store.js").Citation} Citation */

const LONG_QUESTION = 500; // characters that are shown before "show the whole question"
const LONGEST_PILL = 40; // characters of the words that answer
const NEAREST = 3;
const MOST_CARDS = 6; // sources that are shown before "show all"
const PASSAGE_SHOWN = 300; // characters of a passage that was read
const NEAR_END = 40; // pixels from the end of the chat within which they are scrolled into view
const FOLLOW_UPS_AFTER_MS = 400; // the answer itself is drawn first
const BUILTIN = ["extractive", "operators", "none"]; // they quote and compute; nothing of them is Markdown

/** @param {{exchange: Exchange, last: boolean}} props */
export function Answered({ exchange, last }) {
  const [editing, edit] = useState(false);
  useEffect(() => edit(false), [exchange.id]); // another version
  const { parts, citations, span, found, stopped, question, searched } = exchange;
  const isEmpty = !exchange.answer.trim();
  return html`<article class=${`exchange ${found || stopped ? "" : "not-found"}`}>
    ${editing
      ? html`<${Edit} question=${question} onEnd=${() => edit(false)} onAsk=${(/** @type {string} */ changed) => askInstead(exchange, changed)} />`
      : html`<${Question} key=${exchange.id} text=${question} />`}
    ${searched && html`<${Searched} question=${searched} />`}
    <${Searches} questions=${exchange.work?.searches ?? []} />
    <${Thought} text=${exchange.work?.thought ?? ""} />
    <${Pill} exchange=${exchange} />
    <div class="answer-text" dir="auto">
      ${isEmpty
        ? stopped && html`<p class="note">${t("chat.stoppedEmpty")}</p>`
        : html`<${AnswerText} parts=${parts} citations=${citations} span=${span} formatted=${isFormatted(exchange)} />`}
    </div>
    ${stopped && !isEmpty && html`<p class="note">${t("chat.stopped")}</p>`}
    <${Cards} citations=${citations} span=${span} />
    ${!found && !stopped && html`<${Nearest} exchange=${exchange} />`}
    <${Tools} exchange=${exchange} last=${last} onEdit=${() => edit(true)} />
    ${last && found && !stopped && html`<${FollowUps} key=${exchange.id} exchange=${exchange} />`}
  </article>`;
}

/** @param {{run: import("../state/store.js").Run}} props */
export function Running({ run }) {
  const isOver = run.state === "failed";
  return html`<article class="exchange running" aria-busy=${!isOver}>
    <${Question} text=${run.question} />
    ${run.searched && html`<${Searched} question=${run.searched} />`}
    <${Searches} questions=${run.searches} />
    <${Thought} text=${run.thought} />
    <div class="answer-text" dir="auto">
      <${AnswerText} parts=${run.parts} citations=${run.citations} formatted=${models.value?.formatted ?? false} />
    </div>
    ${isOver
      ? html`<${Trouble} message=${run.message} remedy=${run.remedy}>
          <button type="button" class="button" onClick=${() => retry(run)}>${t("chat.retry")}</button>
        <//>`
      : html`<p class="doing" role="status">
          <span class="pulse" aria-hidden="true"></span>${t(`chat.${run.state}`, { count: run.passages.length })}
          <button type="button" class="button small" onClick=${() => stop(run.id)} aria-label=${t("chat.stopAnswer")}>
            <${Icon} name="stop" />${t("chat.stop")}
          </button>
        </p>`}
  </article>`;
}

/** Larger models write Markdown; the built-in ones quote, and a quote may hold what only looks like it. @param {Exchange} exchange */
const isFormatted = ({ answerer, span }) =>
  answerer === models.value?.answering ? models.value.formatted : span === null && !BUILTIN.includes(answerer);

/** @param {{text: string}} props */
function Question({ text }) {
  const [whole, setWhole] = useState(text.length <= LONG_QUESTION);
  return html`<h2 class="question" dir="auto">
    ${whole ? text : `${text.slice(0, LONG_QUESTION)}…`}
    ${text.length > LONG_QUESTION &&
    html`<button type="button" class="link-button" onClick=${() => setWhole(!whole)}>${t(whole ? "chat.shorter" : "chat.longer")}</button>`}
  </h2>`;
}

/** @param {{question: string, onEnd: () => void, onAsk: (question: string) => void}} props */
function Edit({ question, onEnd, onAsk }) {
  const [text, setText] = useState(question);
  const send = () => {
    if (!text.trim()) return;
    onEnd();
    onAsk(text.trim());
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onEnd();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  return html`<div class="edit">
    <textarea aria-label=${t("chat.question")} value=${text} rows="3" ref=${(/** @type {HTMLElement|null} */ field) => field?.focus()}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} onKeyDown=${keys}></textarea>
    <div class="row"><span class="note">${t("chat.editHint")}</span>
      <button type="button" class="button" onClick=${onEnd}>${t("cancel")}</button>
      <button type="button" class="button primary" onClick=${send}>${t("chat.send")}</button></div>
  </div>`;
}

/** @param {{question: string}} props */
const Searched = ({ question }) => html`<p class="searched"><${Icon} name="search" />${t("chat.searchedFor", { question: visible(question) })}</p>`;

/** What a language model searched for besides. @param {{questions: string[]}} props */
const Searches = ({ questions }) => questions.map((question) => html`<${Searched} question=${question} />`);

/** What a language model thought before it answered; folded, as it is no part of the answer and nothing in it is checked. @param {{text: string}} props */
const Thought = ({ text }) =>
  text.trim() && html`<details class="thought"><summary>${t("chat.thought")}</summary><p dir="auto">${text.trim()}</p></details>`;

/** The words that answer, where the answer is longer than they are. @param {{exchange: Exchange}} props */
function Pill({ exchange: { span, found, answer } }) {
  const words = span?.text?.trim();
  if (!found || !words || words.length > LONGEST_PILL || answer.trim().length < words.length * 2) return null;
  return html`<p class="pill" dir="auto">${words}</p>`;
}

/** @param {{citations: Citation[], span: any}} props */
export function Cards({ citations, span }) {
  const [whole, setWhole] = useState(false);
  if (!citations.length) return null;
  const isFolded = citations.length > MOST_CARDS;
  const open = shown.value?.citations === citations ? shown.value.index : 0; // is seen though it is beyond the first ones
  const most = !isFolded || whole ? citations.length : Math.max(MOST_CARDS, open + 1);
  return html`<ul class="cards" aria-label=${t("chat.sources")}>
      ${citations.slice(0, most).map((_, index) => html`<li><${Card} citations=${citations} index=${index} span=${span} /></li>`)}
    </ul>
    ${isFolded &&
    html`<button type="button" class="link-button" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>${
      whole ? t("chat.fewerSources") : t("chat.allSources", { count: citations.length })
    }</button>`}`;
}

/** @param {Citation} citation */
const cited = ({ title, source }) => ({ name: title, path: source });

/** @param {{citations: Citation[], index: number, span: any}} props */
function Card({ citations, index, span }) {
  const citation = citations[index];
  const isShown = shown.value?.citations === citations && shown.value.index === index;
  const where = place(citation);
  const file = apart(cited(citation), citations.map(cited));
  return html`<button type="button" class=${`card ${isShown ? "on" : ""}`} aria-pressed=${isShown}
    onClick=${() => showCitation(citations, index, span)}>
    <span class="card-head"><span class="number">${index + 1}</span><span class="card-title"><${Name}>${citation.title}<//></span>
      ${where && html`<span class="card-place">${where}</span>`}</span>
    ${file && html`<span class="card-file"><${Name}>${file}<//></span>`}
    <span class="card-quote" dir="auto"><${Quote} citation=${citation} span=${span} /></span>
  </button>`;
}

/** A quote with the words that were read from it. @param {{citation: Citation, span: any}} props */
export function Quote({ citation, span }) {
  const text = [...citation.quote];
  const isIn = span && span.document_id === citation.document_id && citation.start <= span.start && span.end <= citation.end;
  if (!isIn) return html`${readable(citation.quote, citation.source)}`;
  const [from, to] = [span.start - citation.start, span.end - citation.start];
  const lead = from > 60 ? `…${text.slice(from - 50, from).join("").replace(/^\S*\s/, "")}` : asSentence(text.slice(0, from).join(""));
  return html`${lead}<strong>${text.slice(from, to).join("")}</strong>${text.slice(to).join("")}`;
}

/** What came nearest beside what the answer quotes, where nothing was found. @param {{exchange: Exchange}} props */
function Nearest({ exchange }) {
  const isQuoted = (/** @type {import("../state/store.js").Looked} */ { document_id: id, start, end }) =>
    exchange.citations.some((citation) => citation.document_id === id && start <= citation.start && citation.end <= end);
  const passages = (exchange.work?.passages ?? []).filter((passage) => !isQuoted(passage)).slice(0, NEAREST);
  return html`<div class="nearest">
    <p class="note">${t("chat.notFoundHelp")}</p>
    ${passages.length > 0 && html`<p class="note">${t("chat.nearest")}</p>`}
    <ul class="cards">${passages.map((passage) => html`<li><${Passage} passage=${passage} /></li>`)}</ul>
  </div>`;
}

/** A passage that was read, with how it begins. @param {{passage: import("../state/store.js").Looked, score?: boolean}} props */
function Passage({ passage, score = false }) {
  const [text, setText] = useState("");
  const { document_id: id, start, end } = passage;
  useEffect(() => {
    let isHere = true;
    const part = query({ start, end: Math.min(end, start + PASSAGE_SHOWN) });
    get(`/api/documents/${id}/text${part}`).then((found) => isHere && setText(found), () => undefined); // it may be gone
    return () => {
      isHere = false;
    };
  }, [id, start, end]);
  const citation = { ...passage, number: 0, source: documentsById.value.get(id)?.path ?? "", quote: "" };
  const shownText = useMemo(() => readable(text, citation.source), [text, citation.source]);
  return html`<button type="button" class="card" onClick=${() => showCitation([citation], 0)}>
    <span class="card-head"><span class="card-title"><${Name}>${passage.title}<//></span>
      <span class="card-place">${[place(citation), score && t("chat.scoreOf", { score: share(passage.score) })].filter(Boolean).join(" · ")}</span></span>
    ${shownText && html`<span class="card-quote" dir="auto">${shownText}</span>`}
  </button>`;
}

/** Questions that lead on, once Docent has found some and nothing is being answered. @param {{exchange: Exchange}} props */
function FollowUps({ exchange }) {
  const id = chatId.value;
  const isBusy = runsOf(id).length > 0;
  const [questions, suggest] = useState(/** @type {string[]} */ ([]));
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    if (isBusy || id === null) return undefined;
    let isHere = true;
    const path = `/api/conversations/${encodeURIComponent(id)}/exchanges/${exchange.id}/suggestions`;
    const look = () => get(path).then((found) => isHere && suggest(found.questions), () => undefined); // nothing is missed without them
    const timer = setTimeout(look, FOLLOW_UPS_AFTER_MS);
    return () => {
      isHere = false;
      clearTimeout(timer);
    };
  }, [id, exchange.id, isBusy]);
  useLayoutEffect(() => {
    const flow = box.current?.closest(".flow");
    const added = box.current?.offsetHeight ?? 0;
    if (flow && flow.scrollHeight - flow.scrollTop - flow.clientHeight < added + NEAR_END) flow.scrollTop = flow.scrollHeight;
  }, [questions]);
  if (isBusy || !questions.length) return null;
  return html`<section class="follow-ups" ref=${box} aria-label=${t("chat.followUps")}><p class="note">${t("chat.followUps")}</p>
    ${questions.map((question) => html`<button type="button" class="suggestion" dir="auto" onClick=${() => ask(question)}>${visible(question)}</button>`)}
  </section>`;
}

/** @param {{exchange: Exchange, last: boolean, onEdit: () => void}} props */
function Tools({ exchange, last, onEdit }) {
  const [isOpen, open] = useState(false);
  const passages = exchange.work?.passages ?? [];
  return html`<div class="tools">
      ${exchange.versions.length > 1 && html`<${Versions} exchange=${exchange} />`}
      <${Menu} label=${t("chat.copy")} icon="copy" items=${[
        { label: t("chat.copySources"), icon: "copy", onClick: () => copy(asText(exchange.parts, exchange.citations, true)) },
        { label: t("chat.copyMarkdown"), icon: "copy", onClick: () => copy(asMarkdown(exchange, isFormatted(exchange))) },
        { label: t("chat.copy"), icon: "copy", onClick: () => copy(asText(exchange.parts, exchange.citations, false)) },
      ]} />
      ${last && html`<${IconButton} icon="again" label=${t("chat.again")} onClick=${() => askInstead(exchange)} />`}
      <${IconButton} icon="pen" label=${t("chat.edit")} onClick=${onEdit} />
      <${IconButton} icon="bookmark" label=${t("prompts.save")} onClick=${() => saveAsPrompt(exchange.question)} />
      <${IconButton} icon="good" label=${t("chat.good")} aria-pressed=${exchange.feedback === 1}
        onClick=${() => judge(exchange, exchange.feedback === 1 ? 0 : 1)} />
      <${IconButton} icon="bad" label=${t("chat.bad")} aria-pressed=${exchange.feedback === -1}
        onClick=${() => judge(exchange, exchange.feedback === -1 ? 0 : -1)} />
      ${passages.length > 0 &&
      html`<button type="button" class="link-button" aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>${t("chat.passages", { count: passages.length })}</button>`}
      <span class="made" title=${exchange.writing ? t("chat.written", { count: exchange.writing.tokens }) : undefined}>${made(exchange)}</span>
    </div>
    ${isOpen && html`<ul class="cards">${passages.map((passage) => html`<li><${Passage} passage=${passage} score /></li>`)}</ul>`}`;
}

/** Which version of an exchange is shown, and the way to the others. @param {{exchange: Exchange}} props */
function Versions({ exchange: { id, versions } }) {
  const at = versions.indexOf(id);
  const go = (/** @type {number} */ step) => showVersion(versions[at + step]);
  return html`<span class="versions" role="group" aria-label=${t("chat.versions")}>
    <${IconButton} icon="left" label=${t("chat.versionBefore")} ...${unless(at === 0, () => go(-1))} />
    <span role="status" aria-label=${t("chat.version", { at: at + 1, count: versions.length })}>${at + 1} / ${versions.length}</span>
    <${IconButton} icon="right" label=${t("chat.versionNext")} ...${unless(at === versions.length - 1, () => go(1))} />
  </span>`;
}

/** How an answer came about, in one line. @param {Exchange} exchange */
function made({ work, answerer, confidence, found, writing }) {
  const took = work?.timings_ms?.total;
  const name = BUILTIN.includes(answerer) ? t("chat.builtin") : answerer;
  const sure = found && confidence !== null ? t("chat.sure", { percent: Math.round(confidence * 100) }) : "";
  const speed = writing && t("chat.speed", { speed: writing.tok_s < 10 ? writing.tok_s : Math.round(writing.tok_s) });
  return [took !== undefined && duration(took), speed, name, sure].filter(Boolean).join(" · ");
}
