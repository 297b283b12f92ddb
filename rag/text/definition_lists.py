"""Finds the entries of manuals and glossaries: a line that is a term, and below it what is said of it.

    -k, --keep-old-files
           Don't replace existing files when extracting.

A term is one word or option, perhaps with its arguments and with other names behind commas. The name of a single thing
in a text without such a list ("Compression" over a chapter) has the same form, so callers ask how many there are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.text.english_words import is_english_word
from rag.text.sentences import Unit

_LONGEST_TERM = 70  # characters of its line
_LEAST_WORDS = 2  # of what is said
_LONGEST = 1500  # characters of what is said that are looked at
# The word itself, then its arguments: --file=ARCHIVE, -C DIR, --occurrence[=N], %e, $in, compress().
_TERM = re.compile(
    r"(?P<term>[-+/$%@.]{0,2}[^\W\d_][\w.+/-]*|%.)"
    r"(?:\(\w*\)|\[?[=<{(].{0,30}| [A-Z_]{2,}| \[.{0,30})?:?"
)
_SEPARATOR = re.compile(r",\s*|\s+\|\s+|\s+/\s+|\s+or\s+")


@dataclass(frozen=True, slots=True)
class Definition:
    """An entry: ``text[start:end]`` is the line of its terms, ``said`` are the units below it, at least one."""

    terms: tuple[str, ...]
    start: int
    end: int
    said: tuple[Unit, ...]


def definitions(text: str, units: tuple[Unit, ...]) -> Iterator[Definition]:
    """Yields the entries of a text, in order. ``units`` are its own, of ``rag.text.sentences.units``."""
    opened: tuple[tuple[str, ...], Unit] | None = None
    said: list[Unit] = []
    for unit in units:
        terms = _terms(text, unit)
        ends = bool(terms) or unit.is_label or unit.is_table_row or unit.end - (said or [unit])[0].start > _LONGEST
        if ends and opened is not None:
            if said:
                yield Definition(opened[0], opened[1].start, opened[1].end, tuple(said))
                opened = None
            elif not terms:
                opened = None
        if terms:
            names = terms if opened is None else (*opened[0], *terms)  # several terms above one description
            opened, said = (names, unit), []
        elif opened is not None and (said or len(text[unit.start : unit.end].split()) >= _LEAST_WORDS):
            said.append(unit)
    if opened is not None and said:
        yield Definition(opened[0], opened[1].start, opened[1].end, tuple(said))


def _terms(text: str, unit: Unit) -> tuple[str, ...]:
    """The terms that a unit consists of; none where it is anything else or has not its own line."""
    if unit.is_table_row or unit.is_list_item:
        return ()
    found = terms_in(text, unit.start, unit.end)
    return () if found and _beside(text, unit.start, unit.end).strip() else found


def terms_in(text: str, start: int, end: int) -> tuple[str, ...]:
    """The terms that ``text[start:end]`` consists of; none where it is anything else."""
    if end - start > _LONGEST_TERM:
        return ()
    line = text[start:end]
    if line.isupper() and is_english_word(line.casefold()):  # a heading of a manual page: DESCRIPTION
        return ()
    found = [_TERM.fullmatch(part) for part in _SEPARATOR.split(line)]
    return tuple(match["term"] for match in found if match) if all(found) else ()


def _beside(text: str, start: int, end: int) -> str:
    """What stands in the same lines in front of a stretch and behind it."""
    last = text.find("\n", end)
    return text[text.rfind("\n", 0, start) + 1 : start] + text[end : last if last >= 0 else len(text)]
