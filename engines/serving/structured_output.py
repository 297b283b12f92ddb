"""Structured output: llguidance says which tokens may come next, so that the text fits a JSON schema, a regular
expression or a grammar.

An Engine calls ``StructuredOutput(tokenizer, vocab_size)`` for each such request. The tokenizer's index is built once,
on first use. A broken schema is a RequestError when the request is made, not later.
"""

import json
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import RequestError, RuntimeUnavailable
from engines.serving.protocols import GrammarMatcher
from engines.serving.sampling_params import SamplingParams

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_log = logging.getLogger(__name__)


class TokenizerSource(Protocol):
    """What the index is built from: ``to_json`` is the content of a tokenizer.json."""

    @property
    def eos_ids(self) -> frozenset[int]: ...

    def to_json(self) -> str: ...


class StructuredOutput:
    """Compiles the schema, expression or grammar of a request to a GrammarMatcher. Thread-safe."""

    def __init__(self, tokenizer: TokenizerSource, vocab_size: int) -> None:
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._index: LLTokenizer | None = None
        self._lock = threading.Lock()

    def __call__(self, params: SamplingParams) -> GrammarMatcher:
        """Raises RequestError for a schema, an expression or a grammar that is wrong or not supported."""
        from llguidance import LLMatcher

        if params.json_schema is not None:
            name, grammar = "json_schema", _schema_grammar(params.json_schema)
        elif params.grammar is not None:
            name, grammar = "grammar", LLMatcher.grammar_from_lark(params.grammar)
        else:
            assert params.regex is not None, "the engine calls this for structured output only"
            name, grammar = "regex", LLMatcher.grammar_from_regex(params.regex)
        matcher = LLMatcher(self._built_index(), grammar, log_level=0)
        if matcher.is_error():
            reason = " ".join(matcher.get_error().split("<state>")[0].split())[:300]
            raise RequestError(f"The {name} cannot be used: {reason}.", "Correct or simplify it.")
        return _LlguidanceMatcher(matcher, self._vocab_size, sorted(self._tokenizer.eos_ids))

    def _built_index(self) -> "LLTokenizer":
        with self._lock:
            if self._index is None:
                self._index = _build_index(self._tokenizer, self._vocab_size)
            return self._index


def _build_index(tokenizer: TokenizerSource, vocab_size: int) -> "LLTokenizer":
    from llguidance import LLTokenizer

    ends = sorted(tokenizer.eos_ids)
    try:
        # Without an end token of its own the library looks for one in the vocabulary.
        return LLTokenizer(tokenizer.to_json(), n_vocab=vocab_size, eos_token=ends or None)
    except ValueError as error:
        raise RuntimeUnavailable(
            f"This model's tokenizer cannot be used for structured output: {error}.", "Leave json_schema and regex out."
        ) from error


def _schema_grammar(text: str) -> str:
    from llguidance import LLMatcher

    try:
        schema: Any = json.loads(text)
        # White space between tokens would let a model write blanks for ever.
        return str(LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False}))
    except (ValueError, TypeError, RecursionError) as error:
        raise RequestError(f"The json_schema is not valid: {error}.", "Give a JSON Schema object.") from error


class _LlguidanceMatcher:
    """Holds one request's place in its grammar.

    It runs on the engine's thread, so it never raises: should the library give up on a grammar that is too complex, the
    output ends there.
    """

    def __init__(self, matcher: "LLMatcher", vocab_size: int, eos_ids: Sequence[int]) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._eos_ids = list(eos_ids)

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.bool_]:
        if not self._matcher.is_stopped():
            bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
            if not self._matcher.is_error():
                return self._mask(np.unpackbits(bits, bitorder="little")[: self._vocab_size])
            _log.warning("structured output was given up: %s", self._matcher.get_error()[:500])
        return self._mask(np.zeros(0, np.uint8), ended=True)

    def accept(self, token: int) -> None:
        self._matcher.consume_token(token)

    def _mask(self, flags: NDArray[np.uint8], *, ended: bool = False) -> NDArray[np.bool_]:
        mask = np.zeros(self._vocab_size, dtype=np.bool_)
        mask[: len(flags)] = flags.astype(np.bool_)
        if ended or self._matcher.is_accepting():
            mask[self._eos_ids] = True
        if not mask.any():  # a model without an end token, behind the end: whatever comes is not shown
            mask[:] = True
        return mask
