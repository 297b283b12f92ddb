"""Defines the pane: a Gradio component that shows HTML and reports each press of a button in it as one event.

A button carries ``data-act`` and further ``data-*`` attributes, which the handler gets as strings. The script that
reports them, for every pane, is ui/static/keys.js.
"""

import gradio as gr

from ui.backend import Untyped

_ON_LOAD = "window.docent.pane(element, trigger, watch); /* reports 'act' and 'switch' */"


def pane(value: str, elem_id: str, label: str) -> Untyped:
    """Makes a gr.HTML whose ``.act(handler, ...)`` and ``.switch(...)`` are called with what ``acted`` reads."""
    return gr.HTML(
        value,
        elem_id=elem_id,
        elem_classes=["pane"],
        label=label,
        js_on_load=_ON_LOAD,
        apply_default_css=False,
        padding=False,
    )


def acted(event: gr.EventData) -> dict[str, str]:
    """Returns the data of the pressed button, ``act`` included. It comes from the page, so nothing in it is trusted."""
    data = event._data if isinstance(event._data, dict) else {}
    return {str(key): str(value) for key, value in data.items()}
