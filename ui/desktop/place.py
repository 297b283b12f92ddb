"""Where Docent's own window stood when it was last used, kept in a small file of the data folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from files import replace_text

_SMALLEST, _LARGEST = 200, 20_000  # pixels
WIDTH, HEIGHT = 1360, 900


@dataclass(frozen=True, slots=True)
class Place:
    """A window's left upper corner on the desktop and its outer size, in pixels. Without a corner (None) the desktop
    chooses one."""

    width: int = WIDTH
    height: int = HEIGHT
    x: int | None = None
    y: int | None = None

    @property
    def is_sane(self) -> bool:
        """Whether a window can be that large and lie there; one on the left of the first screen is below zero."""
        return all(_SMALLEST <= size <= _LARGEST for size in (self.width, self.height)) and all(
            at is None or abs(at) <= _LARGEST for at in (self.x, self.y)
        )


def read_place(file: Path) -> Place:
    """The kept place; the first one where none is kept, or something else lies there."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        corner = [None if kept[name] is None else int(kept[name]) for name in ("x", "y")]
        place = Place(int(kept["width"]), int(kept["height"]), *corner)
    except (OSError, ValueError, TypeError, KeyError):
        return Place()
    return place if place.is_sane else Place()


def keep_place(file: Path, place: Place) -> None:
    """Raises OSError."""
    if place.is_sane:
        replace_text(file, json.dumps(asdict(place)))
