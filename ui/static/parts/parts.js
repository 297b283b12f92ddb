// @ts-check
/** Small components that several panes share: buttons, menus, dialogs, notices. */

import { dismissNotice, notices } from "../state/store.js";
import { told } from "../words/messages.js";
import { t } from "../words/words.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { Icon } from "./icons.js";

const SCROLLED = ".list-body, .rows-body, .flow, .page-body"; // a menu that is cut off there opens upwards
const MENU_GAP = 4; // pixels, as in base.css

/** A button that shows an icon alone; `label` is its name. @param {any} props */
export const IconButton = ({ icon, label, class: css = "", ...rest }) =>
  html`<button type="button" class=${`icon-button ${css}`} aria-label=${label} title=${label} ...${rest}>
    <${Icon} name=${icon} />
  </button>`;

/** For a button that may end its own use: a disabled one would lose the focus, and in Firefox the keys with it. @param {boolean} isOff @param {() => void} run */
export const unless = (isOff, run) => ({ "aria-disabled": isOff, onClick: () => isOff || run() });

/**
 * A button that opens a list of actions. Arrow keys move in it, Escape closes it.
 * @param {{label: string, icon?: string, class?: string, tab?: number, items: ({label: string, icon?: string, bad?: boolean, onClick: () => void}|null)[], children?: any}} props
 */
export function Menu({ label, icon = "more", class: css = "icon-button", tab = 0, items, children = null }) {
  const [isOpen, open] = useState(false);
  const [isAbove, putAbove] = useState(false);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const button = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => {
    if (!isOpen || !box.current || !button.current) return;
    const around = box.current.closest(SCROLLED)?.getBoundingClientRect() ?? { top: 0, bottom: window.innerHeight };
    const { top, bottom } = button.current.getBoundingClientRect();
    const height = box.current.offsetHeight + MENU_GAP;
    putAbove(bottom + height > around.bottom && top - height >= around.top);
  }, [isOpen]);
  useEffect(() => {
    if (!isOpen) return undefined;
    /** @type {HTMLElement|null|undefined} */ (box.current?.querySelector("[role=menuitem]"))?.focus();
    const away = (/** @type {Event} */ event) => {
      if (!box.current?.parentElement?.contains(/** @type {Node} */ (event.target))) open(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [isOpen]);
  const close = () => {
    open(false);
    button.current?.focus();
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = /** @type {HTMLElement[]} */ ([...(box.current?.querySelectorAll("[role=menuitem]") ?? [])]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    all[(at + step + all.length) % all.length]?.focus();
  };
  const leave = (/** @type {FocusEvent} */ event) => {
    const { currentTarget, relatedTarget } = /** @type {{currentTarget: any, relatedTarget: any}} */ (event);
    if (relatedTarget && !currentTarget.contains(relatedTarget)) open(false);
  };
  return html`<span class="menu-anchor" onFocusOut=${leave}>
    <button type="button" ref=${button} class=${css} tabindex=${tab} aria-haspopup="menu" aria-expanded=${isOpen} aria-label=${label} title=${label}
      onClick=${() => open(!isOpen)}>${children ?? html`<${Icon} name=${icon} />`}</button>
    ${isOpen &&
    html`<div class=${`menu ${isAbove ? "above" : ""}`} role="menu" ref=${box} onKeyDown=${keys}>
      ${items.map((item) =>
        item === null
          ? html`<hr />`
          : html`<button type="button" role="menuitem" tabindex="-1" class=${item.bad ? "bad" : ""}
              onClick=${() => {
                close();
                item.onClick();
              }}>${item.icon && html`<${Icon} name=${item.icon} />`}${item.label}</button>`,
      )}
    </div>`}
  </span>`;
}

/** A modal dialog; Escape and a press beside it close it. @param {{title: string, onClose: () => void, class?: string, children?: any}} props */
export function Dialog({ title, onClose, class: css = "", children }) {
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  // At once: a Tab that comes before the next frame would move on in the page.
  useLayoutEffect(() => {
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    box.current?.showModal();
    // Nothing behind an open dialog takes the focus: it goes back when this one is out of the page.
    return () => queueMicrotask(() => document.activeElement === document.body && before?.focus?.());
  }, []);
  return html`<dialog ref=${box} class=${css} aria-label=${title} onCancel=${onClose} onClose=${onClose}
    onClick=${(/** @type {MouseEvent} */ event) => event.target === box.current && onClose()}>
    <div class="dialog-body">
      <header><h2>${title}</h2><${IconButton} icon="close" label=${t("close")} onClick=${onClose} /></header>
      ${children}
    </div>
  </dialog>`;
}

/** What went wrong, and what to do about it. @param {{message: string, remedy?: string, children?: any}} props */
export const Trouble = ({ message, remedy = "", children = null }) =>
  html`<div class="trouble" role="alert">
    <${Icon} name="warning" /><div><p>${told(message)}</p>${remedy && html`<p class="remedy">${told(remedy)}</p>`}${children}</div>
  </div>`;

/** @param {{children?: any}} props what stands above the messages */
export const Notices = ({ children = null }) =>
  html`<div class="notices">${children}<div class="told" role="status" aria-live="polite">
    ${notices.value.map(
      (notice) => html`<div key=${notice.id} class=${`notice ${notice.bad ? "bad" : ""}`} role=${notice.bad ? "alert" : undefined}>
        <p>${notice.text}${notice.remedy && html`${" "}<span class="remedy">${notice.remedy}</span>`}</p>
        ${notice.action &&
        html`<button type="button" class="link-button" onClick=${() => {
          dismissNotice(notice.id);
          notice.onAction?.();
        }}>${notice.action}</button>`}
        <${IconButton} icon="close" label=${t("dismiss")} onClick=${() => dismissNotice(notice.id)} />
      </div>`,
    )}
  </div></div>`;

/** The name of a file or folder, in isolation from the direction of the text around it. @param {{children?: any}} props */
export const Name = ({ children }) => html`<bdi>${visible(children)}</bdi>`;

const BIDI = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/gu;

/** Shows marks that reorder text as what they are: a file's name must not look like another one's. @param {any} text */
export const visible = (text) =>
  typeof text === "string" ? text.replace(BIDI, (mark) => `⟨U+${/** @type {number} */ (mark.codePointAt(0)).toString(16).toUpperCase()}⟩`) : text;
