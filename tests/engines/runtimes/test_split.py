"""A model whose first layers run on a card and whose last ones run on the processor gives what the whole one gives."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from engines.errors import EngineError
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.entry import OpenOptions
from engines.runtimes.native.entry import ENTRY as NATIVE
from engines.runtimes.native.runtime import NativeRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.runtimes.registry import RUNTIMES
from engines.runtimes.split.runtime import SplitRuntime
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer, flat_batch
from tests.engines.runtimes.steps import Row, assert_close, batch_of, some_tokens

pytestmark = pytest.mark.skipif(NATIVE.unavailable() is not None, reason=f"{NATIVE.unavailable()}")
LAYERS = 4
CUDA = RUNTIMES["cuda"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder, Shape(128, 256, LAYERS, 8, 2, vocabulary=320, context=512), group=32)
    return Checkpoint(folder)


class FirstLayers(ReferenceRuntime):
    """The reference without its last layers."""

    def __init__(self, checkpoint: Checkpoint, layers: int) -> None:
        super().__init__(checkpoint, 13)
        self._layers = self._layers[:layers]
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("layers", [1, 3])
def test_the_last_layers_go_on_where_the_first_ones_end(layers: int, checkpoint: Checkpoint) -> None:
    def open_last(pages: int) -> NativeRuntime:
        return NativeRuntime(checkpoint, pages, threads=1, first_layer=layers)

    tokens, first = some_tokens(150), FirstLayers(checkpoint, layers)
    expected = ReferenceRuntime(checkpoint, 13).step(flat_batch(tokens))
    runtime = SplitRuntime(first, open_last)
    assert (runtime.num_pages, runtime.max_context, runtime.vocab_size) == (13, 512, 320)
    assert_close(runtime.step(flat_batch(tokens)), expected, 0.15)
    for start, stop in itertools.pairwise([0, 40, 41, 42, 100, 150]):
        row = Row(start, tokens[start:stop], [6, 2, 7, 0, 3, 1, 4, 5, 8, 9], logits=stop - start)
        assert_close(runtime.step(batch_of(row)), expected[start:stop], 0.2)
    runtime.close()
    assert first.closed


def test_the_first_part_is_closed_where_the_last_one_does_not_open(checkpoint: Checkpoint) -> None:
    def refuse(pages: int) -> NativeRuntime:
        raise EngineError("There is no memory.", "Buy some.")

    first = FirstLayers(checkpoint, 2)
    with pytest.raises(EngineError, match="no memory"):
        SplitRuntime(first, refuse)
    assert first.closed


@pytest.mark.gpu
@pytest.mark.skipif(CUDA.unavailable() is not None, reason=f"{CUDA.unavailable()}")
@pytest.mark.parametrize("layers", [*range(LAYERS + 1), None])
def test_greedy_answers_are_the_references_however_many_layers_are_on_the_card(
    layers: int | None, checkpoint: Checkpoint, kernels: Path
) -> None:
    """The processor rounds activations to 8 bits, which may turn a near tie."""
    runtime = CUDA.open(checkpoint, OpenOptions(40, 512, threads=2, cache=kernels, gpu_layers=layers))
    assert runtime.name == ("native" if layers == 0 else "cuda")
    prompts = [some_tokens(count, seed) for seed, count in enumerate((45, 20, 31, 80, 37))]
    params = SamplingParams(max_tokens=16, ignore_eos=True)
    with Engine(runtime, ByteTokenizer(), EngineConfig(token_budget=64, max_running=3)) as engine:
        running = [engine.submit(prompt, params) for prompt in prompts]
        answers = [[one.token for delta in generation for one in delta.tokens] for generation in running]
    runtime.close()  # type: ignore[attr-defined]
    reference = ReferenceRuntime(checkpoint, 13)
    for prompt, answer in zip(prompts, answers, strict=True):
        logits = reference.step(flat_batch([*prompt, *answer]))[len(prompt) - 1 : -1]
        chosen = np.take_along_axis(logits, np.array(answer)[:, None], axis=1)[:, 0]
        assert (logits.max(axis=1) - chosen <= 0.15 * logits.std()).all()
