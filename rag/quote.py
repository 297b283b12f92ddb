"""A span of a passage in, the words a person reads out: list markers and line breaks gone, table rows named.

What is shown may differ from what is cited; the citation keeps the exact span. Knows nothing of questions.
"""

import re

from rag.sentences import cached_sentences, is_list_item, is_table_row, skip_marker

LONGEST_QUOTE = 420  # characters shown of one sentence
_LONGEST_LIST = 900  # characters of a list that is quoted whole
_SPACE = re.compile(r"\s+")
_RULE = re.compile(r"^[\s|:+=-]+$")
_END = re.compile(r"[.!?…:;。！？؟۔।][\"'”’»)\]]*$")


def cut(text: str, start: int, end: int, around: int) -> tuple[int, int]:
    """The span itself, or the part of an over-long one that stands around a position, cut at spaces."""
    if end - start <= LONGEST_QUOTE:
        return start, end
    first = max(start, min(around - LONGEST_QUOTE // 3, end - LONGEST_QUOTE))
    last = min(end, first + LONGEST_QUOTE)
    if first > start:
        space = text.find(" ", first, first + 40)
        first = space + 1 if space >= 0 else first
    if last < end:
        space = text.rfind(" ", last - 40, last)
        last = space if space > first else last
    return first, last


def with_items(text: str, start: int, end: int) -> tuple[int, int]:
    """The span and the list it announces: a sentence that ends in a colon, with the items below it."""
    if not text[start:end].endswith((":", "：")):
        return start, end
    last = end
    for first, stop in cached_sentences(text):
        if first < end:
            continue
        if stop - start > _LONGEST_LIST or not (is_list_item(text, first, stop) or text[last:first].count("\n") == 1):
            break
        last = stop
    return start, last


def readable(text: str, start: int, end: int) -> str:
    """How ``text[start:end]`` is shown."""
    if is_table_row(text, start, end) and "\n" not in text[start:end]:
        return _row(text, start, end)
    lines = [line.strip() for line in text[start:end].splitlines() if line.strip()]
    if len(lines) > 1 and any(is_list_item(line, 0, len(line)) for line in lines[1:]):
        return "\n".join([lines[0], *(f"- {line[skip_marker(line, 0, len(line)) :]}" for line in lines[1:])])
    shown = _SPACE.sub(" ", text[start:end])
    unit_start, unit_end = _unit(text, start, end)
    before = "… " if start > unit_start else ""
    return f"{before}{shown}{' …' if end < unit_end else ''}"


def is_closed(shown: str) -> bool:
    """Whether a quote ends like a sentence."""
    return _END.search(shown) is not None


def _unit(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence that a span lies in, without its list marker; the span itself where it holds several."""
    for first, last in cached_sentences(text):
        if first <= start < last:
            first = skip_marker(text, first, last)
            return (first, last) if end <= last else (first, end)
    return start, end


def _row(text: str, start: int, end: int) -> str:
    """A table row as 'header: value; header: value', where the passage holds the header."""
    cells = _cells(text[start:end])
    header = _header(text, start, len(cells))
    if not header:
        return " | ".join(cells)
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(header, cells, strict=True) if cell)


def _header(text: str, start: int, width: int) -> list[str]:
    """Cells of the first of the rows of equal width that stand right above a row; none where it is the first itself."""
    first: list[str] = []
    for line in reversed(text[:start].splitlines()[-200:]):
        if _RULE.match(line) and "|" in line:
            continue
        cells = _cells(line)
        if len(cells) != width or width < 2:
            break
        first = cells
    return first


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
