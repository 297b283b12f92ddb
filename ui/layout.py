"""Lays out the components of the window with their labels, without behaviour.

Sizes and colours are in style.css, keys and scrolling in keys.js.
"""

from dataclasses import dataclass

import gradio as gr

from ui import source_view
from ui.backend import Untyped
from ui.pane import pane
from ui.state import ListView
from ui.templating import template

_TICK_S = 0.7


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that events connect. ``conversation`` is the id shown by this page, None in a new chat."""

    conversation: Untyped
    list_view: Untyped
    source_view: Untyped
    seen: Untyped
    timer: Untyped
    new_chat: Untyped
    chats: Untyped
    location: Untyped
    add: Untyped
    upload: Untyped
    refresh: Untyped
    notice: Untyped
    progress: Untyped
    search: Untyped
    documents: Untyped
    history: Untyped
    live: Untyped
    scope: Untyped
    question: Untyped
    send: Untyped
    stop: Untyped
    source: Untyped


def lay_out() -> Parts:
    """Makes the components inside the Blocks that is open."""
    found: dict[str, Untyped] = {
        "conversation": gr.State(None),
        "list_view": gr.State(ListView()),
        "source_view": gr.State(None),
        "seen": gr.State((-1, -1, -1)),
        "timer": gr.Timer(_TICK_S),
    }
    with gr.Row(elem_id="desk", equal_height=True):
        with gr.Column(elem_id="left", min_width=0):
            found |= _left()
        with gr.Column(elem_id="middle", min_width=0):
            found |= _middle()
        with gr.Column(elem_id="right", min_width=0):
            found["source"] = pane(source_view.empty(), "source", "Source")
    return Parts(**found)


def _left() -> dict[str, Untyped]:
    found: dict[str, Untyped] = {}
    with gr.Row(elem_id="brand-row"):
        gr.HTML(
            template("layout.brand")(),
            elem_id="brand",
            apply_default_css=False,
            padding=False,
        )
        found["new_chat"] = gr.Button("New chat", elem_id="new-chat", size="sm", min_width=0)
    found["chats"] = pane("", "chats", "Conversations")
    with gr.Row(elem_id="documents-head"):
        gr.HTML("<h2>Documents</h2>", elem_id="documents-title", apply_default_css=False, padding=False)
        found["upload"] = gr.UploadButton(
            "Add files", elem_id="upload", file_count="multiple", size="sm", min_width=0, type="filepath"
        )
        found["refresh"] = gr.Button("Refresh", elem_id="refresh", size="sm", min_width=0)
    with gr.Row(elem_id="add-row"):
        found["location"] = gr.Textbox(
            label="Folder path or YouTube link",
            placeholder="Folder path or YouTube link",
            show_label=False,
            container=False,
            elem_id="location",
            max_lines=1,
            min_width=0,
        )
        found["add"] = gr.Button("Add", elem_id="add", size="sm", min_width=0)
    found["notice"] = pane("", "notice", "Messages")
    found["progress"] = pane("", "progress", "Progress")
    found["search"] = gr.Textbox(
        label="Find a document",
        placeholder="Find a document",
        show_label=False,
        container=False,
        elem_id="search",
        max_lines=1,
        visible=False,
    )
    found["documents"] = pane("", "documents", "Documents")
    return found


def _middle() -> dict[str, Untyped]:
    found: dict[str, Untyped] = {}
    gr.HTML(
        template("layout.top")(),
        elem_id="top",
        apply_default_css=False,
        padding=False,
        js_on_load="window.docent.local(element);",
    )
    with gr.Column(elem_id="scroll", min_width=0):
        found["history"] = pane("", "history", "Conversation")
        found["live"] = pane("", "live", "Answer")
    with gr.Column(elem_id="composer", min_width=0):
        found["scope"] = pane("", "scope", "Restriction")
        with gr.Row(elem_id="ask-row"):
            found["question"] = gr.Textbox(
                label="Question",
                placeholder="Ask your documents",
                show_label=False,
                container=False,
                lines=1,
                max_lines=8,
                elem_id="question",
                autofocus=True,
                min_width=0,
            )
            found["send"] = gr.Button("Ask", elem_id="send", variant="primary", size="sm", min_width=0)
            found["stop"] = gr.Button("Stop", elem_id="stop", size="sm", min_width=0, visible=False)
        gr.HTML(
            template("layout.keys")(),
            elem_id="keys",
            apply_default_css=False,
            padding=False,
        )
    return found
