"""Reads the visible text of one Word paragraph: runs, fields, forms, formulas, readings, marks of notes and comments.

Left out: deleted and moved text, hidden text (``w:vanish``, also by style), white text on white, codes of fields,
placeholders of empty content controls, and the text boxes anchored in the paragraph, which stand by themselves.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from rag.parsers.docx.fields import CHECKED, UNCHECKED, Fields, form_value
from rag.parsers.docx.notes import NoteKind
from rag.parsers.docx.styles import ParagraphLook, RunLook, Styles
from rag.parsers.office.omml import M, math_text
from rag.parsers.office.symbol_fonts import symbol_text, without_symbols
from rag.parsers.raised import Align, compose
from rag.parsers.zip_xml import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
VML = "{urn:schemas-microsoft-com:vml}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"

# A move's source stands here only as a memory; its text is where it was moved to.
_DROPPED = frozenset(
    {f"{W}del", f"{W}moveFrom", f"{W}delText", f"{W}delInstrText", f"{W}rPr", f"{W}pPr", f"{W}txbxContent", f"{W}rt"}
    | {FALLBACK, f"{W}sdtPr", f"{W}sdtEndPr", f"{W}rubyPr"}
)
_SIGNS = {f"{W}tab": "\t", f"{W}ptab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
_MAX_DEPTH = 100


class ParagraphText(NamedTuple):
    """The text, the identifiers of the comments made at it, and whether it belongs to a table of contents."""

    text: str
    comments: tuple[str, ...]
    in_contents: bool


class TextReader:
    """Reads paragraphs in order; fields may go from one to the next. ``note_mark`` numbers the notes as they come."""

    def __init__(self, styles: Styles, note_mark: Callable[[NoteKind, str, bool], str]) -> None:
        self._styles = styles
        self._note_mark = note_mark
        self._fields = Fields()
        self._pieces: list[tuple[Align, str]] = []
        self._comments: list[str] = []
        self._around = ParagraphLook()
        self.readings: list[str] = []
        """What is printed over characters, each as "characters: reading"."""
        self.hidden = 0
        """How many runs of hidden text were left out."""

    def read(self, paragraph: Element, *, framed: bool = False) -> ParagraphText:
        """``framed``: the paragraph lies in a table cell or a box, whose ground may have any colour."""
        self._pieces, self._comments = [], []
        look = self._styles.paragraph_look(paragraph)
        self._around = replace(look, shaded=True) if framed else look
        in_contents = self._fields.in_contents
        self._inner(paragraph, 0)
        in_contents = in_contents or self._fields.in_contents
        return ParagraphText(compose(self._pieces).strip(), tuple(self._comments), in_contents)

    def _inner(self, parent: Element, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        for node in parent:
            tag = node.tag
            if tag in _DROPPED or not isinstance(tag, str):
                continue
            if tag == f"{W}r":
                self._run(node, depth)
            elif tag in (f"{M}oMath", f"{M}oMathPara"):
                self._add(math_text(node))
            elif tag == f"{W}sdt":
                self._control(node, depth)
            elif tag == f"{W}fldSimple":
                self._simple_field(node, depth)
            else:
                self._inner(node, depth + 1)

    def _run(self, run: Element, depth: int) -> None:
        look = self._styles.run_look(run, self._around)
        before = len(self._pieces)
        for node in run:
            tag = node.tag
            if tag == f"{W}fldChar":
                if shown := self._fields.mark(node):
                    self._pieces.append((look.align, shown))
            elif tag == f"{W}instrText":
                self._fields.code(node.text or "")
            elif tag == f"{W}t":
                self._add(without_symbols(node.text or "", look.font), look)
            elif tag in _SIGNS:
                self._add(_SIGNS[tag], look)
            elif tag == f"{W}sym":
                self._add(_symbol(node), look)
            elif tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                self._reference(node, look)
            elif tag == f"{W}commentReference":
                self._comments.append(node.get(f"{W}id", ""))
            elif isinstance(tag, str) and tag not in _DROPPED:
                self._within_run(node, depth)
        if look.hidden and len(self._pieces) > before:
            del self._pieces[before:]
            self.hidden += 1

    def _within_run(self, node: Element, depth: int) -> None:
        """Readings, alternate content, letters of WordArt."""
        for art in node.iter(f"{VML}textpath"):
            if next(art.iterancestors(FALLBACK), None) is None:
                self._add(art.get("string", ""))
        begun = len(self._pieces)
        self._inner(node, depth + 1)
        if node.tag == f"{W}ruby":
            written = "".join(text for _, text in self._pieces[begun:]).strip()
            reading = "".join(letters.text or "" for rt in node.iterfind(f"{W}rt") for letters in rt.iter(f"{W}t"))
            if written and reading.strip():
                self.readings.append(f"{written}: {reading.strip()}")

    def _add(self, text: str, look: RunLook | None = None) -> None:
        if text and not self._fields.in_code:
            self._pieces.append((look.align if look is not None else "", text))

    def _reference(self, node: Element, look: RunLook) -> None:
        if look.hidden:
            return
        kind: NoteKind = "footnote" if node.tag == f"{W}footnoteReference" else "endnote"
        # A mark of the writer's own follows as text.
        own = node.get(f"{W}customMarkFollows", "0") in ("1", "true", "on")
        mark = self._note_mark(kind, node.get(f"{W}id", ""), own)
        if mark and not self._fields.in_code:
            self._pieces.append(("", f"[{mark}]"))

    def _simple_field(self, field: Element, depth: int) -> None:
        data = field.find(f"{W}fldData")
        self._add(form_value(data))
        self._inner(field, depth + 1)

    def _control(self, control: Element, depth: int) -> None:
        """A content control shows its content; a box shows whether it is ticked, an empty one only a placeholder."""
        properties, content = control.find(f"{W}sdtPr"), control.find(f"{W}sdtContent")
        if properties is not None:
            box = properties.find(f"{W14}checkbox")
            if box is not None:
                checked = box.find(f"{W14}checked")
                on = checked is not None and checked.get(f"{W14}val", "1") not in ("0", "false", "off")
                self._add(CHECKED if on else UNCHECKED)
                return
            if is_placeholder(properties):
                return
        if content is not None:
            self._inner(content, depth + 1)


def is_placeholder(properties: Element) -> bool:
    """Tells whether a content control (its ``w:sdtPr``) is empty and shows words that ask to fill it in."""
    shown = properties.find(f"{W}showingPlcHdr")
    return shown is not None and shown.get(f"{W}val", "1") not in ("0", "false", "off")


def _symbol(node: Element) -> str:
    try:
        return symbol_text(int(node.get(f"{W}char", ""), 16), node.get(f"{W}font", ""))
    except ValueError:
        return ""
