"""Puts what embedder and readers compute with on a graphics card, where there is one that computes it right.

A model is opened on the card when the part that uses it is made, and given the same tokens as the processor. Where
their results differ by more than rounding does, or anything fails, then or later, the processor computes, and the log
says why in one line. A vector from either is as good in one library: the same weights are multiplied, by activations in
float16 on the card and in 8 bits on the processor.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.runtimes.cards import driver_missing
from rag.protocols import PairEncoder, SentenceEncoder
from rag.types import PairScores

if TYPE_CHECKING:
    from engines.runtimes.cuda.encoders.encoder import PairScores as CardScores

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

LEAST_COSINE = 0.98  # of a vector from the card and one from the processor; measured 0.994 and more
MOST_DIFFERENCE = 0.25  # of spans' scores, root mean square over their spread; measured up to 0.1
MOST_RELEVANCE = 1.5  # of the relevance, log odds; measured up to 0.4
_LENGTHS = (3, 12, 40, 90)  # of the rows that both compute
_SECOND_FROM = 2


class CardEncoder(Protocol):
    """A model on a card (see ``engines.runtimes.cuda.encoders.encoder.CudaEncoder``)."""

    @property
    def card(self) -> str: ...

    @property
    def words(self) -> int: ...

    @property
    def judges(self) -> bool: ...

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]: ...

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> "list[CardScores]": ...

    def close(self) -> None: ...


class CardEncoders:
    """Opens models on the card with ``open_on_card``; ``builds`` keeps the compiled kernels. Where ``probe`` tells what
    is missing for a card, nothing is loaded to open one."""

    def __init__(
        self,
        builds: Path,
        open_on_card: "Callable[[Path, Path], CardEncoder | None] | None" = None,
        probe: Callable[[], str | None] = driver_missing,
    ) -> None:
        self._builds = builds
        self._open = open_on_card or partial(_open, probe)
        self._cards: list[_Card] = []

    @property
    def card(self) -> str | None:
        """The card that computes, if one does."""
        return next((card.name for card in self._cards if card.works), None)

    def close(self) -> None:
        """Gives the card's memory back; what is asked for from now on the processor computes."""
        for card in self._cards:
            card.close()

    def sentences(self, file: Path, trusted: SentenceEncoder) -> SentenceEncoder:
        """What computes the model in ``file``; ``trusted`` does on the processor."""
        card = self._opened(file, lambda encoder: _vectors_differ(encoder, trusted))
        return trusted if card is None else _Sentences(card, trusted)

    def pairs(self, file: Path, trusted: PairEncoder) -> PairEncoder:
        """As ``sentences``."""
        card = self._opened(file, lambda encoder: _scores_differ(encoder, trusted))
        return trusted if card is None else _Pairs(card, trusted)

    def _opened(self, file: Path, differ: Callable[[CardEncoder], str | None]) -> "_Card | None":
        try:
            encoder = self._open(file, self._builds)
        except EngineError as error:
            _say(file, error)
            return None
        if encoder is None:
            return None
        card = _Card(file, encoder)
        if (reason := card.attempt(differ)) is not None:
            card.give_up(reason)
        if not card.works:
            return None
        _log.info("%s is computed on %s", file, card.name)
        self._cards.append(card)
        return card


class _Card:
    """A model on a card, until something fails there."""

    def __init__(self, file: Path, encoder: CardEncoder) -> None:
        self._file = file
        self._encoder: CardEncoder | None = encoder
        self.name = encoder.card

    @property
    def works(self) -> bool:
        return self._encoder is not None

    def attempt(self, compute: Callable[[CardEncoder], _T]) -> _T | None:
        """What is computed; None where the processor has to do it."""
        encoder = self._encoder
        if encoder is None:
            return None
        try:
            return compute(encoder)
        except EngineError as error:
            self.give_up(error)
            return None

    def give_up(self, reason: object) -> None:
        if self.works:  # else another thread was first
            _say(self._file, reason)
            self.close()

    def close(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            encoder.close()
        except EngineError:  # a card that failed may refuse this too
            _log.debug("the card gave nothing back", exc_info=True)


class _Sentences:
    def __init__(self, card: _Card, trusted: SentenceEncoder) -> None:
        self._card, self._trusted = card, trusted

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        found = self._card.attempt(lambda encoder: encoder.vectors(rows))
        return self._trusted.vectors(rows) if found is None else found


class _Pairs:
    def __init__(self, card: _Card, trusted: PairEncoder) -> None:
        self._card, self._trusted = card, trusted

    @property
    def judges(self) -> bool:
        return self._trusted.judges

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        found = self._card.attempt(lambda encoder: _scores(encoder, rows, second_from))
        return self._trusted.pair_scores(rows, second_from) if found is None else found


def _open(probe: Callable[[], str | None], file: Path, builds: Path) -> CardEncoder | None:
    """None on a computer without a driver, which is nothing to speak of."""
    from engines.errors import RuntimeUnavailable
    from engines.runtimes.cuda.entry import ENTRY

    if probe() is not None:
        return None
    if (missing := ENTRY.unavailable()) is not None:
        raise RuntimeUnavailable(missing, "Docent uses the processor instead.")
    from engines.runtimes.cuda.encoders.encoder import CudaEncoder

    return CudaEncoder.load(file, builds)


def _say(file: Path, reason: object) -> None:
    _log.warning("%s is computed on the processor, not on the card: %s", file, reason)


def _scores(encoder: CardEncoder, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
    return [PairScores(one.relevance, one.support, one.band) for one in encoder.pair_scores(rows, second_from)]


def _rows(encoder: CardEncoder) -> list[list[int]]:
    random = np.random.default_rng(0)
    return [random.integers(0, encoder.words, length).tolist() for length in _LENGTHS]


def _vectors_differ(encoder: CardEncoder, trusted: SentenceEncoder) -> str | None:
    """Says how far the card is from the processor where that is too far."""
    rows = _rows(encoder)
    cosine = float((encoder.vectors(rows) * trusted.vectors(rows)).sum(axis=1).min())
    if cosine >= LEAST_COSINE:  # never where it is not a number
        return None
    return f"Its vectors differ from the processor's (cosine {cosine:.3f})."


def _scores_differ(encoder: CardEncoder, trusted: PairEncoder) -> str | None:
    rows = _rows(encoder)
    if encoder.judges != trusted.judges:
        return "It judges statements otherwise."
    found, expected = encoder.pair_scores(rows, _SECOND_FROM), trusted.pair_scores(rows, _SECOND_FROM)
    for mine, theirs in zip(found, expected, strict=True):
        there = np.add.outer(np.arange(len(mine.band)), np.arange(mine.band.shape[1])) < len(mine.band)
        apart = (mine.band - theirs.band)[there]
        difference = float(np.sqrt((apart**2).mean()) / theirs.band[there].std())
        relevance = abs(mine.relevance - theirs.relevance)
        support = abs((mine.support or 0.0) - (theirs.support or 0.0))
        if not (difference <= MOST_DIFFERENCE and relevance <= MOST_RELEVANCE and support <= MOST_RELEVANCE):
            return f"Its scores differ from the processor's (spans {difference:.2f}, relevance {relevance:.1f})."
    return None
