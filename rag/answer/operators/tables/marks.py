"""Columns whose cells say yes or no, in words or by a mark, and the rows where they say yes."""

from rag.answer.operators.tables.grid import Grid, Line

_YES = frozenset(["yes", "y", "x", "true", "ja", "oui", "sí", "si", "wahr", "✓", "✔", "☑", "✅"])
_NO = frozenset(["no", "n", "false", "nein", "non", "falsch", "✗", "✘", "☐", "❌", "-", "–", "—"])


def says_yes(text: str) -> bool | None:
    """Whether a cell says yes; None where it says something else than yes or no."""
    plain = text.strip().casefold()
    return True if plain in _YES else False if plain in _NO else None


def is_of_marks(grid: Grid, column: int) -> bool:
    """Whether some cells of a column say yes, and all others no or nothing."""
    said = [says_yes(line.cells[column].text) for line in grid.lines if column in line.cells]
    return True in said and None not in said


def marked_lines(grid: Grid, column: int) -> tuple[Line, ...]:
    """The rows where such a column says yes."""
    return tuple(line for line in grid.lines if column in line.cells and says_yes(line.cells[column].text))
