"""On an NVIDIA card: the TensorRT runtime's host code with real device memory, streams and attention.

What TensorRT would compute is computed by ONNX Runtime on the CPU and copied, so that any card will do. Everything else
is what runs in earnest: addresses, the order on the stream, pages, gathered rows, downloads.
"""

from pathlib import Path

import numpy as np
import pytest

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cards import DATA_CENTRE, RTX, find_card, require_card
from engines.runtimes.reference.runtime import ReferenceRuntime
from engines.runtimes.selfcheck import compare, measure, replay
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams
from tests.engines.fakes import ByteTokenizer

torch = pytest.importorskip("torch", reason="needs torch: pip install -e .[oracle]")

from tests.engines.runtimes.tensorrt.tensorrt_fakes import fake_tensorrt  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA card with a working driver"),
]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    write_checkpoint(tmp_path / "model", Shape(128, 256, 3, 8, 2, vocabulary=256, context=512), group=32)
    return Checkpoint(tmp_path / "model")


def test_the_host_code_agrees_with_the_reference_on_a_card(checkpoint: Checkpoint, tmp_path: Path) -> None:
    runtime, sessions = fake_tensorrt(checkpoint, tmp_path, num_pages=8, max_rows=32, device="cuda")
    difference, reason = compare(replay(ReferenceRuntime(checkpoint, 8)), replay(runtime))
    assert reason is None
    assert difference < 0.01
    assert all(session.calls for session in sessions)
    assert measure(runtime).token_s > 0


def test_requests_side_by_side_say_what_they_say_alone(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """A pool too small for all of them, so that pages are handed on and sequences computed again."""
    random = np.random.default_rng(0)
    prompts = [random.integers(3, 256, 20 + 7 * index).tolist() for index in range(6)]
    params = SamplingParams(max_tokens=12, ignore_eos=True)
    runtime, _ = fake_tensorrt(checkpoint, tmp_path, num_pages=12, device="cuda")
    with Engine(runtime, ByteTokenizer(), EngineConfig(token_budget=48, max_running=4)) as engine:
        together = [engine.submit(prompt, params) for prompt in prompts]
        texts = [generation.text() for generation in together]
        assert texts == [engine.submit(prompt, params).text() for prompt in prompts]


def test_the_card_is_named_and_judged(checkpoint: Checkpoint) -> None:
    card = find_card()
    assert card is not None
    assert card.name == torch.cuda.get_device_name()
    for needed in (RTX, DATA_CENTRE):
        if needed.supports(card.capability):
            assert require_card(needed, "it") == card
        else:
            with pytest.raises(RuntimeUnavailable, match=card.name):
                require_card(needed, "it")
