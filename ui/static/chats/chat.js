// @ts-check
/** The middle of the page: the questions and answers of a chat, the answer that is being written, and what to ask next. */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { IconButton, Menu, Trouble } from "../parts/parts.js";
import { addSamples, ask, chatId, deleteChat, dialog, documents, exchanges, libraryTrouble, currentChat, ready, runs, runsOf, sources, sync, upTo } from "../state/store.js";
import { t } from "../words/words.js";
import { chatActions } from "./chat_actions.js";
import { Composer } from "./composer.js";
import { Answered, Running } from "./exchange.js";

const NEAR_END = 120; // pixels from the end within which a growing answer keeps the end in view

export function Chat() {
  const id = chatId.value;
  const chat = currentChat.value;
  const title = chat?.title ?? (id === null ? t("chat.untitled") : "");
  return html`<main id="main" tabindex="-1" class="chat" aria-label=${t("app.chats")}>
    <header class="bar"><h1 class="bar-title" title=${title}><bdi>${title}</bdi></h1><span class="space"></span>
      ${chat && html`<${Menu} label=${t("chat.actions")} items=${[...chatActions(chat), null, { label: t("chats.delete"), icon: "trash", bad: true, onClick: () => deleteChat(chat) }]} />`}</header>
    <${Flow} key=${id ?? ""} />
    <${Composer} key=${`composer ${id ?? ""}`} />
  </main>`;
}

/** The scrolling part. It keeps its end in view while an answer grows, unless a person has scrolled away. */
function Flow() {
  const id = chatId.value;
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const follows = useRef(true);
  const [away, setAway] = useState(false);
  const active = id === null ? [] : runsOf(id);
  const instead = active.find((run) => run.after !== null && run.state !== "failed")?.after ?? null;
  const known = id === null ? undefined : exchanges.value[id];
  const finished = useMemo(() => upTo(known ?? [], instead), [known, instead]); // what is asked anew stands in place of what followed
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight });
  const newest = useRef(0);
  const settles = useRef(false); // what comes below the last answer is followed, until a person does something
  useEffect(() => {
    const rest = () => (settles.current = false);
    const watch = new ResizeObserver(() => settles.current && follows.current && toEnd());
    if (box.current?.firstElementChild) watch.observe(box.current.firstElementChild);
    for (const kind of ["pointerdown", "keydown", "wheel"]) window.addEventListener(kind, rest, { passive: true });
    return () => {
      watch.disconnect();
      for (const kind of ["pointerdown", "keydown", "wheel"]) window.removeEventListener(kind, rest);
    };
  }, []);
  useLayoutEffect(() => {
    const isOtherBranch = newest.current > 0 && !active.length && !finished.some((one) => one.id === newest.current); // the arrow that was pressed stays where it is
    newest.current = finished.at(-1)?.id ?? 0;
    settles.current = follows.current && !isOtherBranch;
    if (settles.current) toEnd();
  }, [finished, runs.value]);
  useEffect(() => {
    follows.current = true;
    toEnd();
  }, [active.length]);
  const before = useMemo(() => html`<${Finished} list=${finished} />`, [finished]);
  const onScroll = () => {
    const flow = box.current;
    if (!flow) return;
    follows.current = flow.scrollHeight - flow.scrollTop - flow.clientHeight < NEAR_END;
    setAway(!follows.current);
  };
  return html`<div class="flow" ref=${box} onScroll=${onScroll} tabindex="0" role="log" aria-label=${t("chat.answers")} aria-live="off">
    <div class="column">
      ${id === null && !active.length && html`<${Hello} />`}
      ${before}
      ${active.map((run) => html`<${Running} key=${`run ${run.id}`} run=${run} />`)}
    </div>
    ${away && html`<${IconButton} icon="down" class="to-end" label=${t("chat.to")} onClick=${toEnd} />`}
  </div>`;
}

/**
 * Drawn again only when the list itself changes, not while an answer grows. Versions of an exchange share a place, so that the arrows between them
 * keep the focus. @param {{list: import("../state/store.js").Exchange[]}} props
 */
const Finished = ({ list }) => list.map((exchange, at) => html`<${Answered} key=${exchange.parent} exchange=${exchange} last=${at === list.length - 1} />`);

/** The empty chat, which says what to do next. */
function Hello() {
  const isSamples = sources.value.some((source) => /[/\\]samples$/.test(source.location));
  const titles = (documents.value ?? []).filter((one) => one.status === "ok" && one.title.length > 3 && one.title.length < 60);
  const questions = isSamples
    ? [1, 2, 3, 4].map((at) => t(`sample.${at}`))
    : titles.slice(0, 3).map((one) => t("hello.about", { title: one.title }));
  const isEmpty = documents.value !== null && !sources.value.length && !sync.value?.running;
  if (libraryTrouble.value) return html`<${Trouble} ...${libraryTrouble.value} />`;
  const state = documents.value === null ? t("hello.starting") : isEmpty ? t("hello.empty") : sync.value?.running && !ready.value ? t("hello.reading") : t("hello.ready", { count: ready.value });
  return html`<section class="hello">
    <h2>${t("hello.title")}</h2>
    <p role="status">${state}</p>
    ${isEmpty
      ? html`<div class="row for-admins">
          <button type="button" class="button primary" onClick=${() => (dialog.value = "add")}>${t("hello.addFolder")}</button>
          <button type="button" class="button" onClick=${() => addSamples()}>${t("hello.samples")}</button>
        </div>`
      : html`<div class="suggestions">
          ${questions.map((question) => html`<button type="button" class="suggestion" onClick=${() => ask(question)}><bdi>${question}</bdi></button>`)}
        </div>`}
  </section>`;
}
