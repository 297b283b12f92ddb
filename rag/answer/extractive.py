"""Answers with one to three sentences quoted from the passages, each with its citation.

The answerer for when no language model is there. It chooses and quotes, it never words anything itself, so every
statement stands in a document. With a reader, the sentence that the reader read an answer from mostly comes first, and
the answer names those words (``Answer.span``). Where the evidence is weak it says so (``found`` false). A request for a
summary gets the leading and most central sentences instead.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.answer.asked.calendar_rows import is_of_another_year, row_of_asked_time
from rag.answer.asked.can_answer import (
    SURELY,
    about_what_is_named,
    is_no_answer,
    may_be_of_another,
    that_can_answer,
)
from rag.answer.asked.entries import read_of_asked_entries
from rag.answer.asked.extremes import lacks_asked_extreme
from rag.answer.asked.identifiers import read_of_asked_identifiers
from rag.answer.asked.instead import about_what_is_new
from rag.answer.asked.names import unknown_names
from rag.answer.asked.periods import about_asked_periods
from rag.answer.citations import Locate, Numbering, citation_for
from rag.answer.evidence import Candidate, found_features, found_probability, holds, rank_sentences
from rag.answer.evidence_weights import evidence_weights
from rag.answer.operators.computed.prose_difference import difference_in
from rag.answer.quote import (
    LEANS_BACK,
    LONGEST_QUOTE,
    Quote,
    cut,
    is_closed,
    paragraph_end,
    readable,
    sentence_at,
    start_before,
    with_counted_items,
    with_items,
    with_siblings,
    with_term,
)
from rag.answer.reading import find_spans, passage_of, read_first_elsewhere
from rag.answer.refusal import NEAREST, in_language_of, is_clear, least_confidence, refusal
from rag.answer.rows import NamedCell, Row, asked_cell, asked_columns, cut_row, meant_row, row_at, same_table
from rag.answer.said_of import can_be_asked_for, said_of_subject
from rag.answer.summary import overview
from rag.answer.verdict import verdict
from rag.answer.where_read import is_read_in_best, says_same
from rag.protocols import Embedder, SpanReader
from rag.text.markers import AnswerPart, word_by_word
from rag.text.words import stem, weight, words
from rag.types import Answer, AnswerEvent, Citation, Passage, Query, Reading, Span, TextDelta

MOST_SENTENCES = 3
_ALSO_AT = 0.14  # odds against the best sentence at which another one is quoted too
_ALSO_ELSEWHERE_AT = 0.4  # ... that comes from another document, or lacks the date, number or name asked for

_IN_WORDS = frozenset(["person", "place", "reason"])  # kinds of questions that no number answers
# leans on what stands before, and nobody knows whom or what it is about
_NAMES_NOBODY = re.compile(r"(?:he|she|they|his|her|their)\b", re.IGNORECASE)
_ASKS_FOR_A_PART = re.compile(  # whose name or number no reader learnt to read
    r"\W*(?:in |on |under )?(?:which|what) (?:clause|section|paragraph|article|chapter|page|step)\b", re.IGNORECASE
)
_ASKS_WHICH = re.compile(  # asks for a name or term
    r"\W*(?:and |with |in |by )?(?:which|what) (?!is|are|was|were|do|does|did|has|have|can)\w", re.IGNORECASE
)


@dataclass(frozen=True)
class Choice:
    """The quotes of an answer, in the order in which they are read; none where the evidence is weak.

    ``readings`` are the reader's, best first; ``confidence`` is the probability that the documents hold the answer,
    None where nothing was measured. ``overview`` where a summary was asked for. ``cell`` is the value that was asked
    for in the row that is quoted first. ``unknown`` are names and codes of the question about which nothing was found;
    ``verdict`` is the "Yes" or "No" that the first quote says, or the difference of its two amounts. ``is_nearest``:
    the evidence is so weak that the quote is shown as what stands nearest, not as the answer.
    """

    quotes: tuple[Quote, ...] = ()
    readings: tuple[Reading, ...] = ()
    confidence: float | None = None
    overview: bool = False
    cell: Span | None = None
    unknown: tuple[str, ...] = ()
    verdict: str | None = None
    is_nearest: bool = False


class ExtractiveAnswerer:
    """Implements the Answerer protocol with the embedder and, where there is one, a reader.

    ``min_confidence`` overrides the thresholds of ``rag.answer.refusal``.
    """

    def __init__(
        self,
        embedder: Embedder,
        locate: Locate | None = None,
        min_confidence: float | None = None,
        reader: SpanReader | None = None,
    ) -> None:
        self._embedder = embedder
        self._locate = locate
        self._reader = reader
        self._min_confidence = min_confidence

    @property
    def name(self) -> str:
        return "extractive"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        """Yields the answer word by word."""
        yield from self.written(query, self.choose(query, passages))

    def written(self, query: Query, choice: Choice) -> Iterator[AnswerEvent]:
        """The answer that a choice of quotes makes."""
        if not choice.quotes:
            refused = (AnswerPart(refusal(query.original, choice.unknown)),)
            yield TextDelta(refused)
            yield Answer(refused, found=False, citations=(), answerer=self.name, confidence=choice.confidence)
            return
        written: list[AnswerPart] = []
        citations: list[Citation] = []
        numbering = Numbering()
        if choice.is_nearest or choice.verdict is not None:
            said = in_language_of(query.original, NEAREST) if choice.is_nearest else f"{choice.verdict}."
            written.append(AnswerPart(f"{said} "))
            yield TextDelta((written[0],))
        for quote in choice.quotes:
            number = numbering.of(quote.passage)
            part = AnswerPart(_worded(quote, [before.text for before in written if before.numbers]), (number,))
            cited = citation_for(quote.passage, quote.start, quote.end, self._locate, quote.score, number)
            citations.append(cited)
            written.append(part)
            *words_before, last = word_by_word([part])
            for word in words_before:
                yield TextDelta((word,))
            yield TextDelta((last,), (cited,))
        first = choice.quotes[0]
        in_table = row_at(first.passage, first.start) is not None
        span = choice.cell if in_table else span_within(choice.readings, citations)
        yield Answer(tuple(written), not choice.is_nearest, tuple(citations), self.name, span, choice.confidence)

    def choose(self, query: Query, passages: Sequence[Passage]) -> Choice:
        """What to quote, and how sure that is."""
        usable = [passage for passage in passages if passage.text.strip()]
        if not usable:
            return Choice()
        if query.kind == "overview":
            return Choice(tuple(map(_shortened, overview(query, usable, self._embedder))), overview=True)
        unknown = unknown_names(query, usable)
        if unknown:
            return Choice(unknown=tuple(unknown))
        # A reader that learnt English alone is sure and wrong of other languages.
        readable = not _ASKS_FOR_A_PART.match(query.text)
        known = self._reader is not None and (query.is_english or self._reader.reads_any_language)
        reader = self._reader if readable and known else None
        readings = None if reader is None else find_spans(query.text, usable, reader)
        if readings:
            readings = read_of_asked_identifiers(query, usable, readings)
        if readings and query.is_english:
            readings = said_of_subject(query, usable, can_be_asked_for(query, readings))
        elif readings:
            readings = read_of_asked_entries(query.text, usable, readings)
        doubted = False
        if readings:
            alone = readings if not query.is_english else read_first_elsewhere(usable, readings)
            foreign = self._read_alone(query, usable, alone)
            if foreign is not None:
                return foreign
            doubted = alone == readings and not query.history  # words alone state nothing against a reader that read
            readings = [reading for reading in readings if reading not in alone] or None
        sentences = rank_sentences(query, usable, self._embedder, readings or ())
        named = about_what_is_named(query, usable, sentences)
        about = about_what_is_new(query, about_asked_periods(query, named))
        ranked = that_can_answer(query, about, readings or ())
        if not ranked:
            return Choice(readings=tuple(readings or ()))
        counted = readings if about[0] is named[0] else _read_in(readings, about)
        features = found_features(query, ranked)
        held = any(is_read_in_best(ranked, reading) for reading in (readings or ())[:1])
        probability = found_probability(features, counted, held=held)
        chosen: list[Quote] = []
        was_read = readings is not None
        if probability >= least_confidence(was_read=was_read, setting=self._min_confidence):
            for candidate in _selected(query, ranked):
                score = probability * math.exp(candidate.score - ranked[0].score)
                _add(chosen, _quoted(query, candidate, score, readings or (), first=not chosen))
        best = ranked[0]
        sure = readings is not None and any(one.confidence >= SURELY for one in readings[:1])
        unsaid = best.row is None and bool(chosen) and is_no_answer(query, best, chosen[0], sure=sure)
        if (was_read and self._is_nearest(probability, lacks=unsaid)) or (doubted and self._min_confidence is None):
            return Choice(tuple(chosen[:1]), tuple(readings or ()), probability, is_nearest=True)
        cell = _cell(query, chosen[0], readings or ()) if chosen else None
        said = (verdict(query, chosen[0].text) or difference_in(query, chosen[0].text)) if chosen else None
        return Choice(tuple(chosen), tuple(readings or ()), probability, cell=cell, verdict=said)

    @property
    def _least_foreign(self) -> float:
        """The confidence that the reader alone needs for a question in another language than English."""
        return evidence_weights().min_confidence_foreign if self._min_confidence is None else self._min_confidence

    def _is_nearest(self, confidence: float, *, lacks: bool, foreign: bool = False) -> bool:
        return self._min_confidence is None and (lacks or not is_clear(confidence, foreign=foreign))

    def _read_alone(self, query: Query, passages: Sequence[Passage], readings: Sequence[Reading]) -> Choice | None:
        """The sentence or row that the best answer was read in, where the reader is sure: a question in another
        language shares no words with the passages, so that nothing else can be asked. None where it is not."""
        best = next(iter(readings), None)
        if best is None or best.confidence < self._least_foreign:
            return None
        passage = passage_of(best, passages)
        at = best.span.start - passage.start
        row = row_at(passage, at)
        meant = None if row is None else meant_row(query, passage, row)
        of_time = None if meant is None else row_of_asked_time(query, passage, meant)
        other_time = is_of_another_year(query, passage) or (meant is not None and of_time is None)
        meant = of_time or meant
        if meant is not None:
            start, end = cut_row(meant, at if meant == row else meant.start, LONGEST_QUOTE)
        else:
            start, end = sentence_at(passage.text, at)
            start, end = cut(passage.text, *with_items(passage.text, start, end), at)
        quote = Quote(passage, start, end, best.confidence)
        lacks = may_be_of_another(query, quote, meant) or lacks_asked_extreme(query.text, quote.text)
        is_nearest = self._is_nearest(best.confidence, lacks=lacks or other_time, foreign=True)
        cell = _cell(query, quote, readings)
        return Choice((quote,), tuple(readings), best.confidence, cell=cell, is_nearest=is_nearest)


def _read_in(readings: Sequence[Reading] | None, about: Sequence[Candidate]) -> Sequence[Reading] | None:
    """What was read in some sentences: where the best one is about something else, only that makes an answer likely."""
    if readings is None:
        return None
    return [reading for reading in readings if any(holds(one, reading.span) for one in about)]


def _cell(query: Query, quote: Quote, readings: Sequence[Reading]) -> Span | None:
    """The value in a quoted row that is asked for, or else that the reader read; None outside of tables."""
    row = row_at(quote.passage, quote.start)
    if row is None:
        return None
    row = row.within(quote.start, quote.end)
    cell = asked_cell(query, row)
    if cell is None and len(asked_columns(query, row)) != 1:  # with one column, the row has nothing there
        cell = _read_cell(query, quote, row, readings)
    return None if cell is None else quote.passage.span(cell.start, cell.end)


def _read_cell(query: Query, quote: Quote, row: Row, readings: Sequence[Reading]) -> NamedCell | None:
    """The cell that the reader read its best answer in, unless it cannot be one."""
    within = (reading.span for reading in readings if quote.span.contains(reading.span))
    span = next(within, None)
    if span is None:
        return None
    cell = row.cell_at(span.start - quote.passage.start, span.end - quote.passage.start)
    is_number = cell is not None and not any(map(str.isalpha, cell.text))
    return None if is_number and query.kind in _IN_WORDS else cell


def span_within(readings: Sequence[Reading], citations: Sequence[Citation]) -> Span | None:
    """What was read best inside the first quote that holds something read."""
    spans = (reading.span for citation in citations for reading in readings if citation.span.contains(reading.span))
    return next(spans, None)


def _shortened(quote: Quote) -> Quote:
    start, end = cut(quote.passage.text, quote.start, quote.end, quote.start)
    return replace(quote, start=start, end=end)


def _add(quotes: list[Quote], quote: Quote) -> None:
    """Adds a quote; one that overlaps another is left out, one that goes on where another ends is joined to it."""
    for index, other in enumerate(quotes):
        if other.passage.number != quote.passage.number:
            continue
        if quote.start < other.end and other.start < quote.end:
            return
        start, end = min(quote.start, other.start), max(quote.end, other.end)
        between = quote.passage.text[min(quote.end, other.end) : max(quote.start, other.start)]
        if end - start <= LONGEST_QUOTE and between.isspace() and "\n" not in between:
            quotes[index] = replace(other, start=start, end=end)
            return
    quotes.append(quote)


def _selected(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence and others nearly as good, best first."""
    best = ranked[0]
    chosen = [best, *(_rows_alike(ranked) if query.kind in ("person", "list") else ())]
    for candidate in ranked[1:]:
        if len(chosen) >= MOST_SENTENCES or math.exp(candidate.score - best.score) < _ALSO_AT:
            break
        elsewhere = candidate.passage.document.id != best.passage.document.id
        misses = candidate.features["type"] < 0 < best.features["type"]
        if (elsewhere or misses) and math.exp(candidate.score - best.score) < _ALSO_ELSEWHERE_AT:
            continue
        if _is_lesser_row(candidate, best):
            continue
        adds = candidate.features["own"] > 0 and not candidate.features["label"]
        if adds and not any(says_same(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _rows_alike(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The other rows of the best one's table that hold as much of the question, where they are few among its rows: "who
    sings bass?" has two answers."""
    best = ranked[0]
    if best.row is None:
        return []
    rows = [one for one in ranked if one.row is not None and same_table(one.row, best.row)]
    alike = [one for one in rows if all(one.features[name] == best.features[name] for name in ("named", "own"))]
    few = len(alike) <= MOST_SENTENCES and len(alike) * 2 < len(best.row.table.rows)
    return [one for one in alike if one is not best] if few else []


def _is_lesser_row(candidate: Candidate, best: Candidate) -> bool:
    """Whether a row stands in the table of the best one and holds less of the question, or is not named in it."""
    if candidate.row is None or best.row is None or not same_table(candidate.row, best.row):
        return False
    return any(candidate.features[name] < best.features[name] for name in ("named", "own"))


def _quoted(query: Query, candidate: Candidate, score: float, readings: Sequence[Reading], *, first: bool) -> Quote:
    """Returns the span to quote.

    It is widened to the list, answer or sentence that it needs, or cut around what was read or asked.
    """
    passage = candidate.passage
    if candidate.row is not None:
        return Quote(passage, *_cut_row(query, candidate, candidate.row, readings), score)
    start, end = with_items(passage.text, candidate.start, candidate.end)
    if query.kind == "list":
        start, end = with_siblings(passage.text, start, end)
    if first and end == candidate.end and query.kind in ("list", "any"):
        start, end = with_counted_items(passage.text, start, end)
    if candidate.features["answers"] > 0:
        end = max(end, paragraph_end(passage.text, end))
    if end == candidate.end:
        inside = next((r.span.start - passage.start for r in readings if holds(candidate, r.span)), None)
        start, end = cut(passage.text, start, end, _focus(query, candidate) if inside is None else inside)
        leans = (LEANS_BACK if candidate.features["context"] > 0 else _NAMES_NOBODY).match(candidate.text)
        if first and leans and leans[0].casefold() not in query.words:
            before = start_before(passage.text, candidate.start)
            start = before if end - before <= LONGEST_QUOTE else start
        if _ASKS_WHICH.match(query.text):
            start, end = with_term(passage.text, start, end)
    return Quote(passage, start, end, score)


def _cut_row(query: Query, candidate: Candidate, row: Row, readings: Sequence[Reading]) -> tuple[int, int]:
    """The cells of a row to quote: all of them, or those around the one asked for, read, or like the question."""
    asked = asked_cell(query, row)
    if asked is not None:
        return cut_row(row, asked.start, LONGEST_QUOTE)
    inside = next((r.span.start - candidate.passage.start for r in readings if holds(candidate, r.span)), None)
    return cut_row(row, _focus(query, candidate) if inside is None else inside, LONGEST_QUOTE)


def _focus(query: Query, candidate: Candidate) -> int:
    """Where in a long sentence the most of the question stands close together."""
    places = [(start, weight(stem(word))) for word, start, _ in words(candidate.text) if stem(word) in query.terms]
    near = [sum(w for other, w in places if 0 <= other - start < LONGEST_QUOTE // 2) for start, _ in places]
    return candidate.start + (places[near.index(max(near))][0] if places else 0)


def _worded(quote: Quote, before: Sequence[str]) -> str:
    """The quote as it is read, and what joins it to the texts before and to its marker."""
    shown = readable(quote.passage, quote.start, quote.end)
    own_line = "\n" in shown or not is_closed(shown) or any("\n" in text for text in before)
    joint = "" if not before else "\n\n" if own_line else " "
    return f"{joint}{shown} "
