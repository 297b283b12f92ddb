"""Draws pictures of PDF pages, and finds where on a page a quote stands.

``locate_quote`` finds text that the parser took from the file, whatever happened to its spaces, line breaks, hyphens
and ligatures on the way; ``render_page`` draws the page with those boxes marked. Pages count from 1; boxes are in
points from the top left corner of the page as a viewer shows it.
"""

import ctypes
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.errors import ReadError
from rag.parsers.pdf.page.characters import fold
from rag.parsers.pdf.page.open_pdf import open_pdf
from rag.parsers.pdf.page.page_box import Box
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.words.fragments import characters_of

_MAX_PIXELS = 16_000_000
_MARK = (255, 236, 110)
_STRONG = (255, 196, 61)
_SHORTEST_PIECE = 8
"""Folded characters; anything shorter stands in too many places to mark."""
_PADDING = 1.0


def page_count(path: Path) -> int:
    """Counts the pages. Raises ReadError, as every function here does, when the file cannot be opened."""
    with open_pdf(path) as document:
        return len(document)


def render_page(
    path: Path, page: int, highlight: Sequence[Box] = (), scale: float = 2.0, strong: Sequence[Box] = ()
) -> bytes:
    """Draws the page as PNG, ``scale`` pixels for a point, with every box in ``highlight`` that is on it marked, and
    those in ``strong`` in a deeper colour.
    """
    from PIL import Image, ImageChops, ImageDraw

    with open_pdf(path) as document:
        source = _page(document, page)
        width, height = source.get_size()
        scale = min(scale, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
        picture = source.render(scale=scale).to_pil().convert("RGB")
        source.close()
    boxes = [(box, colour) for kind, colour in ((highlight, _MARK), (strong, _STRONG)) for box in kind]
    boxes = [(box, colour) for box, colour in boxes if box.page == page]
    if boxes:
        # Multiplying keeps the letters black under the mark.
        mark = Image.new("RGB", picture.size, "white")
        draw = ImageDraw.Draw(mark)
        for box, colour in boxes:
            corners = (box.x0 - _PADDING, box.y0 - _PADDING, box.x1 + _PADDING, box.y1 + _PADDING)
            draw.rectangle([corner * scale for corner in corners], fill=colour)
        picture = ImageChops.multiply(picture, mark)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return out.getvalue()


def locate_quote(path: Path, page: int, quote: str, within: str = "") -> list[Box]:
    """Returns the lines that ``quote`` stands on, from ``page`` and where it goes on the next page; empty when not
    found.

    Words that stand in several places are looked for from where ``within`` begins.
    """
    wanted = fold(quote)
    if not wanted:
        return []
    boxes: list[Box] = []
    with open_pdf(path) as document:
        for number in (page, page + 1):
            if number > len(document) or not wanted:
                break
            source = _page(document, number)
            textpage = source.get_textpage()
            try:
                found, wanted = _find(textpage, wanted, fold(within), anywhere=number == page)
                boxes.extend(_line_boxes(textpage, found, Placement.displayed_page(source), number))
            finally:
                textpage.close()
                source.close()
    return boxes


def _page(document: pdfium.PdfDocument, number: int) -> pdfium.PdfPage:
    if not 1 <= number <= len(document):
        raise ReadError(f"The PDF has no page {number}; it has {len(document)}.")
    try:
        return document[number - 1]
    except pdfium.PdfiumError as error:
        raise ReadError(f"Page {number} of the PDF is damaged.") from error


def _find(textpage: pdfium.PdfTextPage, wanted: str, within: str, *, anywhere: bool) -> tuple[list[range], str]:
    """Returns the ranges of PDFium's character indices that hold ``wanted``, and the end of it that may stand on the
    next page.

    The page may tell its text in another order than the parser did (columns, cells), so what is not found in one piece
    is looked for piece by piece, longest first, each from the beginning of what is left.
    """
    text, indices = _folded(textpage)
    if not text:
        return [], ""
    ranges: list[range] = []
    position = max(0, text.find(within))
    while wanted:
        at, length = _longest_prefix(text, wanted, position)
        if length == 0:
            # Skip a stretch that the page does not hold, once something was found.
            if not ranges or len(wanted) <= _SHORTEST_PIECE:
                break
            wanted = wanted[1:] if anywhere else ""
            continue
        ranges.append(range(indices[at], indices[at + length - 1] + 1))
        position = at + length
        rest = wanted[length:]
        if position >= len(text) - _SHORTEST_PIECE and len(rest) >= _SHORTEST_PIECE:
            return ranges, rest
        wanted = rest
    return ranges, ""


def _longest_prefix(text: str, wanted: str, position: int) -> tuple[int, int]:
    """Returns where the longest beginning of ``wanted`` stands in ``text`` and how long it is; behind ``position``
    first.
    """
    at = text.find(wanted, position)
    if at < 0:
        at = text.find(wanted)
    if at >= 0:
        return at, len(wanted)
    low, high = min(_SHORTEST_PIECE, len(wanted)) - 1, len(wanted)
    best = 0, 0
    while high - low > 1:
        middle = (low + high) // 2
        at = text.find(wanted[:middle], position)
        if at < 0:
            at = text.find(wanted[:middle])
        if at >= 0:
            best = at, middle
            low = middle
        else:
            high = middle
    return best


def _folded(textpage: pdfium.PdfTextPage) -> tuple[str, list[int]]:
    """Returns the page's text folded, and for each character of that its index on the page."""
    parts: list[str] = []
    indices: list[int] = []
    for index, character in enumerate(characters_of(textpage)):
        folded = fold(character) if not character.isspace() else ""
        if not folded and unicodedata.combining(character) and parts:
            continue
        parts.append(folded)
        indices.extend([index] * len(folded))
    return "".join(parts), indices


def _line_boxes(textpage: pdfium.PdfTextPage, ranges: Sequence[range], place: Placement, page: int) -> Iterator[Box]:
    """Yields one box for each stretch of a line that the ranges cover."""
    sideways = place.rotation in (90, 270)
    current: tuple[float, float, float, float] | None = None
    for indices in ranges:
        for index in indices:
            box = _character_box(textpage, index)
            if box is None:
                continue
            box = place.place(*box)
            if current is not None and _same_line(current, box, sideways):
                current = (*map(min, current[:2], box[:2]), *map(max, current[2:], box[2:]))  # type: ignore[assignment]
            else:
                if current is not None:
                    yield Box(page, *current)
                current = box
    if current is not None:
        yield Box(page, *current)


def _character_box(textpage: pdfium.PdfTextPage, index: int) -> tuple[float, float, float, float] | None:
    rectangle = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(textpage, index, ctypes.byref(rectangle)):
        return None
    if rectangle.right <= rectangle.left or rectangle.top <= rectangle.bottom:
        return None
    return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top


def _same_line(line: tuple[float, float, float, float], box: tuple[float, float, float, float], sideways: bool) -> bool:
    """Tells whether a character goes on with a line: beside it, and not far away as the next column is."""
    along, across = (1, 0) if sideways else (0, 1)
    thickness = min(line[across + 2] - line[across], box[across + 2] - box[across])
    overlap = min(line[across + 2], box[across + 2]) - max(line[across], box[across])
    gap = max(box[along] - line[along + 2], line[along] - box[along + 2])
    return overlap > 0.4 * thickness and gap < 4 * (box[across + 2] - box[across])
