"""Bounds what a model thinks before it answers: a thought that comes to its limit is ended, and the answer follows.

The prompt ends inside the thought. What constrains the answer begins behind it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.messages.marks import THOUGHT_ENDS
from engines.serving.protocols import GrammarMatcher
from engines.serving.sampling_params import ThoughtParams

_MARK_TOKENS = 16  # that spell the mark, at most


class ThoughtLimit:
    """Implements GrammarMatcher around that of the answer, if it has one."""

    def __init__(
        self,
        thought: ThoughtParams,
        answer: GrammarMatcher | None,
        decode: Callable[[Sequence[int]], str],
        vocab_size: int,
        eos_ids: frozenset[int],
    ) -> None:
        self._limit = thought.max_tokens
        self._end = list(thought.end)  # what is still to be forced
        self._answer = answer
        self._decode = decode
        self._tokens: list[int] = []
        self._thinks = True
        self._anything = np.ones(vocab_size, np.bool_)
        self._goes_on = self._anything.copy()
        self._goes_on[sorted(eos_ids)] = False  # an answer follows

    @property
    def finished(self) -> bool:
        return not self._thinks and self._answer is not None and self._answer.finished

    def allowed(self) -> NDArray[np.bool_]:
        if not self._thinks:
            return self._anything if self._answer is None else self._answer.allowed()
        if len(self._tokens) < self._limit:
            return self._goes_on
        mask = np.zeros_like(self._anything)
        mask[self._end[0]] = True
        return mask

    def accept(self, token: int) -> None:
        if not self._thinks:
            if self._answer is not None:
                self._answer.accept(token)
            return
        if len(self._tokens) >= self._limit:
            del self._end[0]
            self._thinks = bool(self._end)
            return
        self._tokens.append(token)
        self._thinks = THOUGHT_ENDS not in self._decode(self._tokens[-_MARK_TOKENS:])
