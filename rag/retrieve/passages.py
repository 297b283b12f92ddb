"""Merges the best hits that fit a budget of tokens into passages, neighbours of one document into one.

Two chosen chunks become one passage when they follow each other, or when the single chunk between them still fits the
budget. A passage's text is exactly ``document_text[start:end]``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from rag.errors import LibraryError
from rag.text.sentences import split_sentences
from rag.text.table_spans import TableSpans
from rag.types import Chunk, Hit, Passage

CountTokens = Callable[[Sequence[str]], list[int]]


class Texts(Protocol):
    """The part of ``rag.store.library.Library`` that merging hits into passages reads."""

    def document_text(self, document_id: int) -> str: ...
    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]: ...
    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]: ...


def to_passages(hits: Sequence[Hit], texts: Texts, count_tokens: CountTokens, token_budget: int) -> list[Passage]:
    """Passages of at most ``token_budget`` tokens together, best first, numbered from 1.

    ``hits`` come best first. The first hit is always represented, cut to the budget if need be.
    """
    chosen, left = _within(hits, count_tokens, token_budget)
    runs = _runs(chosen)
    bridged = _bridge(runs, texts, count_tokens, left)
    runs = sorted(bridged, key=lambda run: (-_score(run), run[0].document.id, run[0].chunk.start))
    passages = [_passage(number, run, texts) for number, run in enumerate(runs, start=1)]
    if left < 0:
        return [_shortened(passages[0], count_tokens, token_budget)]
    return passages


def _within(hits: Sequence[Hit], count_tokens: CountTokens, budget: int) -> tuple[list[Hit], int]:
    """The hits that fit, best first, and what is left; below 0 when the first alone is too long."""
    counts = count_tokens([hit.chunk.text for hit in hits]) if hits else []
    chosen: list[Hit] = []
    left = budget
    for hit, tokens in zip(hits, counts, strict=True):
        if tokens <= left or not chosen:
            chosen.append(hit)
            left -= tokens
        if left <= 0:
            break
    return chosen, left


def _runs(hits: Sequence[Hit]) -> list[list[Hit]]:
    """Hits grouped into stretches of consecutive chunks."""
    runs: list[list[Hit]] = []
    for hit in sorted(hits, key=lambda hit: (hit.document.id, hit.chunk.ordinal)):
        if runs and _distance(runs[-1][-1], hit) <= 1:
            runs[-1].append(hit)
        else:
            runs.append([hit])
    return runs


def _distance(before: Hit, after: Hit) -> float:
    """Chunks from one hit to the next; infinite between documents."""
    if before.document.id != after.document.id:
        return float("inf")
    return after.chunk.ordinal - before.chunk.ordinal


def _bridge(runs: Sequence[list[Hit]], texts: Texts, count_tokens: CountTokens, left: int) -> list[list[Hit]]:
    """Runs with a single chunk between them joined while tokens are left."""
    joined: list[list[Hit]] = []
    for run in runs:
        if joined and _distance(joined[-1][-1], run[0]) == 2:
            between = joined[-1][-1].chunk.ordinal + 1
            gap = texts.chunk_range(run[0].document.id, between, between)
            cost = sum(count_tokens([chunk.text for chunk in gap]))
            if cost <= left:
                left -= cost
                joined[-1].extend(run)
                continue
        joined.append(list(run))
    return joined


def _score(run: Sequence[Hit]) -> float:
    return max(hit.score for hit in run)


def _passage(number: int, run: Sequence[Hit], texts: Texts) -> Passage:
    first, last = run[0].chunk, run[-1].chunk
    try:
        text = first.text if first is last else texts.document_text(first.document_id)[first.start : last.end]
    except LibraryError:  # the document's text is damaged, its chunks are not
        run = [max(run, key=lambda hit: hit.score)]
        first = last = run[0].chunk
        text = first.text
    path = first.heading_path
    for hit in run[1:]:
        while hit.chunk.heading_path[: len(path)] != path:
            path = path[:-1]
    return Passage(
        number=number,
        document=run[0].document,
        start=first.start,
        end=last.end,
        text=text,
        score=_score(run),
        heading_path=path,
        page=first.page,
        page_label=first.page_label,
        start_s=first.start_s,
        hits=tuple(run),
        tables=texts.tables(first.document_id, first.start, last.end),
    )


def _shortened(passage: Passage, count_tokens: CountTokens, budget: int) -> Passage:
    """As many whole sentences as fit, or the first one as far as it fits."""
    sentences = split_sentences(passage.text)
    used, end = 0, 0
    for (start, stop), tokens in zip(
        sentences, count_tokens([passage.text[start:stop] for start, stop in sentences]), strict=True
    ):
        if used + tokens > budget:
            if not end:
                end = start + (stop - start) * budget // tokens
            break
        used, end = used + tokens, stop
    end = max(1, end)
    return replace(passage, end=passage.start + end, text=passage.text[:end], hits=())
