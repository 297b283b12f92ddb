"""Tables and forms in the shapes in which the parsers write them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

Places = dict[tuple[int, int], tuple[int, int]]  # (row, column) -> where its value stands in the text


@dataclass(frozen=True)
class Sheet:
    """Rows [name, value of each column]. ``shape``: "table" with a header row, "sheet" with the column's name at every
    value, "form" with a line for each value, "line" with a sentence for each row. ``head`` names the first column."""

    shape: str
    head: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    lead: str = ""

    def written(self) -> tuple[str, Places]:
        text = f"{self.lead}\n\n" if self.lead else ""
        places: Places = {}
        if self.shape in ("table", "sheet"):
            text += " | ".join((self.head, *self.columns)) + "\n"
        for at, (name, *cells) in enumerate(self.rows):
            text += self._name(name)
            for column, (label, cell) in enumerate(zip(self.columns, cells, strict=True)):
                text += self._joint(label, first=column == 0)
                places[at, column] = (len(text), len(text) + len(cell))
                text += cell + ("\n" if self.shape == "form" else "")
            text += ".\n" if self.shape == "line" else "\n"
        return text.rstrip(), places

    def _name(self, name: str) -> str:
        if self.shape == "table":
            return name
        if self.shape == "line":
            return name[:1].upper() + name[1:]
        return f"{self.head}: {name}" + ("\n" if self.shape == "form" else "")

    def _joint(self, label: str, *, first: bool) -> str:
        """What stands in front of a value."""
        if self.shape == "line":
            return f"{': ' if first else ', '}{label.lower()} "
        return {"table": " | ", "sheet": f" | {label}: ", "form": f"{label}: "}[self.shape]

    def without_row(self, at: int) -> "Sheet":
        return replace(self, rows=[*self.rows[:at], *self.rows[at + 1 :]])

    def without_column(self, column: int) -> "Sheet":
        rows = [[*row[: column + 1], *row[column + 2 :]] for row in self.rows]
        return replace(self, columns=[*self.columns[:column], *self.columns[column + 1 :]], rows=rows)
