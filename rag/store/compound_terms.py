"""Looks up in the full-text index which compounds have a word of the question as a part."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from rag.text.compounds import BACKWARDS, END, FORWARDS, base, begins_with, ends_with, last_part, mark

MAX_COMPOUNDS = 16  # of one word: those that stand in most chunks
_MAX_WORDS = 16  # of a question
_MAX_LOOKED_AT = 400

Counted = Sequence[tuple[str, int]]  # terms of the index, with the chunks that hold each


def compounds_with(
    beginning_with: Callable[[Sequence[str], int], Sequence[Counted]], words: Iterable[str]
) -> dict[str, list[str]]:
    """Returns for those of ``words`` with which compounds in the index begin or end the marks of these.

    ``beginning_with`` is ``rag.store.keyword_search.WordIndex.beginning_with``.
    """
    asked = [word for word in dict.fromkeys(words) if word.isalpha()][:_MAX_WORDS]
    starts = [start for word in asked for start in (FORWARDS + base(word), BACKWARDS + last_part(word)[::-1])]
    terms = iter(beginning_with(starts, _MAX_LOOKED_AT) if starts else ())
    found: dict[str, list[str]] = {}
    for word, forwards, backwards in zip(asked, terms, terms, strict=True):
        compounds = dict(_beginning(word, forwards)) | dict(_ending(word, backwards))
        best = sorted(compounds, key=lambda compound: (-compounds[compound], compound))[:MAX_COMPOUNDS]
        if best:
            found[word] = list(map(mark, best))
    return found


def _beginning(word: str, terms: Counted) -> Iterator[tuple[str, int]]:
    """Yields the marked words that begin with ``word``, and in how many chunks they stand."""
    for term, count in terms:
        compound = term.removeprefix(FORWARDS).removesuffix(END)
        if begins_with(word, compound):
            yield compound, count


def _ending(word: str, terms: Counted) -> Iterator[tuple[str, int]]:
    for term, count in terms:
        compound = term.removeprefix(BACKWARDS).removesuffix(END)[::-1]
        if ends_with(word, compound):
            yield compound, count
