// What every page does by itself: reports presses to Python, unfolds and keeps what is unfolded, scrolls, keys, dark and
// light, dropped files. Loaded in the page's head. It never makes HTML from text and asks no other server.
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
    // The fold that is open (a name being changed, a question before something is deleted) and what was typed into it.
    // It is the page's alone, so a list that Python draws anew, knowing nothing of it, takes nothing away.
    let fold = null;
    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (!button || !element.contains(button)) return;
      if (button.dataset.act === "unfold") return unfold({ key: button.dataset.opens, text: null });
      unfold(null);
      if (button.dataset.act !== "fold") press(button, trigger);
    });
    element.addEventListener("input", (event) => {
      if (fold && event.target.dataset.fold === fold.key) fold.text = event.target.value;
    });
    element.addEventListener("keydown", (event) => {
      const input = event.target.closest("[data-enter]");
      if (!input) return;
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      if (event.key === "Enter") trigger("act", { ...input.dataset, act: input.dataset.enter, value: input.value });
      unfold(null);
    });
    document.addEventListener("click", (event) => {
      if (fold && !event.target.closest("[data-fold], [data-act=unfold]")) unfold(null); // the person turned elsewhere
    }, true);
    function unfold(next) {
      fold = next;
      showFold();
      if (fold) element.querySelector("[data-fold]:not([hidden]) [data-act=fold]")?.focus();
    }
    function showFold() {
      for (const part of element.querySelectorAll("[data-fold]")) {
        part.hidden = part.dataset.fold !== fold?.key;
        if (part.hidden || !part.matches("input")) continue;
        const fresh = fold.text === null;
        if (fresh) fold.text = part.value;
        else part.value = fold.text;
        if (!fresh && document.activeElement !== document.body) continue; // drawn anew while something else has the focus
        part.focus();
        part.setSelectionRange(fresh ? 0 : fold.text.length, fold.text.length);
      }
    }
    element.addEventListener("toggle", (event) => {
      if (event.target.dataset?.key) unfolded.set(event.target.dataset.key, event.target.open);
    }, true);
    element.addEventListener("error", (event) => {
      if (event.target.matches(".page-frame img")) showPageText(event.target);
    }, true);
    watch("value", () => {
      for (const details of element.querySelectorAll("details[data-key]")) {
        const open = unfolded.get(details.dataset.key);
        if (open !== undefined) details.open = open;
      }
      showFold();
      if (element.closest("#source")) showQuote(element);
      if (element.closest("#scroll")) stick();
    });
  }

  function showQuote(element) {
    mark("source-shown", !!element.querySelector(".source-open"));
    element.querySelector(".quote")?.scrollIntoView({ block: "center" });
  }

  // A page whose picture cannot be drawn shows its text.
  async function showPageText(picture) {
    const box = picture.parentElement.querySelector(".page-text");
    const reply = await fetch(picture.getAttribute("src").replace(/\.png.*$/, ".txt"));
    if (!box || !reply.ok) return;
    box.textContent = (await reply.text()) || "This page could not be drawn, and holds no text.";
    box.hidden = false;
    picture.hidden = true;
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
