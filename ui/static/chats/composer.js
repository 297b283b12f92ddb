// @ts-check
/** Where a question is typed. A draft stays with its chat; a question can be sent while another is being answered. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Menu, visible } from "../parts/parts.js";
import { inserted, saveAsPrompt } from "../state/prompts.js";
import { ask, chatId, dialog, draftOf, go, keepDraft, model, models, ready, runsOf, scope, setModel, setScope, stopAll } from "../state/store.js";
import { t } from "../words/words.js";
import { BEGUN, PromptMenu, usePromptMenu } from "./prompt_menu.js";
import { scopeName } from "./scope.js";

const TALLEST = 240; // pixels

export function Composer() {
  const id = chatId.value;
  const [text, setText] = useState(draftOf(id));
  const field = useRef(/** @type {HTMLTextAreaElement|null} */ (null));
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, TALLEST)}px`;
  }, [text]);
  useEffect(() => field.current?.focus(), []);
  const change = (/** @type {string} */ value) => {
    setText(value);
    keepDraft(id, value);
  };
  const insert = (/** @type {string} */ words) => {
    const box = field.current;
    const [from, to] = box && !BEGUN.test(text) ? [box.selectionStart, box.selectionEnd] : [0, text.length];
    change(text.slice(0, from) + words + text.slice(to));
    box?.focus();
  };
  const menu = usePromptMenu(text, insert);
  useEffect(() => {
    if (inserted.value === null) return;
    insert(inserted.value);
    inserted.value = null;
  }, [inserted.value]);
  const send = async () => {
    const question = text.trim();
    if (!question) return;
    change("");
    if (await ask(question, id)) return;
    const typed = draftOf(id); // meanwhile
    change(typed ? `${question}\n${typed}` : question);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (menu.onKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  };
  const active = runsOf(id).filter((run) => run.state !== "failed");
  return html`<form class="composer" onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    send();
  }}>
    <div class="composer-box">
      <${PromptMenu} choices=${menu.choices} at=${menu.at} />
      <textarea id="question" ref=${field} rows="1" dir="auto" maxlength="10000" aria-label=${t("chat.question")} placeholder=${t("chat.ask")}
        aria-autocomplete="list" aria-haspopup="listbox" aria-controls=${menu.choices.length ? "prompt-menu" : undefined}
        aria-activedescendant=${menu.choices.length ? `prompt-${menu.at}` : undefined} onBlur=${menu.close}
        value=${text} onInput=${(/** @type {any} */ event) => change(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="row">
        <button type="button" class="button small for-admins" onClick=${() => (dialog.value = "add")}><${Icon} name="plus" />${t("chat.add")}</button>
        <${ScopeButton} /><${ModelButton} />
        <${Menu} label=${t("prompts.title")} icon="bookmark" items=${[
          text.trim() ? { label: t("prompts.save"), icon: "bookmark", onClick: () => saveAsPrompt(text) } : { label: t("prompts.choose"), icon: "bookmark", onClick: () => insert("/") },
          { label: t("prompts.manage"), icon: "settings", onClick: () => go("/settings/prompts") },
        ]} />
        <span class="space"></span>
        ${active.length > 0 &&
        html`<button type="button" id="stop" class="button" onClick=${() => stopAll(id)}><${Icon} name="stop" />${t("chat.stop")}</button>`}
        <button type="submit" id="send" class="button primary" disabled=${!text.trim()}>${t("chat.send")}</button>
      </div>
    </div>
  </form>`;
}

/** What the question is restricted to. */
function ScopeButton() {
  const label = scopeName(scope.value) ?? t("chat.everything", { count: ready.value });
  return html`<${Menu} label=${`${t("chat.asking")} ${label}`} class="button small scope asks"
    items=${[
      { label: t("chat.askEverything"), icon: "check", onClick: () => setScope({}) },
      { label: t("chat.scopeTitle"), icon: "folder", onClick: () => (dialog.value = "scope") },
    ]}><span class="quiet">${t("chat.asking")}</span> <b>${visible(label)}</b> <${Icon} name="down" /><//>`;
}

const BUILTIN = "builtin";

/** @param {string|null} name */
const modelName = (name) => (name === null ? t("chat.builtin") : name === BUILTIN ? "docent-nano" : visible(name));

/** Which model answers here. */
function ModelButton() {
  const found = models.value;
  if (!found) return null;
  const check = (/** @type {string|null} */ name) => (model.value === name ? "check" : undefined);
  const others = found.installed.filter((/** @type {any} */ one) => !one.problem && (found.endpoint || one.name !== found.answering));
  const label = modelName(model.value ?? found.answering);
  return html`<${Menu} label=${`${t("chat.model")} ${label}`} class="button small asks"
    items=${[
      { label: t("chat.modelUsual", { name: modelName(found.answering) }), icon: check(null), onClick: () => setModel(null) },
      ...others.map((/** @type {any} */ one) => ({ label: modelName(one.name), icon: check(one.name), onClick: () => setModel(one.name) })),
      null,
      { label: t("chat.modelManage"), icon: "model", onClick: () => go("/models") },
    ]}><span class="quiet">${t("chat.model")}</span> <b>${label}</b> <${Icon} name="down" /><//>`;
}
