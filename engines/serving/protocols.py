"""Protocols of what the engine is given: a tokenizer, and the grammars of structured output."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.serving.sampling_params import SamplingParams


class Tokenizer(Protocol):
    """Text to tokens and back. ``eos_ids`` end an answer."""

    @property
    def eos_ids(self) -> frozenset[int]: ...

    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


class GrammarMatcher(Protocol):
    """The state of one request whose output must match a JSON schema or a regular expression."""

    @property
    def finished(self) -> bool:
        """Whether nothing may follow any more."""
        ...

    def allowed(self) -> NDArray[np.bool_]:
        """The tokens that may come next, [vocabulary]; the end token is among them where the text may end."""
        ...

    def accept(self, token: int) -> None:
        """Advances by a sampled token."""
        ...


GrammarCompiler = Callable[[SamplingParams], GrammarMatcher]
