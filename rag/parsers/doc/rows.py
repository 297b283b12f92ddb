"""Reads what the end of a row says of its cells ([MS-DOC] sprmTDefTable): where they end and which are merged."""

import struct

from rag.parsers.doc.modifiers import raw_modifiers
from rag.parsers.tables.edges import Edge, Mark, RowShape

_SPRM_DEFINITION, _SPRM_HEADER = 0xD608, 0x3404
_CELL_BYTES = 20  # TC80 (2.9.314)
_MERGED = 0x0003  # with a neighbour in the row, whichever of them is the first
_GOES_ON_ABOVE, _BEGINS_ABOVE = 0x0020, 0x0040
_MAX_CELLS = 64


def row_shape(data: bytes) -> RowShape:
    """Returns the shape of a row from its modifiers, without edges where they do not say."""
    edges: tuple[Edge, ...] = ()
    is_header = False
    for operation, operand in raw_modifiers(data, 2):
        if operation == _SPRM_DEFINITION:
            edges = _edges(operand)
        elif operation == _SPRM_HEADER:
            is_header = any(operand)
    return RowShape(edges, is_header)


def _edges(operand: bytes) -> tuple[Edge, ...]:
    """Reads TDefTableOperand (2.9.321): the number of cells, the positions of their edges, the cells."""
    if not operand or not 0 < operand[0] <= _MAX_CELLS or len(operand) < 3 + 2 * operand[0]:
        return ()
    count = operand[0]
    positions = struct.unpack_from(f"<{count + 1}h", operand, 1)
    at = 1 + 2 * (count + 1)
    flags = [
        struct.unpack_from("<H", operand, at + _CELL_BYTES * cell)[0]
        for cell in range(count)
        if at + _CELL_BYTES * cell + 2 <= len(operand)
    ]
    flags += [0] * (count - len(flags))
    made: list[Edge] = []
    for cell, flag in enumerate(flags):
        marks: set[Mark] = set()
        if flag & _MERGED and cell and flags[cell - 1] & _MERGED and flag & _MERGED != flags[cell - 1] & _MERGED:
            marks.add("clmrg")
        if flag & _BEGINS_ABOVE:
            marks.add("clvmgf")
        elif flag & _GOES_ON_ABOVE:
            marks.add("clvmrg")
        made.append(Edge(positions[cell + 1], frozenset(marks)))
    return tuple(made)
