"""Defines the look of the window: Gradio's theme on system fonts, the style sheet, and the script of every page.

Everything is inline or served by this process; nothing names another host.
"""

from functools import cache
from importlib.resources import files

import gradio as gr

from ui.backend import Untyped


@cache
def _resource(name: str) -> str:
    return files("ui").joinpath("static", name).read_text(encoding="utf-8")


def style() -> str:
    return _resource("style.css")


def head() -> str:
    """Returns the script for the page's head, where it is loaded before any pane needs it."""
    return f"<script>{_resource('keys.js')}</script>"


def theme() -> Untyped:
    """Makes Gradio's plain theme without its web fonts; the style sheet sets the colours."""
    system = [gr.themes.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "Cascadia Mono", "Menlo", "Consolas", "monospace")]
    return gr.themes.Base(font=system, font_mono=mono, radius_size=gr.themes.sizes.radius_md).set(
        body_background_fill="var(--d-bg)",
        body_background_fill_dark="var(--d-bg)",
        body_text_color="var(--d-text)",
        body_text_color_dark="var(--d-text)",
        input_background_fill="var(--d-field)",
        input_background_fill_dark="var(--d-field)",
        input_border_color="var(--d-line)",
        input_border_color_dark="var(--d-line)",
        input_placeholder_color="var(--d-muted)",
        input_placeholder_color_dark="var(--d-muted)",
    )
