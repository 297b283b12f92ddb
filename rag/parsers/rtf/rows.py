r"""Reads the shape of RTF's rows: in \trowd, the right edges of the cells with the marks of merged ones."""

from dataclasses import dataclass, field
from typing import get_args

from rag.parsers.tables.edges import Edge, Mark, RowShape

_MARKS: dict[str, Mark] = {mark: mark for mark in get_args(Mark)}


@dataclass(slots=True)
class RowLayout:
    """The row definition that counts for the next row."""

    edges: list[Edge] = field(default_factory=list)
    is_header: bool = False
    _marks: set[Mark] = field(default_factory=set)

    @property
    def shape(self) -> RowShape:
        return RowShape(tuple(self.edges), self.is_header)

    def take(self, word: str, number: int | None) -> None:
        """Takes a control word that may describe a row or a cell."""
        if word == "trowd":
            self.edges, self.is_header = [], False
            self._marks.clear()
        elif word == "trhdr":
            self.is_header = True
        elif word in _MARKS:
            self._marks.add(_MARKS[word])
        elif word == "cellx":
            self.edges.append(Edge(number or 0, frozenset(self._marks)))
            self._marks.clear()
