"""Reads what lies on a page beside its content stream: values of form fields, text typed onto it, people's notes.

Widget annotations become ``Field`` (``form_fields`` puts them beside their labels), other annotations with text become
notes with their author. Coordinates are those of the fragments. The caller holds ``open_pdf.LOCK``.
"""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.characters import clean
from rag.parsers.pdf.page.pdfium_text import text_of
from rag.parsers.pdf.page.placement import Placement

_MAX_ANNOTATIONS = 5_000
"""Of one page."""
_NOT_SHOWN = pdfium_c.FPDF_ANNOT_FLAG_HIDDEN | pdfium_c.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD_FIELD = 1 << 13
"""A bit of a text field's flags (ISO 32000-1, table 228)."""
_MARKS_OF_TEXT = (
    pdfium_c.FPDF_ANNOT_HIGHLIGHT,
    pdfium_c.FPDF_ANNOT_UNDERLINE,
    pdfium_c.FPDF_ANNOT_SQUIGGLY,
    pdfium_c.FPDF_ANNOT_STRIKEOUT,
)
_WITHOUT_NOTES = (pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_WATERMARK, pdfium_c.FPDF_ANNOT_REDACT)
_PICTURES = {
    pdfium_c.FPDF_ANNOT_STAMP: ("stamp", "stamps"),
    pdfium_c.FPDF_ANNOT_INK: ("drawing by hand", "drawings by hand"),
    pdfium_c.FPDF_ANNOT_FILEATTACHMENT: ("attached file", "attached files"),
    pdfium_c.FPDF_ANNOT_SOUND: ("sound", "sounds"),
    pdfium_c.FPDF_ANNOT_MOVIE: ("film", "films"),
}
_INDEX = re.compile(r"\[\d+\]")
_GENERIC_NAME = re.compile(
    r"(?i)(text|field|fill|untitled|undefined|check|box|button|radio|group|combo|list|drop|down|form|page|sub|topmost|"
    r"[fcp](?=\d|$)|[\W\d_])*"
)


@dataclass(frozen=True, slots=True)
class Field:
    """A value that a person entered. ``name`` is what the form calls it, empty where a program made it up.

    A ``mark`` is a box or a button that is on or off; ``typed`` text stands on the page without a field.
    """

    kind: Literal["value", "mark", "typed"]
    text: str
    name: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(slots=True)
class Annotations:
    """What a page's annotations hold; ``unread`` counts those that show something else than text, by name."""

    fields: list[Field] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_annotations(page: pdfium.PdfPage, place: Placement, form: Any = None) -> Annotations:
    """Returns the annotations of one page; ``form`` is PDFium's handle of the document's form, if it has one."""
    found = Annotations()
    count = pdfium_c.FPDFPage_GetAnnotCount(page)
    for index in range(min(count, _MAX_ANNOTATIONS)):
        with _annotation(page, index) as annotation:
            if annotation and not pdfium_c.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN:
                _read(annotation, found, page, place, form)
    return found


@contextmanager
def _annotation(page: pdfium.PdfPage, index: int) -> Iterator[Any]:
    annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
    try:
        yield annotation
    finally:
        if annotation:
            pdfium_c.FPDFPage_CloseAnnot(annotation)


def _read(annotation: Any, found: Annotations, page: pdfium.PdfPage, place: Placement, form: Any) -> None:
    subtype = pdfium_c.FPDFAnnot_GetSubtype(annotation)
    if subtype in _WITHOUT_NOTES:
        return
    if subtype == pdfium_c.FPDF_ANNOT_WIDGET:
        entered = _entered(annotation, place, form)
        if entered is not None:
            found.fields.append(entered)
        return
    text = _value(annotation, b"Contents")
    if not text:
        if subtype in _PICTURES:
            found.unread[_PICTURES[subtype]] += 1
    elif subtype == pdfium_c.FPDF_ANNOT_FREETEXT:
        found.fields.append(Field("typed", text, _value(annotation, b"T"), *_box(annotation, place)))
    else:
        note = note_text(text, _value(annotation, b"T"))
        marked = _marked_text(annotation, page) if subtype in _MARKS_OF_TEXT else ""
        note = f"{note} (on “{marked}”)" if marked else note
        # A popup repeats the note that it belongs to.
        if note not in found.notes and not (
            subtype == pdfium_c.FPDF_ANNOT_POPUP and any(text in n for n in found.notes)
        ):
            found.notes.append(note)


def note_text(text: str, author: str) -> str:
    """Returns a note as it is told: who wrote it, and what."""
    return f"Note by {author}: {text}" if author else f"Note: {text}"


def _entered(annotation: Any, place: Placement, form: Any) -> Field | None:
    """Returns the value of a form's field, None for one that is empty or holds no value."""
    box = _box(annotation, place)
    if form is None:
        text = _value(annotation, b"V")
        return Field("value", text, _name(_value(annotation, b"T")), *box) if text else None
    kind = pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation)
    name = text_of(pdfium_c.FPDFAnnot_GetFormFieldAlternateName, form, annotation) or _name(
        text_of(pdfium_c.FPDFAnnot_GetFormFieldName, form, annotation)
    )
    if kind in (pdfium_c.FPDF_FORMFIELD_CHECKBOX, pdfium_c.FPDF_FORMFIELD_RADIOBUTTON):
        mark = "[x]" if pdfium_c.FPDFAnnot_IsChecked(form, annotation) else "[ ]"
        return Field("mark", mark, name, *box)
    if kind in (pdfium_c.FPDF_FORMFIELD_COMBOBOX, pdfium_c.FPDF_FORMFIELD_LISTBOX):
        text = _chosen(annotation, form)
    elif kind == pdfium_c.FPDF_FORMFIELD_TEXTFIELD:
        if pdfium_c.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FIELD:
            return None
        text = text_of(pdfium_c.FPDFAnnot_GetFormFieldValue, form, annotation)
    else:
        return None
    return Field("value", text, name, *box) if text else None


def _chosen(annotation: Any, form: Any) -> str:
    """Returns the options that were chosen, as the form shows them; a text of one's own where none was."""
    count = pdfium_c.FPDFAnnot_GetOptionCount(form, annotation)
    chosen = [
        text_of(pdfium_c.FPDFAnnot_GetOptionLabel, form, annotation, index)
        for index in range(max(count, 0))
        if pdfium_c.FPDFAnnot_IsOptionSelected(form, annotation, index)
    ]
    return ", ".join(filter(None, chosen)) or text_of(pdfium_c.FPDFAnnot_GetFormFieldValue, form, annotation)


def _name(full: str) -> str:
    """Returns the readable end of a field's full name, empty when it says nothing ("Text3", "f1_07[0]")."""
    name = _INDEX.sub("", full).rpartition(".")[2].replace("_", " ").strip()
    return "" if _GENERIC_NAME.fullmatch(name) else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _box(annotation: Any, place: Placement) -> tuple[float, float, float, float]:
    rectangle = pdfium_c.FS_RECTF()
    pdfium_c.FPDFAnnot_GetRect(annotation, ctypes.byref(rectangle))
    left, right = sorted((rectangle.left, rectangle.right))
    bottom, top = sorted((rectangle.bottom, rectangle.top))
    return place.place(left, bottom, right, top)


def _marked_text(annotation: Any, page: pdfium.PdfPage) -> str:
    """Returns the words under a highlight."""
    points = pdfium_c.FS_QUADPOINTSF()
    parts: list[str] = []
    textpage = page.get_textpage()
    for index in range(pdfium_c.FPDFAnnot_CountAttachmentPoints(annotation)):
        if pdfium_c.FPDFAnnot_GetAttachmentPoints(annotation, index, ctypes.byref(points)):
            xs = (points.x1, points.x2, points.x3, points.x4)
            ys = (points.y1, points.y2, points.y3, points.y4)
            parts.append(textpage.get_text_bounded(min(xs), min(ys), max(xs), max(ys)))
    textpage.close()
    return " ".join(clean(" ".join(parts)).split())


def _value(annotation: Any, key: bytes) -> str:
    return text_of(pdfium_c.FPDFAnnot_GetStringValue, annotation, key)
