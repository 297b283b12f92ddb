"""Ranks the sentences of passages by how likely they answer a question, and tells how strong the evidence is.

A sentence is judged by a logistic regression over a few features that a person can check by hand, and whether the
best of them is enough to answer at all by a second one (``rag.answer.evidence_weights``). Features of a sentence:

    own        share of the question's weight that stands in the sentence, 0 to 1
    context    ... only in its title, headings or the two sentences before
    rest       ... only in the rest of the passage
    cosine     of the question's and the sentence's embeddings
    pairs      share of the question's neighbouring words that are neighbours in the sentence
    type       +1 with something of the expected kind, -1 without
    rank       1 / rank of the passage
    read       certainty of the reader that the answer stands in the sentence; 0 without a reader
    sure       1 for the sentence of running text from which a sure reader reads its best answer
    label      1 for a heading, or words that only repeat the question
    asks       1 for a question, as in a list of questions and answers
    named      1 for a row of a table that the question calls by its name
    run_on     1 for one that is long and without an end: cells or captions of a page that lost their order
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answer.above import stems_above
from rag.answer.evidence_weights import evidence_weights
from rag.answer.expected import type_evidence
from rag.answer.rows import Row, is_named, row_at, row_of, same_table, units_of
from rag.protocols import Embedder
from rag.query.query import dates_asked_for, respelled, words_of_dates
from rag.text.codes import codes_of, words_of_codes
from rag.text.sentences import Unit, cached_sentences
from rag.text.stop_words import STOP_WORDS
from rag.text.words import RARE, match, prefixes_of, stems
from rag.types import Passage, Query, Reading, Span

SENTENCES_EMBEDDED = 16  # the lexically best sentences of all passages; a batch of them takes about 40 ms on two cores
_EMBEDDED_CHARS = 400  # of a sentence; the embedder's time grows with its length
_ENDS = '.!?"”’)'
_READABLE = 200  # characters; longer than a sentence whose full stop was merely left out
_SURE = 0.4  # confidence from which a reader is right about prose more often than the words a sentence shares
_WORDS_OF_PROSE = 5
# What the reader was not trained on: whether something is so, and something new in place of what was asked before.
_NOT_READ = re.compile(
    r"^\W*(?:and |but )?(?:is|are|was|were|do|does|did|has|have|had|can|could|may|must|should|will|would)\b"
    r"|, what about ",
    re.IGNORECASE,
)
_TRUST_NOT_READ = 0.4  # what of its certainty counts then
_LEAST_ODDS = 4.0  # log odds against below which a reading counts for nothing
_SENTENCES_PER_PASSAGE = 400  # more than any passage that fits a prompt; keeps a whole book as one passage bearable


@dataclass(frozen=True)
class Candidate:
    """A sentence or row of a passage: ``passage.text[start:end]``, what was measured of it, and its log-odds.

    ``row`` holds its cells, where it is a row of a table.
    """

    passage: Passage
    start: int
    end: int
    features: Mapping[str, float]
    score: float = 0.0
    row: Row | None = None

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def said(self) -> str:
        """The text; of a row with the names of its columns."""
        return self.row.said if self.row is not None else self.text


def rank_sentences(
    query: Query, passages: Sequence[Passage], embedder: Embedder, readings: Sequence[Reading] = ()
) -> list[Candidate]:
    """The sentences most likely to answer, best first: the lexically best SENTENCES_EMBEDDED and those with a span."""
    query = respelled(query, lambda: frozenset().union(*(stems(passage.text) for passage in passages)))
    candidates = _lexical_candidates(query, passages, readings) if query.terms else []
    if not candidates:
        return []
    cosines = _cosines(query, candidates, embedder)
    judged = [_judged(candidate, float(cosine)) for candidate, cosine in zip(candidates, cosines, strict=True)]
    return _right_row_first(sorted(judged, key=lambda candidate: -candidate.score))


def _right_row_first(ranked: list[Candidate]) -> list[Candidate]:
    """The same with the row in front that holds most of the question, where another one of its table was the best:
    rows of a table are alike but for what they are about."""
    best = ranked[0]
    if best.row is None or not same_table(best.row, best.row):  # a table whose columns have no names
        return ranked
    rows = [one for one in ranked if one.row is not None and same_table(one.row, best.row)]
    right = max(rows, key=lambda one: (one.features["named"], one.features["own"]))  # the first of several
    others = [one for one in ranked if one is not right]
    return [replace(right, score=best.score), *others]


def found_features(query: Query, ranked: Sequence[Candidate]) -> dict[str, float]:
    """What decides whether the documents hold an answer: the best sentence, and what of the question is nowhere.

    ``covered`` is the share of the question's weight that stands anywhere in the passage or its headings,
    ``names_missing`` the share of its names and numbers that the passage lacks, ``rarest_missing`` the weight of the
    rarest word that it lacks, ``short`` 1 / number of the question's words: short ones match by chance.
    """
    best = ranked[0]
    covered = best.features["own"] + best.features["context"] + best.features["rest"]
    name_weight = sum(query.terms[name] for name in query.names) or 1.0
    return {
        "bias": 1.0,
        "own": best.features["own"],
        "covered": covered,
        "cosine": best.features["cosine"],
        "pairs": best.features["pairs"],
        "names_missing": best.features["names_missing"] / name_weight,
        "rarest_missing": best.features["rarest_missing"] / RARE,
        "short": 1.0 / len(query.terms),
    }


def found_probability(
    features: Mapping[str, float], readings: Sequence[Reading] | None = None, *, held: bool = False
) -> float:
    """Probability that the best sentences answer the question. ``readings`` are a reader's; None without one. ``held``:
    the best sentence holds the best of them."""
    odds, read = found_odds(features, readings or ())
    if readings is not None:
        odds = _dot(evidence_weights().read, {"bias": 1.0, "reader": read, "held": float(held)})
    return 1.0 / (1.0 + math.exp(-odds))


def found_odds(features: Mapping[str, float], readings: Sequence[Reading]) -> tuple[float, float]:
    """Log odds that the documents hold the answer, by the features and by the surest of the readings."""
    sure = max((certainty(reading.confidence) for reading in readings), default=0.0)
    return _dot(evidence_weights().found, features), sure - _LEAST_ODDS


def _lexical_candidates(query: Query, passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Candidate]:
    """The sentences that share most with the question, by themselves and through what stands around them, and those
    that the reader read an answer from."""
    by_score = sorted(passages, key=lambda passage: -passage.score)
    candidates: list[Candidate] = []
    for rank, passage in enumerate(by_score, start=1):
        candidates.extend(_of_passage(query, passage, rank))
    candidates = [_read(query, candidate, readings) for candidate in candidates]
    candidates.sort(key=lambda candidate: -_lexical_score(candidate))
    more = [candidate for candidate in candidates[SENTENCES_EMBEDDED:] if candidate.features["read"] > 0]
    return candidates[:SENTENCES_EMBEDDED] + more


def _read(query: Query, candidate: Candidate, readings: Sequence[Reading]) -> Candidate:
    """The candidate with how sure the reader is of what it found in it. Of captions it is often sure and wrong, so it
    decides by itself about running text alone."""
    within = [reading for reading in readings if holds(candidate, reading.span)]
    trust = _TRUST_NOT_READ if _NOT_READ.search(query.text) else 1.0
    is_best = within[:1] == list(readings[:1])
    decides = trust == 1.0 and is_best and any(reading.confidence >= _SURE for reading in within[:1])
    features = {
        "read": trust * max((certainty(reading.confidence) for reading in within), default=0.0),
        "sure": float(decides and candidate.row is None and _is_prose(candidate.text)),
    }
    return replace(candidate, features={**candidate.features, **features})


def _is_prose(sentence: str) -> bool:
    """Whether it ends like a sentence and is no row of a table."""
    return sentence[-1:] in _ENDS and "|" not in sentence and len(sentence.split()) >= _WORDS_OF_PROSE


def holds(candidate: Candidate, span: Span) -> bool:
    """Whether a span begins in a sentence."""
    passage = candidate.passage
    start, end = passage.start + candidate.start, passage.start + candidate.end
    return passage.document.id == span.document_id and start <= span.start < end


def certainty(confidence: float) -> float:
    """Returns the log odds of a probability, shifted so that 2 % gives 0, and limited to 0 to 8."""
    odds = math.log(max(confidence, 1e-6) / max(1 - confidence, 1e-6))
    return min(max(odds + _LEAST_ODDS, 0.0), 2 * _LEAST_ODDS)


def _lexical_score(candidate: Candidate) -> float:
    features = candidate.features
    return (
        features["own"]
        + 0.5 * features["context"]
        + 0.3 * features["rest"]
        + 0.2 * features["pairs"]
        + 0.2 * features["type"]
        + 0.3 * features["rank"]
        - 0.5 * features["label"]
        - 0.5 * features["asks"]
        - 0.5 * features["run_on"]
    )


def _of_passage(query: Query, passage: Passage, rank: int) -> list[Candidate]:
    """Every sentence of a passage with all features but the cosine."""
    text = passage.text
    sentences = units_of(passage, _SENTENCES_PER_PASSAGE)
    rows = [row_of(passage, unit) for unit in sentences]
    sequences = [
        stems(text[unit.start : unit.end] if row is None else row.said)
        for unit, row in zip(sentences, rows, strict=True)
    ]
    days, codes = dates_asked_for(query.text), codes_of(query.text)
    sets = [
        frozenset(sequence).union(
            words_of_dates(days, text[unit.start : unit.end]), words_of_codes(codes, text[unit.start : unit.end])
        )
        for sequence, unit in zip(sequences, sentences, strict=True)
    ]
    titles = [stems(title) for title in (passage.document.title, *passage.heading_path)]
    headings = stems_above(passage)
    whole = headings.union(*sets)
    in_passage = _matches(query, whole)
    names_missing = sum(query.terms[name] for name in query.names if in_passage[name] == 0)
    rarest_missing = max((weight for term, weight in query.terms.items() if in_passage[term] == 0), default=0.0)
    found: list[Candidate] = []
    own_words = _own_words(query, passage, sentences, sets)
    for index, unit in enumerate(sentences):
        own = _matches(query, own_words[index])
        near = _matches(query, headings.union(own_words[index], *sets[max(0, index - 2) : index]))
        answers = index > 0 and sentences[index - 1].asks
        if not sequences[index] or unit.is_header_row:
            continue
        row = rows[index]
        sentence = text[unit.first : unit.end] if row is None else row.said
        fits = type_evidence(query, sentence)
        own_share, near_share = _covered(query, own), _covered(query, near)
        features = {
            "own": own_share,
            "context": near_share - own_share,
            "rest": _covered(query, in_passage) - near_share,
            "pairs": _pairs(query, sequences[index - 1] + sequences[index] if answers else sequences[index]),
            "type": fits,
            "rank": 1.0 / rank,
            "label": float(unit.is_label or (fits <= 0 and sequences[index] in titles) or _repeats(query, sentence)),
            "asks": float(unit.asks),
            "answers": float(answers),
            "run_on": float(row is None and _runs_on(text, unit)),
            "named": float(row is not None and is_named(query, row)),
            "names_missing": names_missing,
            "rarest_missing": rarest_missing,
        }
        found.append(Candidate(passage, unit.first, unit.end, features, row=row))
    return found


def _runs_on(text: str, unit: Unit) -> bool:
    return unit.end - unit.start > _READABLE and text[unit.end - 1] not in ".!?:;。！？\"'”’»)]"


def _own_words(
    query: Query, passage: Passage, sentences: Sequence[Unit], sets: Sequence[frozenset[str]]
) -> list[frozenset[str]]:
    """The words that each sentence answers for: a row's with its caption's and all columns' names, an answer's with its
    question's, those of a sentence in a cell with what its row is about.

    Where a list is asked for, an item's with those of the heading or sentence that announces the list.
    """
    text = passage.text
    found: list[frozenset[str]] = []
    header: frozenset[str] = frozenset()
    announced: frozenset[str] = frozenset()
    for index, unit in enumerate(sentences):
        own = sets[index]
        around = row_at(passage, unit.start)
        if around is not None:
            own |= frozenset(stems(" ".join([around.table.caption, around.name, *around.table.columns])))
            header = frozenset()
        elif unit.is_header_row:
            header = own
        elif not unit.is_table_row:
            header = frozenset()
        if not unit.is_list_item:
            announced = own if unit.is_label or text[unit.end - 1] in ":：" else frozenset()
        if index > 0 and sentences[index - 1].asks:
            own |= sets[index - 1]
        found.append(own | header | (announced if query.kind == "list" else frozenset()))
    return found


def _repeats(query: Query, sentence: str) -> bool:
    """Whether a sentence adds no word to the question; one that announces something with a colon does, and one that
    says what is asked whether it is so answers it."""
    if _NOT_READ.search(query.text) and sentence.endswith((".", "!")):
        return False
    return not sentence.endswith((":", "：")) and frozenset(stems(sentence)) - STOP_WORDS <= query.terms.keys()


def _matches(query: Query, among: frozenset[str]) -> dict[str, float]:
    """How well each term of the question occurs among some stems, 0 to 1."""
    prefixes = prefixes_of(among)
    return {term: match(term, among, prefixes) for term in query.terms}


def _covered(query: Query, matches: Mapping[str, float]) -> float:
    """Share of the question's weight that is matched, 0 to 1."""
    return sum(weight * matches[term] for term, weight in query.terms.items()) / query.total


def _pairs(query: Query, sequence: Sequence[str]) -> float:
    """Share of the question's neighbouring words that stand at most three words apart in the sentence."""
    if not query.pairs:
        return 0.0
    places: dict[str, list[int]] = {}
    for index, word in enumerate(sequence):
        if word in query.terms:
            places.setdefault(word, []).append(index)
    near = sum(
        any(abs(i - j) <= 3 for i in places.get(left, ()) for j in places.get(right, ())) for left, right in query.pairs
    )
    return near / len(query.pairs)


def _cosines(query: Query, candidates: Sequence[Candidate], embedder: Embedder) -> NDArray[np.float32]:
    """Similarity of the question and each sentence under its title, in one batch."""
    texts = [_with_title(candidate) for candidate in candidates]
    vectors = embedder.embed_passages(texts)
    cosines: NDArray[np.float32] = vectors @ embedder.embed_query(query.text)
    return cosines


def _with_title(candidate: Candidate) -> str:
    """Returns the sentence as it is embedded: under its heading, or under the question that it answers."""
    passage = candidate.passage
    heading = passage.heading_path[-1] if passage.heading_path else passage.document.title
    if candidate.features["answers"]:
        before = [span for span in cached_sentences(passage.text) if span[1] <= candidate.start]
        heading = passage.text[before[-1][0] : before[-1][1]]
    return f"{heading[:80]}: {candidate.said[:_EMBEDDED_CHARS]}"


def _judged(candidate: Candidate, cosine: float) -> Candidate:
    features = {**candidate.features, "cosine": cosine}
    return replace(candidate, features=features, score=_dot(evidence_weights().sentence, features))


def _dot(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(weight * features[name] for name, weight in weights.items())
