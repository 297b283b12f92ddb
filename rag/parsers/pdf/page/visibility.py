"""Tells which words of a page nobody sees: drawn in no colour or in that of the page, too small, cut off, painted over,
outside.

Invisible words over a picture of the same words are what text recognition puts there (an OCR layer); they count as
seen. The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``.
"""

import ctypes
import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from rag.parsers.pdf.page.covers import covered_words
from rag.parsers.pdf.page.pdfium_calls import address_of, by_address
from rag.parsers.pdf.page.placement import Placement, Word

_UNSEEN_MODES = (pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP)
_STROKED = pdfium_c.FPDF_TEXTRENDERMODE_STROKE
_LIGHT = 225
"""Luminance, of 255, from which on a word is looked at on the picture of its page."""
_TRANSPARENT = 24
_SMALLEST = 3.0
"""Height in points of a line nobody can read, unless nearly all of the page is that small (a plan, a poster)."""
_PICTURE_SHARE = 0.05
"""Of the page; smaller pictures do not carry an OCR layer."""
_SCALE = 2.0
_MAX_PIXELS = 16_000_000
_SAME = 16
"""Difference of luminance that an eye does not notice."""
_INK = 0.15
"""Share of the box of a word whose colour is not that of the word; a line through it covers less."""
_Looks = Literal["plain", "unseen", "light", "clipped", "tiny", "outside"]
"""What speaks against a word: no paint, a light colour or something over it, cut off or transparent, the size, the
place."""


_colour_of = struct.Struct("4I").unpack_from
_text_object = by_address("FPDFText_GetTextObject", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_render_mode = by_address("FPDFTextObj_GetTextRenderMode", ctypes.c_int, ctypes.c_void_p)
_clip_path = by_address("FPDFPageObj_GetClipPath", ctypes.c_void_p, ctypes.c_void_p)
_count_paths = by_address("FPDFClipPath_CountPaths", ctypes.c_int, ctypes.c_void_p)
_fill_colour = by_address("FPDFPageObj_GetFillColor", ctypes.c_int, *[ctypes.c_void_p] * 5)
_stroke_colour = by_address("FPDFPageObj_GetStrokeColor", ctypes.c_int, *[ctypes.c_void_p] * 5)


class _Objects:
    """What is known of the page's text objects: whether a word of one can be seen, as far as the object says."""

    def __init__(self, textpage: pdfium.PdfTextPage) -> None:
        self._textpage = address_of(textpage.raw)
        self._known: dict[int | None, _Looks] = {None: "plain"}
        self._colour = (ctypes.c_uint * 4)()
        start, size = ctypes.addressof(self._colour), ctypes.sizeof(ctypes.c_uint)
        self._parts = [start + size * n for n in range(4)]

    def looks(self, index: int) -> _Looks:
        """Returns what the object of a character tells about it."""
        item = _text_object(self._textpage, index)
        known = self._known.get(item)
        return known if known is not None else self._judged(item)

    def luminance(self, index: int) -> float:
        """Returns the brightness of a character's paint, from 0 to 255."""
        self._paint(_text_object(self._textpage, index))
        red, green, blue, _ = _colour_of(self._colour)
        return float(0.299 * red + 0.587 * green + 0.114 * blue)

    def _judged(self, item: int) -> _Looks:
        looks: _Looks = "plain"
        mode = _render_mode(item)
        if mode in _UNSEEN_MODES:
            looks = "unseen"
        elif _count_paths(_clip_path(item)) > 0 and _is_cut_off(item):
            looks = "clipped"
        elif self._paint(item, stroked=mode == _STROKED):
            red, green, blue, alpha = _colour_of(self._colour)
            if alpha < _TRANSPARENT:
                looks = "clipped"
            elif min(red, green, blue) >= _LIGHT:
                looks = "light"
        self._known[item] = looks
        return looks

    def _paint(self, item: int, *, stroked: bool = False) -> bool:
        return bool((_stroke_colour if stroked else _fill_colour)(item, *self._parts))


def _is_cut_off(address: int) -> bool:
    """Tells whether a text object lies outside the area that it is clipped to."""
    item = ctypes.cast(address, pdfium_c.FPDF_PAGEOBJECT)
    edges = [ctypes.c_float() for _ in range(4)]
    if not pdfium_c.FPDFPageObj_GetBounds(item, *map(ctypes.byref, edges)):
        return False
    left, bottom, right, top = (edge.value for edge in edges)
    if right <= left or top <= bottom:
        return False  # a font that does not tell its boxes
    clip = pdfium_c.FPDFPageObj_GetClipPath(item)
    x, y = ctypes.c_float(), ctypes.c_float()
    for path in range(pdfium_c.FPDFClipPath_CountPaths(clip)):
        points: list[tuple[float, float]] = []
        for index in range(pdfium_c.FPDFClipPath_CountPathSegments(clip, path)):
            segment = pdfium_c.FPDFClipPath_GetPathSegment(clip, path, index)
            if pdfium_c.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y)):
                points.append((x.value, y.value))
        if points:
            left, right = max(left, min(p[0] for p in points)), min(right, max(p[0] for p in points))
            bottom, top = max(bottom, min(p[1] for p in points)), min(top, max(p[1] for p in points))
    return right <= left or top <= bottom


def visible_words(page: pdfium.PdfPage, textpage: pdfium.PdfTextPage, words: list[Word]) -> list[Word]:
    """Returns the words that a person sees, in their order; the same list when that is all of them."""
    left, bottom, right, top = page.get_bbox()
    objects = _Objects(textpage)
    doubtful: dict[int, _Looks] = {}
    for index, word in enumerate(words):
        text, x0, y0, x1, y1, first, _ = word
        if not (left <= (x0 + x1) / 2 <= right and bottom <= (y0 + y1) / 2 <= top):
            doubtful[index] = "outside"
            continue
        looks = objects.looks(first)
        if looks != "plain":
            # A sign without paint names a drawing in its place.
            if looks != "clipped" or any(map(str.isalnum, text)):
                doubtful[index] = looks
        elif y1 - y0 < _SMALLEST or (x1 - x0 < _SMALLEST and len(text) > 1):
            doubtful[index] = "tiny"
    for index in covered_words(page, textpage, words) - doubtful.keys():
        doubtful[index] = "light"
    if not doubtful:
        return words
    kinds = set(doubtful.values())
    seen: set[int] = set()
    if "unseen" in kinds:
        seen |= _recognised(page, words, [n for n, looks in doubtful.items() if looks == "unseen"])
    tiny = {index for index, looks in doubtful.items() if looks == "tiny"}
    if 10 * len(tiny) >= 9 * len(words):
        seen |= tiny
    if "light" in kinds:
        light = [n for n, looks in doubtful.items() if looks == "light"]
        picture = _Picture(page, [words[n] for n in light])
        seen |= {n for n in light if picture.shows(words[n], objects.luminance(words[n][5]))}
    hidden = doubtful.keys() - seen
    return [word for index, word in enumerate(words) if index not in hidden] if hidden else words


def _recognised(page: pdfium.PdfPage, words: Sequence[Word], unseen: Sequence[int]) -> set[int]:
    """Returns which of the invisible words belong to an OCR layer: most of what lies on a picture, or nearly all words
    of a page that shows ink in their places.
    """
    width, height = page.get_size()
    found: set[int] = set()
    invisible = frozenset(unseen)
    for item in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        box = item.get_bounds()
        if (box[2] - box[0]) * (box[3] - box[1]) < _PICTURE_SHARE * width * height:
            continue
        over = {index for index, word in enumerate(words) if _lies_in(word, box)}
        if 2 * len(over & invisible) >= len(over):
            found |= over & invisible
    rest = invisible - found
    if len(rest) * 5 >= len(words) * 4:
        picture = _Picture(page, [words[n] for n in rest])
        found |= {index for index in rest if picture.has_ink(words[index])}
    return found


def _lies_in(word: Word, box: tuple[float, float, float, float]) -> bool:
    x, y = (word[1] + word[3]) / 2, (word[2] + word[4]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


class _Picture:
    """The part of a page that holds some words, as it is shown, in shades of grey."""

    def __init__(self, page: pdfium.PdfPage, words: Sequence[Word]) -> None:
        self._place = Placement.displayed_page(page)
        boxes = [self._place.place(*word[1:5]) for word in words]
        width, height = page.get_size()
        self._left = max(0.0, min(box[0] for box in boxes) - 1)
        self._top = max(0.0, min(box[1] for box in boxes) - 1)
        right = max(0.0, width - max(box[2] for box in boxes) - 1)
        bottom = max(0.0, height - max(box[3] for box in boxes) - 1)
        area = (width - self._left - right) * (height - self._top - bottom)
        self._scale = min(_SCALE, (_MAX_PIXELS / max(area, 1.0)) ** 0.5)
        picture = page.render(
            scale=self._scale, crop=(self._left, bottom, right, self._top), grayscale=True, may_draw_forms=False
        )
        self._pixels, self._stride = bytes(picture.buffer), picture.stride
        self._width, self._height = picture.width, picture.height

    def shows(self, word: Word, luminance: float) -> bool:
        """Tells whether paint of this luminance can be told from what is around it."""
        away = sorted(abs(pixel - luminance) for pixel in self._box(word))
        if not away:
            return False
        different = len(away) - bisect_right(away, _SAME)
        return different >= _INK * len(away) and away[0] < 0.6 * away[len(away) // 2]

    def has_ink(self, word: Word) -> bool:
        box = self._box(word)
        return bool(box) and max(box) - min(box) > 4 * _SAME

    def _box(self, word: Word) -> bytes:
        """Returns the pixels of a word, one byte each, row by row."""
        x0, y0, x1, y1 = self._place.place(*word[1:5])
        left, right = (min(self._width, max(0, int((x - self._left) * self._scale))) for x in (x0, x1))
        top, bottom = (min(self._height, max(0, int((y - self._top) * self._scale))) for y in (y0, y1))
        starts = (row * self._stride for row in range(top, bottom))
        return b"".join(self._pixels[start + left : start + right] for start in starts)
