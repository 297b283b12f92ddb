"""Divides a parsed document into chunks of about 220 tokens that follow its structure.

The text is cut into units that should stay whole (a heading, a sentence, a list item, a table row, a line of code),
and the cheapest division of the units into chunks is found by dynamic programming. ``_Costs`` prices a chunk far from
the target size, a cut within a paragraph, a heading left alone, and two sections in one chunk.

Chunks do not overlap, are in order, and cover everything that is not white space, except blocks of the kinds in
``LEFT_OUT``. ``chunk.text == document.text[chunk.start:chunk.end]`` always. The time is linear in the length of the
document, whatever its lines, words and tables are like, and beyond the document a few windows of it are held at a time.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.ingest.chunks.cheapest_cuts import runs
from rag.ingest.chunks.table_headers import PartHeaders, cell_stretches, header_of
from rag.text.context import shortened
from rag.text.definition_lists import terms_in
from rag.text.sentences import split_sentences
from rag.text.table_spans import TableRow
from rag.types import Block, BlockKind, Chunk, CountTokens, ParsedDocument

TARGET_TOKENS = 220
LEFT_OUT: frozenset[BlockKind] = frozenset({"contents", "hidden"})
"""Kinds of blocks that stand in no chunk."""

_MIN_UNIT = 6  # tokens; smaller neighbours of one paragraph are joined before the search, which bounds its width
_CHARS_PER_TOKEN = 10  # a text is never counted shorter than this: long runs of one character are a single token
_WINDOW_PIECES = 4096  # counted together, of at most so many characters:
_WINDOW_CHARS = 1 << 16
_MAX_DEPTH = 16  # headings above a chunk
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_WORD_RUN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class _Costs:
    """Prices of a division. A chunk of half the target size costs 0.25."""

    inside_paragraph: float = 0.12
    inside_table: float = 0.03
    beside_part_of_row: float = 4.0  # another row in the chunk of a part of a wide row
    after_heading: float = 2.0
    joined_sections: float = 0.55
    joined_chapters: float = 1.2  # the next section stands higher in the outline than the one before


_COSTS = _Costs()


@dataclass(frozen=True, slots=True)
class _Unit:
    """A stretch that is never divided.

    ``seam`` prices a cut in front of it, ``join`` keeping it with what stands before (infinite where something that is
    left out stands between).
    """

    start: int
    end: int
    tokens: int
    block: Block
    path: tuple[str, ...]
    seam: float
    join: float
    header: str = ""  # of the table whose later row this is, or of the part of a row
    is_part: bool = False  # of a row


def chunk_document(
    document: ParsedDocument, count_tokens: CountTokens, target_tokens: int = TARGET_TOKENS
) -> list[Chunk]:
    """Returns the chunks of a document, with ``document_id`` 0 and ordinals from 0."""
    return list(iter_chunks(document, count_tokens, target_tokens))


def iter_chunks(document: ParsedDocument, count_tokens: CountTokens, target_tokens: int) -> Iterator[Chunk]:
    """Yields the same, one after the other."""
    units = _units(document, count_tokens, target_tokens)
    for ordinal, run in enumerate(runs(units, target_tokens)):
        yield _chunk(document.text, run, ordinal)


def _chunk(text: str, units: Sequence[_Unit], ordinal: int) -> Chunk:
    first, last = units[0], units[-1]
    path = first.path
    for unit in units[1:]:
        while unit.path[: len(path)] != path:
            path = path[:-1]
    timed = [unit.block for unit in units if unit.block.start_s is not None]
    ends = [block.end_s for block in timed if block.end_s is not None]
    return Chunk(
        document_id=0,
        ordinal=ordinal,
        start=first.start,
        end=last.end,
        text=text[first.start : last.end],
        heading_path=(*path, first.header) if first.header else path,
        page=first.block.page,
        page_label=first.block.page_label,
        start_s=timed[0].start_s if timed else None,
        end_s=max(ends) if ends else None,
    )


# -- units -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a block that is a unit unless it is too long. ``header`` stands above it in its table."""

    start: int
    end: int
    block: Block
    path: tuple[str, ...]
    header: str = ""
    row: TableRow | None = None


def _units(document: ParsedDocument, count_tokens: CountTokens, target: int) -> Iterator[_Unit]:
    text = document.text
    last: _Unit | None = None
    for window in _windows(_all_pieces(document)):
        for (piece, is_apart), tokens in zip(window, _counts(text, window, count_tokens, target), strict=True):
            for number, (start, end, part_tokens, header) in enumerate(
                _parts(text, piece, tokens, count_tokens, target)
            ):
                is_part = piece.row is not None and tokens > target
                unit = _priced(last, piece, (start, end, part_tokens), header, is_part=is_part)
                if last is not None and _is_said_of(text, last, unit):
                    unit = replace(unit, seam=_COSTS.after_heading)
                if number == 0 and is_apart:
                    unit = replace(unit, join=math.inf)
                elif last is not None and _belong_together(last, unit) and not _begins_entry(text, last, unit):
                    last = _joined(last, unit)
                    continue
                if last is not None:
                    yield last
                last = unit
    if last is not None:
        yield last


def _all_pieces(document: ParsedDocument) -> Iterator[tuple[_Piece, bool]]:
    """Yields the pieces of all blocks that are not left out, and whether something left out stands in front of each."""
    is_apart = False
    for block, path in _outline(document):
        if block.kind in LEFT_OUT:
            is_apart = True
            continue
        for piece in _pieces(document.text, block, path):
            yield piece, is_apart
            is_apart = False


def _windows(pieces: Iterable[tuple[_Piece, bool]]) -> Iterator[list[tuple[_Piece, bool]]]:
    window: list[tuple[_Piece, bool]] = []
    held = 0
    for item in pieces:
        window.append(item)
        held += item[0].end - item[0].start
        if held >= _WINDOW_CHARS or len(window) >= _WINDOW_PIECES:
            yield window
            window, held = [], 0
    if window:
        yield window


def _counts(text: str, window: Sequence[tuple[_Piece, bool]], count_tokens: CountTokens, target: int) -> list[int]:
    """The tokens of each piece. One that is too long however they are counted is not tokenised."""
    lengths = [piece.end - piece.start for piece, _ in window]
    counts = [length // _CHARS_PER_TOKEN for length in lengths]
    short = [index for index, least in enumerate(counts) if least <= target]
    texts = [text[window[index][0].start : window[index][0].end] for index in short]
    for index, tokens in zip(short, _count(count_tokens, texts), strict=True):
        counts[index] = tokens
    return counts


def _parts(
    text: str, piece: _Piece, tokens: int, count_tokens: CountTokens, target: int
) -> Iterator[tuple[int, int, int, str]]:
    """Yields (start, end, tokens, header) of the parts of at most ``target`` tokens that a piece is divided into."""
    if tokens <= target:
        yield piece.start, piece.end, tokens, piece.header
        return
    table = piece.block.table
    if piece.row is None or table is None:
        for part in _divided(text, _words(text, piece.start, piece.end), count_tokens, target):
            yield *part, piece.header
        return
    headers = PartHeaders(text, table, piece.row)
    cells = (_trimmed(text, *stretch) for stretch in cell_stretches(piece.row))
    for start, end, part_tokens in _divided(text, cells, count_tokens, target):
        yield start, end, part_tokens, headers.of(start, end)


def _outline(document: ParsedDocument) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """Yields the blocks with the headings they stand under (a heading stands under itself), without white space around
    them; text that no block covers comes as a paragraph."""
    text = document.text
    headings: list[tuple[int, str]] = []
    position = 0
    for block in (*document.blocks, Block(len(text), len(text))):
        start, end = max(block.start, position), max(block.end, position)
        for given, first, last in ((Block(position, start), position, start), (block, start, end)):
            first, last = _trimmed(text, first, last)
            if given is block and block.kind == "heading" and (block.label or first < last):
                while headings and headings[-1][0] >= max(1, block.level):
                    headings.pop()
                if len(headings) == _MAX_DEPTH:
                    del headings[_MAX_DEPTH // 2]
                headings.append((max(1, block.level), shortened(block.label or text[first:last])))
            if first < last:
                yield replace(given, start=first, end=last), tuple(label for _, label in headings)
        position = end


def _pieces(text: str, block: Block, path: tuple[str, ...]) -> Iterator[_Piece]:
    """Yields what a block may be cut into: rows of tables, lines of lists and code, sentences of all else."""
    if block.table is not None:
        above: dict[str, str] = {}  # by the heading within the table
        for row in block.table.rows:
            start, end = _trimmed(text, max(row.start, block.start), min(row.end, block.end))
            if start < end:
                if row.section not in above:
                    above[row.section] = header_of(block.table, row.section)
                yield _Piece(start, end, block, path, "" if row.is_header else above[row.section], row)
        return
    header = shortened(_first_line(text, block)) if block.kind == "table" else ""
    for start, end in _spans(text, block):
        yield _Piece(start, end, block, path, header if start > block.start else "")


def _spans(text: str, block: Block) -> list[tuple[int, int]]:
    """Returns the spans that a block may be cut into: lines of tables, lists and code, sentences of all else."""
    if block.kind == "heading":
        return [(block.start, block.end)]
    if block.kind in ("table", "list", "code"):
        lines = (_trimmed(text, *found.span()) for found in _LINE.finditer(text, block.start, block.end))
        return [(start, end) for start, end in lines if start < end]
    spans = split_sentences(text[block.start : block.end])
    return [(block.start + start, block.start + end) for start, end in spans]


def _divided(
    text: str, stretches: Iterable[tuple[int, int]], count_tokens: CountTokens, target: int
) -> Iterator[tuple[int, int, int]]:
    """Divides a unit longer than the target, given as words or cells, into parts of whole ones as long as they fit; a
    longer cell into words, a longer word into equal parts."""
    open_start = open_end = held = 0
    for (first, last), tokens in _counted(text, stretches, count_tokens):
        if held and held + tokens > target:
            yield open_start, open_end, held
            held = 0
        if tokens > target:
            yield from _divided_stretch(text, first, last, tokens, count_tokens, target)
            continue
        if not held:
            open_start = first
        open_end, held = last, held + tokens
    if held:
        yield open_start, open_end, held


def _divided_stretch(
    text: str, first: int, last: int, tokens: int, count_tokens: CountTokens, target: int
) -> Iterator[tuple[int, int, int]]:
    """Divides a word, or a cell of several words, that is longer than the target."""
    words = _words(text, first, last)
    found = next(words, None)
    if found is None or found == (first, last):
        yield from _cut(first, last, tokens, target)
    else:
        yield from _divided(text, _words(text, first, last), count_tokens, target)


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields the words; what is longer than a window comes in several pieces."""
    for found in _WORD_RUN.finditer(text, start, end):
        for first in range(found.start(), found.end(), _WINDOW_CHARS):
            yield first, min(first + _WINDOW_CHARS, found.end())


def _counted(
    text: str, stretches: Iterable[tuple[int, int]], count_tokens: CountTokens
) -> Iterator[tuple[tuple[int, int], int]]:
    """Yields stretches with their tokens, counted a window at a time; what is longer than one counts as its length."""
    window: list[tuple[int, int]] = []
    held = 0
    for stretch in stretches:
        window.append(stretch)
        held += stretch[1] - stretch[0]
        if held >= _WINDOW_CHARS or len(window) >= _WINDOW_PIECES:
            yield from _counted_window(text, window, count_tokens)
            window, held = [], 0
    yield from _counted_window(text, window, count_tokens)


def _counted_window(
    text: str, window: Sequence[tuple[int, int]], count_tokens: CountTokens
) -> Iterator[tuple[tuple[int, int], int]]:
    long = {stretch for stretch in window if stretch[1] - stretch[0] > _WINDOW_CHARS}
    counts = iter(_count(count_tokens, [text[first:last] for first, last in window if (first, last) not in long]))
    for stretch in window:
        yield stretch, (stretch[1] - stretch[0] if stretch in long else next(counts))


def _cut(first: int, last: int, tokens: int, target: int) -> Iterator[tuple[int, int, int]]:
    """Cuts one word into equal parts."""
    parts = -(-tokens // target)
    edges = [first + (last - first) * n // parts for n in range(parts + 1)]
    for left, right in pairwise(edges):
        yield left, right, -(-tokens // parts)


def _count(count_tokens: CountTokens, texts: Sequence[str]) -> list[int]:
    counts = count_tokens(texts) if texts else []
    return [max(1, count, len(text) // _CHARS_PER_TOKEN) for text, count in zip(texts, counts, strict=True)]


def _priced(before: _Unit | None, piece: _Piece, span: tuple[int, int, int], header: str, *, is_part: bool) -> _Unit:
    """The unit at ``span`` (start, end, tokens), with the prices of a cut in front of it and of none."""
    start, end, tokens = span
    seam = join = 0.0
    block = piece.block
    if before is None:
        pass
    elif before.block.kind == "heading" or (before.block.kind == "caption" and block.kind == "table"):
        seam = _COSTS.after_heading
    elif before.path != piece.path:
        join = _COSTS.joined_chapters if len(piece.path) < len(before.path) else _COSTS.joined_sections
    elif (before.is_part or is_part) and start > block.start and not _in_row(before, piece):
        join = _COSTS.beside_part_of_row
    elif before.block.start == block.start:
        seam = _COSTS.inside_table if block.kind in ("table", "list", "code") else _COSTS.inside_paragraph
    return _Unit(start, end, tokens, block, piece.path, seam, join, header, is_part)


def _is_said_of(text: str, before: _Unit, unit: _Unit) -> bool:
    """Whether a paragraph follows the term that it explains, in a manual or glossary."""
    if before.block.kind != "paragraph" or unit.block.kind != "paragraph" or before.block.start == unit.block.start:
        return False
    return bool(terms_in(text, before.start, before.end)) and not terms_in(text, unit.start, unit.end)


def _begins_entry(text: str, before: _Unit, unit: _Unit) -> bool:
    """Whether a term stands behind the end of what is said of another one."""
    return text[before.end - 1] in ".!?;)" and bool(terms_in(text, unit.start, unit.end))


def _in_row(unit: _Unit, piece: _Piece) -> bool:
    return piece.row is not None and piece.row.start <= unit.start < piece.row.end


def _first_line(text: str, block: Block) -> str:
    found = _LINE.match(text, block.start, block.end)
    return found[0] if found else ""


def _belong_together(one: _Unit, other: _Unit) -> bool:
    alike = one.path == other.path and one.block.kind == other.block.kind and one.block.page == other.block.page
    alike = alike and not (one.is_part or other.is_part)
    return alike and one.block.kind != "heading" and one.tokens + other.tokens <= _MIN_UNIT


def _joined(one: _Unit, other: _Unit) -> _Unit:
    block = replace(one.block, end=other.end, end_s=other.block.end_s)
    return replace(one, end=other.end, tokens=one.tokens + other.tokens, block=block)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
