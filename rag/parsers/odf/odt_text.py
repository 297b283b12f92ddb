"""Reads the visible text of one OpenDocument paragraph: spans, fields, notes, formulas in the line, forms, comments."""

from typing import NamedTuple

from rag.parsers.odf.odt_objects import Objects
from rag.parsers.odf.odt_styles import Look, Looks
from rag.parsers.raised import Align, compose
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TEXT, TABLE, DRAW = (_NS % name for name in ("office", "text", "table", "drawing"))
_DC = "{http://purl.org/dc/elements/1.1/}"
LOEXT = "{urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0}"
_DROPPED = frozenset(
    {f"{TEXT}tracked-changes", f"{TEXT}ruby-text", f"{DRAW}text-box", f"{TABLE}table", f"{OFFICE}forms"}
    | {f"{TEXT}label", f"{DRAW}custom-shape", f"{OFFICE}binary-data", f"{TEXT}alphabetical-index-mark"}
)
_APART = (f"{DRAW}text-box", f"{OFFICE}annotation", f"{TEXT}note-body", f"{TABLE}table-cell")
_MAX_DEPTH = 100


class OdtParagraph(NamedTuple):
    """The text, and the comments made in it as they are written."""

    text: str
    comments: tuple[str, ...]


class OdtText:
    """Reads paragraphs in order; ``notes`` gathers their footnotes and endnotes for the end."""

    def __init__(self, looks: Looks, objects: Objects) -> None:
        self._looks = looks
        self._objects = objects
        self._pieces: list[tuple[Align, str]] = []
        self._comments: list[str] = []
        self.notes: list[str] = []
        self.readings: list[str] = []
        """What is printed over characters, each as "characters: reading"."""
        self.hidden = 0
        """How many stretches of hidden text were left out."""

    def read(self, paragraph: Element, *, framed: bool = False) -> OdtParagraph:
        """``framed``: the paragraph lies in a cell or box, whose ground may have any colour."""
        outer = self._pieces, self._comments
        self._pieces, self._comments = [], []
        look = self._looks.of("paragraph", paragraph.get(f"{TEXT}style-name", ""))
        if framed or next(paragraph.iterancestors(f"{TABLE}table-cell", f"{DRAW}text-box"), None) is not None:
            look = Look(grounded=True).over(look)
        self._inner(paragraph, look, 0)
        done = OdtParagraph(compose(self._pieces).strip(), tuple(self._comments))
        self._pieces, self._comments = outer
        return done

    def _inner(self, element: Element, look: Look, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        self._add(element.text, look)
        for child in element:
            if isinstance(child.tag, str) and child.tag not in _DROPPED:
                self._child(child, look, depth)
            self._add(child.tail, look)

    def _child(self, child: Element, look: Look, depth: int) -> None:
        tag = child.tag
        if tag == f"{TEXT}s":
            count = child.get(f"{TEXT}c", "1")
            self._add(" " * min(whole_number(count, 1), 100), look)
        elif tag == f"{TEXT}tab":
            self._add("\t", look)
        elif tag == f"{TEXT}line-break":
            self._add("\n", look)
        elif tag == f"{TEXT}ruby":
            self._ruby(child, look, depth)
        elif tag == f"{TEXT}note":
            self._note(child, look)
        elif tag == f"{OFFICE}annotation":
            self._comments.append(comment_text(child, self))
        elif tag in (f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph"):
            if child.get(f"{TEXT}is-hidden", "true") == "true":
                self.hidden += 1
            else:
                self._inner(child, look, depth + 1)
        elif tag in (f"{DRAW}frame", f"{DRAW}control"):
            self._add(self._objects.in_line(child), look)
        elif tag == f"{TEXT}span":
            style = self._looks.of("text", child.get(f"{TEXT}style-name", ""))
            self._inner(child, style.over(look), depth + 1)
        else:
            self._inner(child, look, depth + 1)

    def _ruby(self, ruby: Element, look: Look, depth: int) -> None:
        begun = len(self._pieces)
        self._inner(ruby, look, depth + 1)
        written = "".join(text for _, text in self._pieces[begun:]).strip()
        reading = (ruby.findtext(f"{TEXT}ruby-text") or "").strip()
        if written and reading:
            self.readings.append(f"{written}: {reading}")

    def _add(self, text: str | None, look: Look) -> None:
        if not text:
            return
        if not look.unseen:
            self._pieces.append((look.align or "", text))
        elif text.strip():
            self.hidden += 1

    def _note(self, note: Element, look: Look) -> None:
        citation, body = note.find(f"{TEXT}note-citation"), note.find(f"{TEXT}note-body")
        mark = "".join(citation.itertext()).strip() if citation is not None else ""
        if look.unseen:
            return
        at = len(self.notes)
        self.notes.append("")
        lines = [self.read(line).text for line in own_lines(body)] if body is not None else []
        text = "\n".join(filter(None, lines))
        self.notes[at] = f"[{mark}] {text}" if mark else text
        if mark:
            self._pieces.append(("", f"[{mark}]"))


def own_lines(container: Element) -> list[Element]:
    """Returns the paragraphs of a cell, note, comment or margin, without those of what lies in it or is anchored in
    them: each of these is read where it stands, and would double with every level that it is nested."""
    lines = container.iter(f"{TEXT}p", f"{TEXT}h")
    return [line for line in lines if next(line.iterancestors(container.tag, *_APART), None) is container]


def comment_text(annotation: Element, reader: OdtText) -> str:
    """Returns a comment as it stands in the text, "" where it is empty."""
    author = (annotation.findtext(f"{_DC}creator") or "").strip()
    text = "\n".join(filter(None, (reader.read(line).text for line in own_lines(annotation))))
    done = " (resolved)" if annotation.get(f"{LOEXT}resolved", "false") == "true" else ""
    by = f" by {author}" if author else ""
    return f"Comment{by}{done}: {text}" if text else ""
