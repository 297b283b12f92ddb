"""A pane: HTML made in Python whose buttons report back as one event.

In: the HTML of a pane, in which a button carries ``data-act`` and further ``data-*``. Out: those, as strings, for the
handler. The script that does this for every pane is ui/static/keys.js.
"""

import gradio as gr

from ui.backend import Untyped

_ON_LOAD = "window.docent.pane(element, trigger, watch); /* reports 'act' and 'switch' */"


def pane(value: str, elem_id: str, label: str) -> Untyped:
    """A gr.HTML whose ``.act(handler, ...)`` and ``.switch(...)`` are called with what ``acted`` reads."""
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
    """What the pressed button carried: ``act`` and its data. It comes from the page, so nothing in it is trusted."""
    data = event._data if isinstance(event._data, dict) else {}
    return {str(key): str(value) for key, value in data.items()}
