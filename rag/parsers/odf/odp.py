"""Parses OpenDocument presentations (.odp, .otp, .fodp): title, text, tables, charts, notes, comments slide by slide.

``page`` is the slide's number. A hidden slide is kept as hidden; dates, footers and slide numbers are left out.
"""

import math
import re
import zipfile
from pathlib import Path

from rag.errors import ReadError
from rag.parsers.odf.odt import DRAW, OFFICE, STYLE, TEXT, OdfWalker, open_odf
from rag.parsers.odf.odt_styles import FO
from rag.parsers.odf.odt_text import comment_text
from rag.parsers.zip_xml import Element
from rag.types import ParsedDocument

MEDIA_TYPE = "application/vnd.oasis.opendocument.presentation"

_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_LENGTH = re.compile(r"(-?\d{1,6}(?:\.\d{1,6})?)(cm|mm|in|pt)")
_UNITS = {"cm": 72 / 2.54, "mm": 72 / 25.4, "in": 72.0, "pt": 1.0}  # points
_TITLES = ("title", "subtitle")
_FURNITURE = frozenset(("date-time", "footer", "header", "page-number"))


def parse(path: Path) -> ParsedDocument:
    """Parses a presentation. Raises ReadError for a broken or protected container."""
    return open_odf(path, _Slides)


class _Slides(OdfWalker):
    """Walks the slides in order."""

    media_type = MEDIA_TYPE
    on_paper = False

    def __init__(
        self, content: Element, styles: Element | None, meta: Element | None, archive: zipfile.ZipFile | None
    ) -> None:
        super().__init__(content, styles, meta, archive)
        self._hidden_styles = {
            str(style.get(f"{STYLE}name", ""))
            for root in (content, *([styles] if styles is not None else []))
            for style in root.iter(f"{STYLE}style")
            for properties in style.iterfind(f"{STYLE}drawing-page-properties")
            if properties.get(f"{_PRESENTATION}visibility") == "hidden"
        }
        self._size = _slide_size(styles if styles is not None else content)

    def document(self) -> ParsedDocument:
        body = self._content.find(f"{OFFICE}body/{OFFICE}presentation")
        if body is None:
            raise ReadError(
                "The presentation is damaged: it has no slides.", "Open it in its program and save it again."
            )
        unseen: list[str] = []
        for number, slide in enumerate(body.iterfind(f"{DRAW}page"), 1):
            self._page = number
            if slide.get(f"{DRAW}style-name") in self._hidden_styles:
                unseen.append(str(number))
                lines = (self._reader.read(line).text for line in slide.iter(f"{TEXT}p"))
                self._builder.add("hidden", "\n".join(filter(None, lines)), page=number)
            else:
                self._slide(slide, number)
        if unseen:
            which = f"slide {unseen[0]} is" if len(unseen) == 1 else f"slides {', '.join(unseen)} are"
            self._builder.warn(f"Left out of answers: {which} hidden.")
        for note in self._reader.notes:
            self._builder.add("note", note)
        return self._finished()

    def _slide(self, slide: Element, number: int) -> None:
        frames = [one for one in slide if isinstance(one.tag, str)]
        titles = [one for one in frames if one.get(f"{_PRESENTATION}class") in _TITLES[:1]]
        heading = " ".join(self._reader.read(line).text for one in titles for line in one.iter(f"{TEXT}p")).strip()
        if heading:
            self._add_heading(heading, 1)
        else:
            self._builder.label(f"Slide {number}", 1, page=number)
        for one in frames:
            if one.tag == f"{_PRESENTATION}notes":
                self._notes(one, number)
            elif one.tag == f"{OFFICE}annotation":
                self._builder.add("note", comment_text(one, self._reader), page=number)
            elif one not in titles and one.get(f"{_PRESENTATION}class") not in _FURNITURE:
                if self._is_beside_slide(one):
                    lines = (self._reader.read(line).text for line in one.iter(f"{TEXT}p"))
                    self._builder.add("hidden", "\n".join(filter(None, lines)), page=number)
                    self._reader.hidden += 1
                else:
                    self._shape(one)

    def _is_beside_slide(self, shape: Element) -> bool:
        """Tells whether a shape lies wholly off the slide."""
        left, top, width, height = (_points(shape.get(f"{_SVG}{name}")) for name in ("x", "y", "width", "height"))
        if left is None or top is None or width is None or height is None:
            return False
        across, down = self._size
        return left + width < 0 or top + height < 0 or left > across or top > down

    def _shape(self, shape: Element) -> None:
        if shape.get(f"{_PRESENTATION}placeholder") == "true":
            return
        if shape.tag == f"{DRAW}frame":
            self._drawn(shape, 1)
        elif shape.tag == f"{DRAW}g":
            for one in shape:
                self._shape(one)
        else:
            self._blocks(shape, 1)

    def _notes(self, notes: Element, number: int) -> None:
        boxes = (one for one in notes.iter(f"{DRAW}text-box") if _is_written(one))
        lines = [self._reader.read(line).text for box in boxes for line in box.iter(f"{TEXT}p")]
        self._builder.add("note", "\n".join(filter(None, lines)), page=number)


def _slide_size(styles: Element) -> tuple[float, float]:
    """Width and height of the slides in points; endless where the styles do not say."""
    width = height = 0.0
    for layout in styles.iter(f"{STYLE}page-layout-properties"):
        width = max(width, _points(layout.get(f"{FO}page-width")) or 0.0)
        height = max(height, _points(layout.get(f"{FO}page-height")) or 0.0)
    return width or math.inf, height or math.inf


def _points(length: object) -> float | None:
    match = _LENGTH.fullmatch(str(length))
    return float(match[1]) * _UNITS[match[2]] if match else None


def _is_written(box: Element) -> bool:
    """Tells whether a box of the notes holds what somebody wrote, not what stands on every page."""
    frame = box.getparent()
    return frame is not None and frame.get(f"{_PRESENTATION}class") not in _FURNITURE
