"""Defines a rectangle on a page of a PDF."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on ``page`` (from 1), in points from the top left corner."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
