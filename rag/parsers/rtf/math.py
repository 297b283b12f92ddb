r"""Rebuilds the formulas of RTF (``\moMath``), whose groups are named like the elements of Office Math, as those.

A group such as ``{\mf{\mnum ...}{\mden ...}}`` is ``m:f`` with ``m:num`` and ``m:den``; text in it is ``m:t``, in a
property (``{\mchr ...}``) the property's value.
"""

from lxml import etree

from rag.parsers.office.omml import M, math_text
from rag.parsers.zip_xml import Element

_PROPERTIES = frozenset(
    {"chr", "begChr", "endChr", "sepChr", "type", "pos", "degHide", "subHide", "supHide", "show", "limLoc", "grow"}
)


def new_formula() -> Element:
    return etree.Element(f"{M}oMath")


def inner(element: Element, word: str) -> Element:
    r"""Returns what a control word opens in a formula; words other than those of Office Math change nothing."""
    name = word[1:]
    if not word.startswith("m") or not name.isalpha():
        return element
    return etree.SubElement(element, f"{M}{name}")


def add_text(element: Element, text: str) -> None:
    name = str(element.tag).removeprefix(M)
    if name in _PROPERTIES:
        element.set(f"{M}val", text.strip())
    else:
        etree.SubElement(element, f"{M}t").text = text


def written(formula: Element) -> str:
    """Returns the whole formula as one line."""
    return math_text(formula)
