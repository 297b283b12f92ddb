"""Structured output: whatever a random model samples, the text fits the schema or the expression."""

import json
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import RequestError
from engines.serving.engine import Engine
from engines.serving.sampling_params import SamplingParams
from engines.serving.structured_output import StructuredOutput
from tests.engines.fakes import ScriptedRuntime, scripted_logits
from tests.engines.small_tokenizer import VOCABULARY, small_model_tokenizer

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "colour": {"enum": ["red", "green", "blue"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 1, "maxItems": 3},
        "there": {"type": "boolean"},
    },
    "required": ["name", "age", "colour", "tags", "there"],
    "additionalProperties": False,
}


class Scripted(ScriptedRuntime):
    """The scripted model with as many tokens as the small tokenizer and a few that stand for nothing."""

    vocab_size = VOCABULARY + 7

    def _logits(self, context: NDArray[np.int64]) -> NDArray[np.float32]:
        return scripted_logits(context.tolist(), self.vocab_size)


def engine() -> Engine:
    tokenizer = small_model_tokenizer()
    return Engine(Scripted(), tokenizer, structured_output=StructuredOutput(tokenizer, Scripted.vocab_size))


def fits(value: Any) -> bool:
    """The schema above, checked by hand."""
    return (
        set(value) == set(SCHEMA["required"])
        and isinstance(value["name"], str)
        and len(value["name"]) <= 12
        and type(value["age"]) is int
        and 0 <= value["age"] <= 150
        and value["colour"] in ("red", "green", "blue")
        and 1 <= len(value["tags"]) <= 3
        and all(isinstance(tag, str) and len(tag) <= 5 for tag in value["tags"])
        and type(value["there"]) is bool
    )


def test_every_sampled_continuation_parses_and_fits_the_schema() -> None:
    with engine() as opened:
        generations = [
            opened.submit(
                f"Person {seed}:",
                SamplingParams(max_tokens=300, temperature=1.0, seed=seed, json_schema=json.dumps(SCHEMA)),
            )
            for seed in range(40)
        ]
        texts = [generation.text() for generation in generations]
    assert all(g.finished is not None and g.finished.reason == "stop" for g in generations)
    assert all(fits(json.loads(text)) for text in texts)
    assert len(set(texts)) > 30


def test_every_continuation_matches_the_expression() -> None:
    pattern = r"(19|20)\d\d-[01]\d: (yes|no|perhaps)( and ü+)?"
    with engine() as opened:
        for seed in range(20):
            params = SamplingParams(max_tokens=60, temperature=1.0, seed=seed, regex=pattern)
            generation = opened.submit("When?", params)
            text = generation.text()
            assert generation.finished is not None
            if generation.finished.reason == "stop":
                assert re.fullmatch(pattern, text), text
            else:  # it may add ü after ü as long as it likes
                assert re.match(pattern, text), text


def test_structured_and_free_requests_run_side_by_side() -> None:
    with engine() as opened:
        alone = opened.submit("Tell me", SamplingParams(max_tokens=20, ignore_eos=True)).text()
        free = opened.submit("Tell me", SamplingParams(max_tokens=20, ignore_eos=True))
        bound = opened.submit("Choose", SamplingParams(max_tokens=20, regex="left|right"))
        assert bound.text() in ("left", "right")
        assert free.text() == alone


@pytest.mark.parametrize(
    "params",
    [
        {"json_schema": "no json"},
        {"json_schema": '{"type": "no such type"}'},
        {"json_schema": '{"type": "string", "pattern": "(("}'},
        {"regex": "(("},
        {"regex": "(?=look)ahead"},
    ],
)
def test_a_wrong_schema_or_expression_is_refused_by_name(params: dict[str, Any]) -> None:
    with engine() as opened:
        with pytest.raises(RequestError) as caught:
            opened.submit("x", SamplingParams(**params))
        assert next(iter(params)) in caught.value.message
        assert opened.submit("x", SamplingParams(max_tokens=2, ignore_eos=True)).text() is not None


def test_a_grammar_that_grows_too_complex_ends_its_own_request_alone() -> None:
    from llguidance import LLMatcher

    from engines.serving.structured_output import _LlguidanceMatcher

    tokenizer = small_model_tokenizer()
    compiler = StructuredOutput(tokenizer, Scripted.vocab_size)
    matcher = LLMatcher(compiler._built_index(), LLMatcher.grammar_from_regex("ab"), log_level=0)
    limits = _LlguidanceMatcher(matcher, Scripted.vocab_size, sorted(tokenizer.eos_ids))
    limits.accept(tokenizer.encode("z")[0])  # what the grammar does not allow puts the library into its error state
    assert limits.finished
    assert np.flatnonzero(limits.allowed()).tolist() == sorted(tokenizer.eos_ids)
