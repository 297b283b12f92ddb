"""Renders HTML from the templates in ui/templates.

Every value is escaped when it is put into a template. Line breaks and indentation of a template are no part of the
page, so that none of them shows between two elements.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

# Neither can be shown, and a lone surrogate (an undecodable byte of a file name) cannot even be sent.
_UNPRINTABLE = re.compile("[\ud800-\udfff\u0000-\u0008\u000b\u000e-\u001f\u007f]")
# Characters that reorder or hide their neighbours could make a file name read as another one.
_DISGUISES = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LINE_BREAK = re.compile(r"\s*\n\s*")


def template(name: str) -> Callable[..., Markup]:
    """Returns the macro ``file.macro`` of a template as a function: ``template("answer.exchange")``."""
    file, _, macro = name.partition(".")
    return cast("Callable[..., Markup]", getattr(_environment().get_template(f"{file}.html.jinja").module, macro))


def printable(value: object) -> object:
    """Replaces the characters of a text that no page can show. HTML is left alone."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value.replace("\f", "\n"))


def escape(text: object) -> Markup:
    """Escapes a text for an element's content or a quoted attribute."""
    return Markup.escape(printable(str(text)))


def name_of(text: str) -> Markup:
    """Escapes a title or file name, puts it on one line and keeps it from reordering the text around it."""
    plain = _DISGUISES.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    return Markup("<bdi>{}</bdi>").format(escape(plain or "Untitled"))


class _Templates(FileSystemLoader):
    """A loader that removes line breaks and indentation from templates."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_fresh = super().get_source(environment, template)
        return _LINE_BREAK.sub("", source), path, is_fresh


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_Templates(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printable,
    )
    environment.filters["name"] = name_of
    environment.filters["number"] = "{:,}".format
    return environment
