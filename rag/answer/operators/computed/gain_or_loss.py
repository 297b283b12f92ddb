"""Says whether there was a profit or a loss, by the sign of the income that a table gives.

"Did Intel make a profit in the second quarter of 2023?" is the net income of that quarter, and yes where it is above
zero; "operating" asks for the operating income.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answer.operators.computed.lookup import look_up_cells
from rag.answer.operators.tables.grid import Grid
from rag.answer.operators.worked import Statement, Worked, row_source
from rag.protocols import Embedder
from rag.query.query import make_query
from rag.types import Query

_WHETHER = re.compile(
    r"^\W*(?:and |so )?(?:is|are|was|were|do|does|did|has|have|had)\b(?P<rest>.*)$", re.IGNORECASE | re.DOTALL
)
_GAIN = re.compile(
    r"\b(?:(?:make|made|earn|earned|report|post|have|had|turn)\s+)?(?:an?\s+|any\s+)?(?:(?:net|operating)\s+)?"
    r"(?:profits?|profitable|profitably|income)\b|\bin the black\b",
    re.IGNORECASE,
)
_LOSS = re.compile(
    r"\b(?:(?:make|made|report|post|have|had|suffer)\s+)?(?:an?\s+|any\s+)?(?:(?:net|operating)\s+)?"
    r"(?:loss|losses|unprofitable)\b|\b(?:lose|lost|losing)\s+money\b|\bin the red\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\bnot\b|n['’]t\b|\bthan\b|\bor\b", re.IGNORECASE)


def gain_or_loss(query: Query, grids: Sequence[Grid], embedder: Embedder) -> Worked | None:
    """ "Yes" or "No" with the value that decides it; None for other questions and where several values differ."""
    whether = _WHETHER.match(query.text)
    asked = (_LOSS.search(query.text) or _GAIN.search(query.text)) if whether is not None else None
    if whether is None or asked is None or _NOT.search(query.text):
        return None
    measure = "operating income" if "operating" in query.text.casefold() else "net income"
    rest = whether["rest"].replace(asked[0], " ").rstrip("? ")
    cells = look_up_cells(
        replace(make_query(f"What was the {measure} of {rest}?"), history=query.history), grids, embedder
    )
    values = [found.line.cells[found.column].value for found in cells if found.column is not None]
    signs = {value.number > 0 for value in values if value is not None and value.number != 0}
    if not values or len(values) != len(cells) or len(signs) != 1:
        return None
    is_loss = _LOSS.search(asked[0]) is not None
    says = "Yes" if signs == {not is_loss} else "No"
    best = cells[0]
    assert best.column is not None
    text = f"{says}: {best.grid.said(best.line, best.column)}."
    return Worked((Statement(text, (row_source(best.grid, best.line),)),), best.covered)
