"""Tells how OpenDocument shows a stretch of text by its style: hidden, white on white, raised or lowered."""

from collections.abc import Iterable
from dataclasses import dataclass

from rag.parsers.raised import Align
from rag.parsers.zip_xml import Element

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
TEXT, STYLE = _NS % "text", _NS % "style"
FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_MAX_INHERITANCE = 20


@dataclass(frozen=True, slots=True)
class Look:
    """None: the style does not say, and what is around counts."""

    hidden: bool | None = None
    white: bool | None = None
    grounded: bool | None = None
    align: Align | None = None

    def over(self, around: "Look") -> "Look":
        """This look where it says something, that of ``around`` elsewhere."""
        return Look(
            around.hidden if self.hidden is None else self.hidden,
            around.white if self.white is None else self.white,
            around.grounded if self.grounded is None else self.grounded,
            around.align if self.align is None else self.align,
        )

    @property
    def unseen(self) -> bool:
        return bool(self.hidden) or (bool(self.white) and not self.grounded)


class Looks:
    """The styles of text and paragraphs, by family and name. ``on_paper``: what is behind text is white where no style
    says otherwise; on slides nothing is known of it."""

    def __init__(self, roots: Iterable[Element], *, on_paper: bool = True) -> None:
        self._on_paper = on_paper
        self._styles: dict[tuple[str, str], Element] = {}
        for root in roots:
            for style in root.iter(f"{STYLE}style"):
                key = str(style.get(f"{STYLE}family", "")), str(style.get(f"{STYLE}name", ""))
                self._styles[key] = style
        self._known: dict[tuple[str, str], Look] = {}

    def of(self, family: str, name: str) -> Look:
        """Returns the look of a style ("text" or "paragraph"), its ancestors included."""
        key = family, name
        if key not in self._known:
            look = Look()
            seen = 0
            while name and seen < _MAX_INHERITANCE and (style := self._styles.get((family, name))) is not None:
                look = look.over(_own(style, on_paper=self._on_paper))
                name, seen = str(style.get(f"{STYLE}parent-style-name", "")), seen + 1
            self._known[key] = look
        return self._known[key]

    def outline_name(self, name: str) -> str:
        """Returns the name of the named style behind an automatic one."""
        for _ in range(_MAX_INHERITANCE):
            style = self._styles.get(("paragraph", name))
            parent = style.get(f"{STYLE}parent-style-name") if style is not None else None
            if style is None or not parent or not name.startswith("P") or not name[1:].isdecimal():
                return name
            name = str(parent)
        return name


def _own(style: Element, *, on_paper: bool) -> Look:
    letters, paragraph = style.find(f"{STYLE}text-properties"), style.find(f"{STYLE}paragraph-properties")
    grounds = [one.get(f"{FO}background-color") for one in (letters, paragraph) if one is not None]
    stated = [ground for ground in grounds if ground is not None]
    grounded = any(ground.lower() not in ("transparent", "#ffffff") for ground in stated) if stated else None
    if letters is None:
        return Look(grounded=grounded)
    display, color = letters.get(f"{TEXT}display"), letters.get(f"{FO}color")
    return Look(
        None if display is None else display == "none",
        None if color is None else on_paper and color.lower() == "#ffffff",
        grounded,
        _align(letters.get(f"{STYLE}text-position")),
    )


def _align(position: str | None) -> Align | None:
    """Reads "super 58%", "sub 58%", "33% 58%", "-33% 58%"."""
    if not position:
        return None
    first = position.split()[0]
    if first in ("super", "sub"):
        return "super" if first == "super" else "sub"
    try:
        height = float(first.rstrip("%"))
    except ValueError:
        return None
    return "super" if height > 0 else "sub" if height < 0 else ""
