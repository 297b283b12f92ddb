"""Tokenised question-passage data as flat arrays, and the batches the reader trains on.

A store holds passages (context and text apart), questions with the spans that answer them, and for each question the
passages that do not (negatives). One training group is a question with one answering passage and ``n - 1`` negatives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

CLS, SEP, MASK, PAD = 101, 102, 103, 0
WORDS = (1000, 30522)  # MiniLM's tokens that are words or parts of words
QUESTION, ABSENT, CLAIM = 0, 1, 2
"""What is asked of a passage: a question; one that was changed, of which no teacher knows better than its label; a
statement, which the passage supports or not."""
MAX_SPANS = 4  # places in the passage where the answer stands, as far as they are counted
MAX_NEGATIVES = 16
Ints = NDArray[np.int32]


@dataclass
class Ragged:
    """Rows of different length in one array: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""

    values: NDArray[Any]  # uint16, or uint32 where the vocabulary is larger
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Ragged":
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r) for r in rows], out=offsets[1:])
        values = np.fromiter((v for r in rows for v in r), np.uint32, int(offsets[-1]))
        small = not len(values) or values.max() < 1 << 16
        return cls(values.astype(np.uint16) if small else values, offsets)

    def __getitem__(self, i: int) -> NDArray[Any]:
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @staticmethod
    def join(parts: Sequence["Ragged"]) -> "Ragged":
        shift = np.cumsum([0] + [len(p.values) for p in parts])
        offsets = [parts[0].offsets[:1]] + [p.offsets[1:] + s for p, s in zip(parts, shift, strict=False)]
        return Ragged(np.concatenate([p.values for p in parts]), np.concatenate(offsets))


@dataclass
class Store:
    questions: Ragged
    contexts: Ragged  # title and headings of each passage
    passages: Ragged
    gold: Ints  # [questions] passage that answers, -1 where only negatives are known
    spans: Ints  # [questions, MAX_SPANS, 2] first and last token in the gold passage, -1 = none
    negatives: Ints  # [questions, MAX_NEGATIVES] passages without the answer, -1 = none
    kinds: Ints = field(default_factory=lambda: np.zeros(0, np.int32))  # [questions] QUESTION, ABSENT or CLAIM

    def __post_init__(self) -> None:
        if not len(self.kinds):
            self.kinds = np.full(len(self.questions), QUESTION, np.int32)

    def __len__(self) -> int:
        return len(self.questions)

    def save(self, path: Path) -> None:
        flat: dict[str, NDArray[np.generic]] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Ragged):
                flat[f"{f.name}.values"], flat[f"{f.name}.offsets"] = value.values, value.offsets
            else:
                flat[f.name] = value
        np.savez(path, **flat)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Store":
        data = np.load(path)
        ragged = {n: Ragged(data[f"{n}.values"], data[f"{n}.offsets"]) for n in ("questions", "contexts", "passages")}
        return cls(
            **ragged,
            gold=data["gold"],
            spans=data["spans"],
            negatives=data["negatives"],
            kinds=data.get("kinds", np.zeros(0, np.int32)),
        )

    @staticmethod
    def join(parts: Sequence["Store"]) -> "Store":
        shift = np.cumsum([0] + [len(p.passages) for p in parts])
        moved = [
            (np.where(p.gold >= 0, p.gold + s, -1), np.where(p.negatives >= 0, p.negatives + s, -1))
            for p, s in zip(parts, shift, strict=False)
        ]
        return Store(
            Ragged.join([p.questions for p in parts]),
            Ragged.join([p.contexts for p in parts]),
            Ragged.join([p.passages for p in parts]),
            np.concatenate([m[0] for m in moved]).astype(np.int32),
            np.concatenate([p.spans for p in parts]),
            np.concatenate([m[1] for m in moved]).astype(np.int32),
            np.concatenate([p.kinds for p in parts]),
        )


def answer_places(text: str, start: int, answer: str) -> list[int]:
    """Returns the places where the answer stands as whole words, the given one first."""
    places = [start]
    at = text.find(answer)
    while at >= 0 and len(places) < MAX_SPANS:
        before, after = text[at - 1 : at], text[at + len(answer) : at + len(answer) + 1]
        if at != start and not before.isalnum() and not after.isalnum():
            places.append(at)
        at = text.find(answer, at + 1)
    return places


def token_span(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """Returns the first and the last token that overlap the characters [start, end)."""
    hit = [i for i, (a, b) in enumerate(offsets) if a < end and b > start]
    return (hit[0], hit[-1]) if hit else None


def load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def build_store(
    tokenizer: Tokenizer,
    passages: Sequence[tuple[str, str]],
    questions: Sequence[tuple[str, int, Sequence[tuple[int, int]], Sequence[int]]],
    kinds: Sequence[int] = (),
) -> Store:
    """passages: (context, text). questions: (text, gold passage or -1, character spans in it, negative passages)."""
    encode = tokenizer.encode_batch
    texts = encode([p[1] for p in passages], add_special_tokens=False)
    contexts = encode([p[0] for p in passages], add_special_tokens=False)
    asked = encode([q[0] for q in questions], add_special_tokens=False)
    spans = np.full((len(questions), MAX_SPANS, 2), -1, np.int32)
    negatives = np.full((len(questions), MAX_NEGATIVES), -1, np.int32)
    for i, (_, gold, places, wrong) in enumerate(questions):
        if gold >= 0:
            found = [token_span(texts[gold].offsets, a, b) for a, b in places[:MAX_SPANS]]
            for j, span in enumerate(s for s in found if s):
                spans[i, j] = span
        negatives[i, : len(wrong[:MAX_NEGATIVES])] = wrong[:MAX_NEGATIVES]
    return Store(
        Ragged.of([e.ids for e in asked]),
        Ragged.of([e.ids for e in contexts]),
        Ragged.of([e.ids for e in texts]),
        np.array([q[1] for q in questions], np.int32),
        spans,
        negatives,
        np.array(kinds, np.int32),
    )


@dataclass(frozen=True)
class Shape:
    """Fixed sizes of a batch, so that the compiled step sees one shape, and the tokens around its parts."""

    tokens: int = 32768
    sequences: int = 384
    longest: int = 384
    question: int = 64
    context: int = 24
    cls: int = CLS
    sep: int = SEP


def pair_tokens(
    question: NDArray[Any], context: NDArray[Any], passage: NDArray[Any], shape: Shape
) -> tuple[NDArray[np.int64], int]:
    """[CLS] question [SEP] context [SEP] passage [SEP] -> (ids, position of the passage's first token)."""
    q, c = question[: shape.question], context[: shape.context]
    head = [shape.cls, *q, shape.sep] + ([*c, shape.sep] if len(c) else [])
    body = passage[: shape.longest - len(head) - 1]
    return np.array([*head, *body, shape.sep], np.int64), len(head)


@dataclass
class Batch:
    """Packed sequences as flat arrays [tokens] of fixed size; ``sequence`` numbers the sequence of each token."""

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    positions: NDArray[np.int64]
    inside: NDArray[np.bool_]  # token may be in an answer (passage tokens)
    sequence: NDArray[np.int64]
    cu: NDArray[np.int32]
    spans: NDArray[np.int64]  # [sequences, MAX_SPANS, 2] flat token positions, -1 = none; CLS where unanswerable
    label: NDArray[np.float32]  # [sequences] 1 answers, 0 does not, -1 padding
    has_span: NDArray[np.bool_]  # [sequences] the span loss applies
    kind: NDArray[np.int64]  # [sequences] QUESTION, ABSENT or CLAIM


Item = tuple[NDArray[np.int64], int, int, NDArray[np.int32] | None, float, int]


def pack(items: Sequence[Item], shape: Shape) -> Batch:
    """items: (ids, passage start, question end, spans relative to the passage or None = no span known, label, kind)."""
    n, t = shape.sequences, shape.tokens
    ids = np.zeros(t, np.int64)
    types, positions = np.zeros(t, np.int64), np.zeros(t, np.int64)
    inside, sequence = np.zeros(t, np.bool_), np.zeros(t, np.int64)
    cu = np.zeros(n + 1, np.int32)
    spans = np.full((n, MAX_SPANS, 2), -1, np.int64)
    label, has_span = np.full(n, -1, np.float32), np.zeros(n, np.bool_)
    kinds = np.zeros(n, np.int64)
    at = 0
    for i, (row, first, question_end, answer, is_gold, kind) in enumerate(items):
        end = at + len(row)
        ids[at:end] = row
        types[at + question_end : end] = 1
        positions[at:end] = np.arange(len(row))
        inside[at + first : end - 1] = True
        sequence[at:end] = i
        label[i], kinds[i] = is_gold, kind
        if kind == CLAIM:
            pass
        elif is_gold == 0:
            spans[i, 0] = at
            has_span[i] = True
        elif answer is not None:
            fits = [s for s in answer if s[0] >= 0 and first + s[1] < len(row) - 1]
            for j, s in enumerate(fits):
                spans[i, j] = at + first + s
            has_span[i] = bool(fits)
        at = end
        cu[i + 1] = at
    filled = len(items)
    cu[filled + 1 :] = at
    while at < t:  # filler sequences, ignored by every loss
        assert filled < n, "Shape.sequences is too small for the filler"
        end = min(at + shape.longest, t)
        positions[at:end] = np.arange(end - at)
        sequence[at:end] = filled
        at = end
        filled += 1
        cu[filled:] = at
    return Batch(ids, types, positions, inside, sequence, cu, spans, label, has_span, kinds)


def mask_words(
    batch: Batch,
    rate: float,
    rng: np.random.Generator,
    mark: int = MASK,
    words_between: tuple[int, int] = WORDS,
) -> dict[str, NDArray[np.int64]]:
    """Hides runs of passage tokens in place, never answers -> ``where`` they stood and what they were (-100: none).

    Both have a fixed length. Four of five hidden tokens become ``mark``, one of ten another word, one of ten stays.
    """
    n = len(batch.ids)
    free = batch.inside.copy()
    for spans in batch.spans[batch.has_span & (batch.label > 0)]:
        for first, last in spans[spans[:, 0] >= 0]:
            free[first : last + 1] = False
    shares = np.array([0.42, 0.24, 0.16, 0.10, 0.08])  # runs of 1 to 5 tokens
    starts = np.flatnonzero(rng.random(n) < rate / (shares @ np.arange(1, 6)))
    lengths = rng.choice(np.arange(1, 6), len(starts), p=shares)
    hidden = np.zeros(n, np.bool_)
    for d in range(5):
        hidden[np.minimum(starts[lengths > d] + d, n - 1)] = True
    at = np.flatnonzero(hidden & free)
    most = int(1.2 * rate * n)
    at = rng.permutation(at)[:most]
    where, words = np.zeros(most, np.int64), np.full(most, -100, np.int64)
    where[: len(at)], words[: len(at)] = at, batch.ids[at]
    kind = rng.random(len(at))
    batch.ids[at[kind < 0.8]] = mark
    other = at[(kind >= 0.8) & (kind < 0.9)]
    batch.ids[other] = rng.integers(words_between[0], words_between[1], len(other))
    return {"where": where, "words": words}


def groups(
    store: Store, order: NDArray[np.int64], size: int, shape: Shape, rng: np.random.Generator, drop_context: float
) -> Iterator[list[Item]]:
    """For each question in ``order``: its gold passage and size - 1 negatives; the first negative always where there is
    no gold passage."""
    empty = np.zeros(0, np.int64)
    for i in order:
        q = store.questions[i]
        pool = store.negatives[i][store.negatives[i] >= 0]
        need = size - (store.gold[i] >= 0)
        if store.gold[i] < 0 or (len(pool) < need):
            extra = rng.integers(0, len(store.passages), need - min(need, len(pool)))
            pool = np.concatenate([pool, extra])
        chosen = rng.choice(pool, need, replace=False) if need else pool[:0]
        if store.gold[i] < 0 and need and pool[0] not in chosen:
            chosen[0] = pool[0]
        rows = []
        no_context = rng.random() < drop_context
        for j, p in enumerate([store.gold[i], *chosen] if store.gold[i] >= 0 else chosen):
            ids, first = pair_tokens(q, empty if no_context else store.contexts[p], store.passages[p], shape)
            gold = j == 0 and store.gold[i] >= 0
            spans = store.spans[i] if gold else None
            rows.append((ids, first, min(len(q), shape.question) + 2, spans, float(gold), int(store.kinds[i])))
        yield rows


def batches(
    store: Store,
    size: int,
    shape: Shape,
    seed: int,
    epochs: int,
    drop_context: float = 0.25,
    share: tuple[int, int] = (0, 1),
    limit: int | None = None,
) -> Iterator[Batch]:
    """Packed batches of whole groups, reshuffled every epoch. ``share`` = (worker, workers): every worker a slice."""
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(store))[:limit]
        rng = np.random.default_rng([seed, epoch, share[0]])
        items: list[Item] = []
        used = 0
        for rows in groups(store, order[share[0] :: share[1]], size, shape, rng, drop_context):
            length = sum(len(r[0]) for r in rows)
            filler = -(-(shape.tokens - used) // shape.longest)
            if used + length > shape.tokens or len(items) + len(rows) + filler > shape.sequences:
                yield pack(items, shape)
                items, used = [], 0
            items += rows
            used += length
        if items:
            yield pack(items, shape)
