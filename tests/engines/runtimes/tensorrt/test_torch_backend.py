"""Attention by torch against the plain one in numpy, on the processor and, where there is one, on an NVIDIA card."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.model.attention import PagedAttention
from engines.model.config import ModelConfig, RopeConfig
from engines.model.rope import rotate

torch = pytest.importorskip("torch", reason="needs torch: pip install -e .[oracle]")

from engines.runtimes.tensorrt.torch_backend import TorchBackend  # noqa: E402
from tests.engines.runtimes.steps import Row, batch_of, some_tokens  # noqa: E402

HALF = 4e-3  # of values of about 1, in float16
PAGES = 12


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no NVIDIA card with a working driver")
    return str(request.param)


CONFIG = ModelConfig(
    family="llama",
    vocab_size=64,
    hidden_size=64,
    intermediate_size=64,
    num_layers=2,
    num_heads=8,
    num_kv_heads=2,
    head_dim=32,
    norm_eps=1e-5,
    rope=RopeConfig(32, tuple((10000.0 ** (-np.arange(16) / 16)).tolist())),
    max_context=160,
    activation="silu",
    tie_embeddings=False,
    qkv_bias=False,
    output_bias=False,
    mlp_bias=False,
    qk_norm=False,
    sliding_window=None,
    sliding_layers=(False, False),
    embedding_scale=1.0,
    attention_scale=32**-0.5,
    attention_softcap=None,
    logit_softcap=None,
    norm_offset=0.0,
    post_norms=False,
    bos_id=1,
    eos_ids=(2,),
)
CONFIGS: dict[str, ModelConfig] = {
    "grouped heads": CONFIG,
    "one head each": replace(CONFIG, num_kv_heads=8),
    "sliding window": replace(CONFIG, sliding_window=11, sliding_layers=(True, False)),
    "capped scores": replace(CONFIG, attention_softcap=2.0, sliding_window=11, sliding_layers=(False, True)),
    "partly rotated": replace(CONFIG, rope=RopeConfig(24, CONFIG.rope.inverse_frequencies[:12], magnitude=1.2)),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_steps_of_prefill_and_decode_agree(kind: str, device: str) -> None:
    config = CONFIGS[kind]
    plain = PagedAttention(config, PAGES, config.max_context)
    backend = TorchBackend(config, PAGES, config.max_context, device)
    rng = np.random.default_rng(6)
    pages = [[7, 2, 11], [0, 5], [9]]
    lengths = [0, 0, 0]
    for counts in ((37, 20, 5), (1, 1, 4), (1, 1, 1), (3, 1, 1)):
        rows = [Row(lengths[i], some_tokens(count), pages[i]) for i, count in enumerate(counts)]
        lengths = [length + count for length, count in zip(lengths, counts, strict=True)]
        batch = batch_of(*rows)
        backend.begin(batch)
        for layer in range(config.num_layers):
            shapes = [
                (len(batch.tokens), heads) for heads in (config.num_heads, config.num_kv_heads, config.num_kv_heads)
            ]
            q, k, v = (rng.standard_normal((*shape, config.head_dim)).astype(np.float16) for shape in shapes)
            cos, sin = plain.rotation(layer, batch.positions)
            rotated = [rotate(x.astype(np.float32), cos, sin) for x in (q, k)]
            expected = plain(layer, rotated[0], rotated[1], v.astype(np.float32), batch)
            buffers = [upload(backend, x) for x in (q, k, v)]
            mixed = backend.empty(len(q) + 3, config.q_size, np.float16)
            backend.attend(layer, *buffers, mixed, len(q))
            assert np.abs(backend.download(mixed, len(q)) - expected).max() < HALF


def test_gathered_rows_and_addresses(device: str) -> None:
    backend = TorchBackend(CONFIG, PAGES, CONFIG.max_context, device)
    values = np.arange(12, dtype=np.float16).reshape(6, 2)
    source, target = upload(backend, values), backend.empty(4, 2, np.float16)
    backend.gather(source, np.array([5, 0, 3]), target)
    assert np.array_equal(backend.download(target, 3), values[[5, 0, 3]])
    assert backend.address(source, 2) - backend.address(source) == 2 * 2 * 2
    tokens = backend.empty(8, None, np.int64)
    assert backend.address(tokens, 3) - backend.address(tokens) == 3 * 8


def upload(backend: TorchBackend, values: np.ndarray[Any, Any]) -> Any:
    flat = values.reshape(len(values), -1)
    buffer = backend.empty(len(flat) + 2, flat.shape[1], np.float16)
    backend.upload(flat, buffer)
    return buffer
