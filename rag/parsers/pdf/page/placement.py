"""Words of a page as PDFium tells them, and where a point of the page lies once it is cropped and turned."""

from dataclasses import dataclass

import pypdfium2 as pdfium

Word = tuple[str, float, float, float, float, int, bool]
"""Text, then x0, y0, x1, y1 in the page's own space (y upwards), the first character's index, whether a line begins."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a point of the page's own space lies once it is cropped and turned clockwise; y then runs downwards.

    ``mirrored``: x runs from the right edge to the left, as lines of right-to-left scripts do.
    """

    left: float
    bottom: float
    right: float
    top: float
    rotation: int
    mirrored: bool = False

    @staticmethod
    def displayed_page(page: pdfium.PdfPage) -> "Placement":
        """Returns the page as a viewer shows it."""
        return Placement.of(page, page.get_rotation())

    @staticmethod
    def of(page: pdfium.PdfPage, rotation: int, *, mirrored: bool = False) -> "Placement":
        left, bottom, right, top = page.get_bbox()
        return Placement(left, bottom, right, top, rotation, mirrored)

    @property
    def width(self) -> float:
        return self.right - self.left if self.rotation in (0, 180) else self.top - self.bottom

    @property
    def height(self) -> float:
        return self.top - self.bottom if self.rotation in (0, 180) else self.right - self.left

    def place(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        if self.mirrored:
            return self.right - x1, self.top - y1, self.right - x0, self.top - y0
        if self.rotation == 90:
            return y0 - self.bottom, x0 - self.left, y1 - self.bottom, x1 - self.left
        if self.rotation == 180:
            return self.right - x1, y0 - self.bottom, self.right - x0, y1 - self.bottom
        if self.rotation == 270:
            return self.top - y1, self.right - x1, self.top - y0, self.right - x0
        return x0 - self.left, self.top - y1, x1 - self.left, self.top - y0
