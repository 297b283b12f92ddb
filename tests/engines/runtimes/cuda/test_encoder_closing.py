"""An encoder gives its card back once, whatever happens, and uses none that was given back. Needs no card."""

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from engines.errors import EngineError, RuntimeUnavailable
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.encoders.encoder import CudaEncoder
from tests.engines.encoders import random_encoder

try:
    compile_kernels("rows", (8, 0))
except RuntimeUnavailable as error:
    pytest.skip(f"{error}", allow_module_level=True)


class Card:
    """Takes all that is queued and computes nothing. ``fails`` is raised when weights are put there."""

    name, capability, free_bytes = "a card", (8, 0), 2**40

    def __init__(self, fails: BaseException | None = None) -> None:
        self._fails = fails
        self._addresses = itertools.count(4096, 4096)
        self.is_open = True

    def load(self, binary: bytes) -> dict[str, object]:
        return defaultdict(object)

    def allocate(self, size: int) -> int:
        assert self.is_open
        return next(self._addresses)

    def array(self, values: NDArray[Any]) -> int:
        if self._fails is not None:
            raise self._fails
        return self.allocate(values.nbytes)

    def activate(self, *queued: object) -> None:
        assert self.is_open, "used after it was given back"

    upload = download = launch = synchronize = activate

    def close(self) -> None:
        self.is_open = False


def opened(card: Card, cache: Path) -> CudaEncoder:
    return CudaEncoder(random_encoder(), cache, device=card)  # type: ignore[arg-type]


def test_who_comes_after_it_was_closed_is_refused(tmp_path: Path) -> None:
    card = Card()
    encoder = opened(card, tmp_path)
    assert encoder.vectors([[1, 2]]).shape == (1, 128)
    encoder.close()
    with pytest.raises(EngineError, match="taken off the card"):
        encoder.vectors([[1, 2]])
    with pytest.raises(EngineError, match="taken off the card"):
        encoder.pair_scores([[1, 2]], 1)
    encoder.close()


@pytest.mark.parametrize("failure", [EngineError("The card failed."), MemoryError(), KeyboardInterrupt()])
def test_a_card_that_cannot_be_filled_is_given_back(failure: BaseException, tmp_path: Path) -> None:
    card = Card(failure)
    with pytest.raises(type(failure)):
        opened(card, tmp_path)
    assert not card.is_open
