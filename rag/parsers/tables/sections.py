"""Finds the headings within a table, under which its rows stand: "Cost of sales" over "Products" and "Services"."""

import math
from collections.abc import Collection, Sequence

_SAME_INDENT = 1.5  # points
_LONGEST_SECTION = 120  # characters
_LONGEST_NAME = 80  # of one section; a longer line is a note


def sections_of(
    rows: Sequence[Sequence[str]], across: Collection[int], first: int, indents: Sequence[float | None]
) -> tuple[str, ...]:
    """The section of each row, "" for none; empty where none has one. ``across`` are rows of one cell over all columns,
    ``first`` is the first row below the header; ``indents`` say how far to the right a row's name begins, if known.

    A section begins with a row of one cell and holds the rows up to the next one, or with a name without values and
    holds the rows that begin further to the right; where the next row does not, those up to the next such name.
    Sections stand in sections.
    """
    found = [""] * len(rows)
    begun: list[tuple[str, float, bool]] = []  # name, indent, whether its rows begin as far to the left
    for at in range(first, len(rows)):
        row, indent = rows[at], indents[at] if indents else None
        if at in across:
            name = next(filter(None, row), "").rstrip(" :,")
            begun = [(name, -math.inf, False)] if len(name) <= _LONGEST_NAME and not name.endswith(".") else []
        elif any(row[1:]):
            while begun and indent is not None and indent <= begun[-1][1] + _SAME_INDENT:
                if begun[-1][2] and indent >= begun[-1][1] - _SAME_INDENT:
                    break
                begun.pop()
            found[at] = _path([name for name, _, _ in begun])
        elif indent is not None:
            below = indents[at + 1] if at + 1 < len(rows) else None
            level = below is not None and abs(below - indent) <= _SAME_INDENT
            flat = level and any(rows[at + 1][1:])
            holds_next = level and not flat  # the next section may stand in this one
            while begun and indent <= begun[-1][1] + (3 if holds_next else 1) * _SAME_INDENT:
                begun.pop()
            if holds_next and (at == first or row[0].endswith(":") or row[0].isupper()):
                indent -= 2 * _SAME_INDENT
            begun.append((row[0].rstrip(" :,"), indent, flat))
    return tuple(found) if any(found) else ()


def _path(names: Sequence[str]) -> str:
    """Names of sections, the outermost first, as many of the inner ones as are not too long."""
    path = ""
    for name in reversed(names):
        longer = f"{name}: {path}" if path else name
        if path and len(longer) > _LONGEST_SECTION:
            break
        path = longer
    return path
