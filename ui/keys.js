// What every page does by itself: reports presses to Python, keeps what is unfolded, scrolls, keys, dark and light,
// dropped files. Loaded in the page's head. It never makes HTML from text and asks no other server.
(() => {
  const byId = (id) => document.getElementById(id);
  const field = () => document.querySelector("#question textarea");

  // On the outermost element of ours, because Gradio confines the style sheet to what is inside its own.
  const mark = (name, on) => byId("desk")?.classList.toggle(name, on);

  // Colours: what the person chose, else what the system says.
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("docent-theme");
  const applyTheme = () => {
    const dark = chosen() ? chosen() === "dark" : systemDark.matches;
    document.documentElement.classList.toggle("dark", dark);
    document.body?.classList.toggle("dark", dark);
  };
  systemDark.addEventListener("change", applyTheme);

  const local = {
    theme() {
      const dark = document.body.classList.contains("dark");
      localStorage.setItem("docent-theme", dark ? "light" : "dark");
      applyTheme();
    },
    left() {
      mark("left-hidden");
    },
  };

  function type(text) {
    const box = field();
    if (!box) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => byId("send")?.click(), 60); // Gradio takes the input in on its next turn
  }

  async function copy(button) {
    const text = button.closest(".answer")?.querySelector(".answer-text")?.innerText ?? "";
    try {
      await navigator.clipboard.writeText(text.trim());
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    } catch {
      button.classList.add("failed"); // the browser forbids it; the text can still be selected
    }
  }

  function press(button, trigger) {
    const data = { ...button.dataset };
    if (data.act === "copy") copy(button);
    else if (data.act === "ask") type(data.question);
    else trigger(data.act === "switch" ? "switch" : "act", data);
  }

  // One pane of HTML: see ui/pane.py.
  function pane(element, trigger, watch) {
    const unfolded = new Map();
    let draft = null; // the field being filled in and its text, which a pane that is drawn anew must not lose
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (!button || !element.contains(button)) return;
      draft = button.dataset.act === "edit" ? { id: button.dataset.id, text: null, lost: 0 } : null;
      press(button, trigger);
    });
    element.addEventListener("input", (event) => {
      if (draft && event.target.dataset.id === draft.id) draft.text = event.target.value;
    });
    element.addEventListener("keydown", (event) => {
      const input = event.target.closest("[data-enter]");
      if (!input) return;
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") draft = null;
      if (event.key === "Enter") trigger("act", { ...input.dataset, act: input.dataset.enter, value: input.value });
      if (event.key === "Escape") trigger("act", { ...input.dataset, act: input.dataset.escape });
    });
    element.addEventListener("toggle", (event) => {
      if (event.target.dataset?.key) unfolded.set(event.target.dataset.key, event.target.open);
    }, true);
    function keepDraft(input) {
      if (input && draft?.id === input.dataset.id) {
        draft.lost = 0;
        if (draft.text === null) return;
        input.value = draft.text;
        input.setSelectionRange(draft.text.length, draft.text.length);
      } else if (draft) {
        setTimeout(reopen, 200); // drawn by someone who did not know of it; what was pressed last may still be under way
      }
    }
    function reopen() {
      if (!draft || element.querySelector("[data-enter]") || (draft.lost += 1) > 10) return;
      trigger("act", { act: "edit", id: draft.id });
      setTimeout(reopen, 500);
    }
    document.addEventListener("pointerdown", (event) => {
      if (draft && !event.target.closest("[data-enter]")) draft = null; // the person has turned to something else
    }, true);
    watch("value", () => {
      for (const details of element.querySelectorAll("details[data-key]")) {
        const open = unfolded.get(details.dataset.key);
        if (open !== undefined) details.open = open;
      }
      const input = element.querySelector("[autofocus]");
      if (input && document.activeElement !== input) { input.focus(); input.select(); }
      keepDraft(input);
      if (element.closest("#source")) showQuote(element);
      if (element.closest("#scroll")) stick();
    });
  }

  function showQuote(element) {
    mark("source-shown", !!element.querySelector(".source-open"));
    element.querySelector("#quote")?.scrollIntoView({ block: "center" });
  }

  // The chat stays at its end while the person has not scrolled up.
  let atEnd = true;
  function stick() {
    const box = byId("scroll");
    if (box && atEnd) requestAnimationFrame(() => { box.scrollTop = box.scrollHeight; });
  }
  document.addEventListener("scroll", (event) => {
    const box = event.target;
    if (box.id === "scroll") atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  }, true);

  // An empty question is no question: it never leaves the page.
  const nothing = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
  const blank = () => !field()?.value.trim();
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && event.target === field() && blank()) nothing(event);
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#send") && blank()) nothing(event);
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable]");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      byId("new-chat")?.click();
      field()?.focus();
    } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field()?.focus();
    } else if (event.key === "Escape") {
      const stop = byId("stop");
      if (stop && stop.offsetParent) stop.click();
      else document.querySelector('#source [data-act="close"]')?.click();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#send, #new-chat, [data-act='ask']")) { atEnd = true; field()?.focus(); }
  });

  // Files dropped anywhere take the way of the "Choose files" button.
  let inside = 0;
  const carriesFiles = (event) => Array.from(event.dataTransfer?.types ?? []).includes("Files");
  const hint = (shown) => mark("dropping", shown);
  window.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { inside += 1; hint(true); } });
  window.addEventListener("dragleave", (event) => { if (carriesFiles(event) && --inside <= 0) { inside = 0; hint(false); } });
  window.addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    hint(false);
    const input = document.querySelector("#left input[type=file]");
    if (!input) return;
    const files = new DataTransfer();
    for (const file of event.dataTransfer.files) files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  document.addEventListener("DOMContentLoaded", applyTheme);
  applyTheme();
  window.docent = {
    pane,
    local: (element) => element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-local]");
      if (button) local[button.dataset.local]();
    }),
  };
})();
