"""Recognises text on pages that are pictures, by the optional package ``rapidocr`` (the ``ocr`` extra).

The package brings its models; nothing is downloaded. Without it ``is_available()`` is false and ``REMEDY`` says what
to install. Boxes are in points from the top left of the page as displayed, as those of ``words``.
"""

import functools
import importlib.util
from typing import Any

import pypdfium2 as pdfium

from docent import install_extra
from rag.parsers.pdf.page.characters import clean
from rag.parsers.pdf.page.placement import Placement
from rag.parsers.pdf.words.fragments import Fragment, PageText

REMEDY = f"To read scanned pages, run: {install_extra('ocr')}"
_SCALE = 200 / 72
"""Pixels for a point: 200 dots an inch."""
_MAX_PIXELS = 12_000_000
_MIN_CONFIDENCE = 0.5
_PADDING = 0.3
"""The detector draws its boxes wider than the words, by this share of their height at either end."""


@functools.cache
def is_available() -> bool:
    return importlib.util.find_spec("rapidocr") is not None


@functools.cache
def _engine() -> Any:
    import logging

    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.WARNING)
    return RapidOCR(params={"Global.log_level": "warning"})


def read_page(page: pdfium.PdfPage, number: int) -> PageText:
    """Recognises the text in the picture of one page. The caller holds ``rag.parsers.pdf.page.open_pdf.LOCK``."""
    width, height = page.get_size()
    scale = min(_SCALE, (_MAX_PIXELS / max(width * height, 1.0)) ** 0.5)
    picture = page.render(scale=scale).to_numpy()
    result = _engine()(picture)
    fragments: list[Fragment] = []
    found = () if result.boxes is None else zip(result.boxes, result.txts, result.scores, strict=True)
    for corners, text, confidence in found:
        text = " ".join(clean(text).split())
        if confidence < _MIN_CONFIDENCE or not text:
            continue
        xs = [float(corner[0]) / scale for corner in corners]
        ys = [float(corner[1]) / scale for corner in corners]
        height = max(ys) - min(ys)
        pad = min(_PADDING * height, (max(xs) - min(xs)) / 4)
        x0, x1 = min(xs) + pad, max(xs) - pad
        fragments.append(Fragment(text, x0, min(ys), x1, max(ys), 0.75 * height, False, len(fragments)))
    characters = sum(len(fragment.text) for fragment in fragments)
    return PageText(number, width, height, fragments, (), characters, Placement.displayed_page(page))
