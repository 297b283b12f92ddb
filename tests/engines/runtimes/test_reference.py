"""The plain float32 runtime against transformers: logits of every family, and greedy text through the whole engine."""

from pathlib import Path

import numpy as np
import pytest

from engines.model.checkpoint import Checkpoint
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.models import FAMILIES, reference_logits, write_model

# float32 sums in another order; logits of these models have a standard deviation of about 1.
TOLERANCE = 2e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_agree_with_transformers(family: str, tmp_path: Path) -> None:
    model = write_model(family, tmp_path)
    tokens = np.random.default_rng(1).integers(3, 320, 100).tolist()
    runtime = ReferenceRuntime(Checkpoint(tmp_path), num_pages=8)
    logits = runtime.step(flat_batch(tokens))
    expected = reference_logits(model, tokens)
    assert expected.std() > 0.1
    assert np.abs(logits - expected).max() < TOLERANCE * max(1, expected.std())


@pytest.mark.parametrize("family", ["llama-3", "gemma2", "phi3", "qwen3"])
def test_greedy_text_through_the_engine(family: str, tmp_path: Path) -> None:
    """Chunked prefill, pages and decoding together give the tokens that transformers gives from the whole context."""
    model = write_model(family, tmp_path)
    prompt = np.random.default_rng(2).integers(3, 320, 45).tolist()
    expected = list(prompt)
    for _ in range(15):
        expected.append(int(reference_logits(model, expected)[-1].argmax()))
    runtime = ReferenceRuntime(Checkpoint(tmp_path), num_pages=16)
    config = EngineConfig(token_budget=32, max_running=4)
    with Engine(runtime, ByteTokenizer(), config) as engine:
        generation = engine.submit(prompt, SamplingParams(max_tokens=15, ignore_eos=True, logprobs=0))
        produced = [sampled.token for delta in generation for sampled in delta.tokens]
    assert produced == expected[45:]
