"""Writes the marks of lists of a web page as they are displayed: bullets, or numbers in the list's form."""

import re

from lxml import etree

from rag.parsers.number_forms import written_number

_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_CSS_FORMS = {
    **dict.fromkeys(("lower-alpha", "lower-latin"), "lowerLetter"),
    **dict.fromkeys(("upper-alpha", "upper-latin"), "upperLetter"),
    "lower-roman": "lowerRoman", "upper-roman": "upperRoman", "decimal": "decimal",
    "decimal-leading-zero": "decimalZero", "none": "",
}  # fmt: skip
_CSS_FORM = re.compile(r"list-style(?:-type)?\s*:\s*([\w-]+)", re.IGNORECASE)
_INTEGER = re.compile(r"\s*([-+]?\d{1,6})\s*")


class ListMarks:
    """Counts the items of one list."""

    def __init__(self, element: etree._Element | None) -> None:
        """Takes the list's element; None is a list of bullets."""
        self._ordered = element is not None and element.tag == "ol"
        self._form, self._step, self._next = "decimal", 1, 1
        if element is None:
            return
        css = _CSS_FORM.search(element.get("style") or "")
        self._form = _FORMS.get((element.get("type") or "").strip(), "decimal")
        if css is not None and css[1].lower() in _CSS_FORMS:
            self._form = _CSS_FORMS[css[1].lower()]
        if element.get("reversed") is not None:
            self._step = -1
            self._next = sum(1 for _ in element.iterchildren("li"))
        self._next = _integer(element.get("start"), self._next)

    def mark_of(self, item: etree._Element) -> str:
        """Returns the mark of the next item, with the space behind it; "" for a list that shows none."""
        if not self._ordered:
            return "- "
        number = _integer(item.get("value"), self._next)
        self._next = number + self._step
        form = _FORMS.get((item.get("type") or "").strip(), self._form)
        if not form:
            return ""
        return f"{written_number(number, form) if number > 0 else number}. "


def _integer(written: str | None, default: int) -> int:
    match = _INTEGER.fullmatch(written or "")
    return int(match[1]) if match else default
