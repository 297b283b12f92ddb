"""Reads what a sheet's part says beside its values: merged and hidden cells, formulas without a value, comments."""

import io
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from rag.parsers.office.ooxml import Package, usual_names
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

_S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_THREADED = "{http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments}"
_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_THREAD_NOTE = re.compile(r"\[Threaded comment\].*?Comment:\s*", re.DOTALL)
"""What Excel writes for older programs in front of a threaded comment."""


class Merged(NamedTuple):
    """A range of cells that is shown as one; rows and columns count from 1, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


class Remark(NamedTuple):
    """A comment on the cell at (row, column), from 1."""

    row: int
    column: int
    text: str
    author: str


@dataclass(slots=True)
class SheetLayout:
    """``formulas`` holds those that were never calculated, by row and column."""

    merged: list[Merged] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)


def sheet_parts(package: Package) -> dict[str, str]:
    """Returns the part of each sheet by the sheet's name."""
    main = package.main()
    root = package.optional(main) if main else None
    if main is None or root is None:
        return {}
    related = package.relationships(main)
    found: dict[str, str] = {}
    for sheet in root.iter(f"{_S}sheet"):
        identifiers = [value for name, value in sheet.attrib.items() if name.endswith("}id")]
        target = related.get(identifiers[0]) if identifiers else None
        if target is not None and target.target in package.names:
            found[str(sheet.get("name", ""))] = target.target
    return found


def layout_of(package: Package, part: str, most_columns: int) -> SheetLayout:
    """Reads the layout of the sheet in ``part``; columns beyond ``most_columns`` do not count."""
    from lxml import etree

    layout = SheetLayout()
    data = usual_names(package.data(part))
    tags = [f"{_S}row", f"{_S}col", f"{_S}mergeCell"]
    if b"<f" in data or b":f" in data:
        tags.append(f"{_S}c")
    parser = etree.iterparse(
        io.BytesIO(data), tag=tags, resolve_entities=False, no_network=True, huge_tree=True, recover=True
    )
    for _, element in parser:
        _take(layout, element, most_columns)
        if element.tag != f"{_S}c":
            element.clear()
    layout.remarks = _remarks(package, part)
    return layout


def place_of(reference: str) -> tuple[int, int] | None:
    """Returns row and column, from 1, of a reference like "B12"."""
    found = _PLACE.fullmatch(reference)
    if found is None:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]), column


def _take(layout: SheetLayout, element: Element, most_columns: int) -> None:
    if element.tag == f"{_S}row":
        if _is_on(element.get("hidden")) and (row := whole_number(str(element.get("r", "")), 0)):
            layout.hidden_rows.add(row)
    elif element.tag == f"{_S}col":
        if _is_on(element.get("hidden")):
            first, last = (whole_number(str(element.get(name, "")), most) for name, most in (("min", 1), ("max", 0)))
            layout.hidden_columns.update(range(first, min(last, most_columns) + 1))
    elif element.tag == f"{_S}mergeCell":
        begin, _, end = str(element.get("ref", "")).partition(":")
        one, other = place_of(begin), place_of(end or begin)
        if one and other and one[1] <= most_columns:
            layout.merged.append(Merged(*one, other[0], min(other[1], most_columns)))
    else:
        formula = element.find(f"{_S}f")
        value = element.find(f"{_S}v")
        at = place_of(str(element.get("r", "")))
        if formula is not None and at is not None and (value is None or not value.text):
            layout.formulas[at] = f"={formula.text}" if formula.text else "a formula"


def _is_on(value: str | None) -> bool:
    return value in ("1", "true")


def _remarks(package: Package, part: str) -> list[Remark]:
    related = package.relationships(part).values()
    threads = [one.target for one in related if one.kind == "threadedComment" and one.target in package.names]
    if threads:
        people = _people(package)
        return [
            Remark(*at, "".join(comment.itertext()).strip(), people.get(str(comment.get("personId", "")), ""))
            for name in threads
            for comment in package.root(name).iter(f"{_THREADED}threadedComment")
            if (at := place_of(str(comment.get("ref", "")))) is not None
        ]
    return [
        remark
        for one in related
        if one.kind == "comments" and one.target in package.names
        for remark in _comments(package.root(one.target))
    ]


def _people(package: Package) -> dict[str, str]:
    names = (name for name in package.names if name.startswith("xl/persons/"))
    people = (person for name in sorted(names) for person in package.root(name).iter(f"{_THREADED}person"))
    return {str(person.get("id", "")): str(person.get("displayName", "")) for person in people}


def _comments(root: Element) -> list[Remark]:
    authors = ["".join(author.itertext()).strip() for author in root.iter(f"{_S}author")]
    found: list[Remark] = []
    for comment in root.iter(f"{_S}comment"):
        at = place_of(str(comment.get("ref", "")))
        number = str(comment.get("authorId", ""))
        author = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
        text = comment.find(f"{_S}text")
        words = "".join(piece.text or "" for piece in text.iter(f"{_S}t")) if text is not None else ""
        words = _THREAD_NOTE.sub("", words).strip().removeprefix(f"{author}:").strip()
        if at is not None and words:
            found.append(Remark(*at, words, author))
    return found
