"""Measures a model's shape with made-up INT4 weights on this card: first token, decode steps, and their share of the
speed at which the card copies memory in the same run.

A decode step reads all weights once and the K and V of every request; those bytes over the time of a step are ``gb_s``.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.base import Int64, StepBatch
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.parallel import ParallelRuntime
from engines.runtimes.cuda.runtime import CudaRuntime
from engines.runtimes.cuda.sharding import Shard
from engines.runtimes.cuda.step_times import StepTimes
from engines.runtimes.cuda.weights import RandomSource, Source
from engines.serving.engine import Engine, EngineConfig
from engines.serving.sampling_params import SamplingParams

# hidden, inner, layers, heads, KV heads, vocabulary
SHAPES: dict[str, tuple[int, int, int, int, int, int]] = {
    "mistral-7b": (4096, 14336, 32, 32, 8, 32000),
    "llama2-13b": (5120, 13824, 40, 40, 40, 32000),
    "llama3-8b": (4096, 14336, 32, 32, 8, 128256),
    "qwen3-1.7b": (2048, 6144, 28, 16, 8, 151936),  # without its norms of heads
}
LOADS = ((1, 128), (1, 2048), (8, 512), (32, 128))  # requests at once, prompt tokens of each
_NEW_TOKENS = 128
_SERVED_TOKENS = 112  # fewer, so that contexts stay within what was made room for
_MEASURED_STEPS = (-80, -16)  # in which all requests decode, whenever their prompts were computed
_COPY_BYTES = 4 << 30
_TRIES = 5
_PROMPTS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """Times in milliseconds; ``decode_tok_s`` counts all requests together. ``engine_tok_s`` is the same where the
    engine schedules, samples and hands out every token, ``busy`` the share of that time in which the card computes."""

    shape: str
    gpus: int
    batch: int
    prompt_tokens: int
    new_tokens: int
    ttft_ms: float
    tpot_ms: float
    decode_tok_s: float
    gb_s: float
    share_of_copy: float
    engine_tok_s: float
    busy: float


def copy_speed(device: Device) -> float:
    """GB/s of a large copy within the card's memory, bytes read and written."""
    size = min(_COPY_BYTES, device.free_bytes // 4)
    source, target = device.allocate(size, zero=True), device.allocate(size)
    timer, best = device.timer(), float("inf")
    for _ in range(_TRIES):
        timer.start()
        device.copy(source, target, size)
        best = min(best, timer.stop())
    device.free(source)
    device.free(target)
    return 2 * size / best / 1e9


def measure_shape(
    shape: str, cache: Path | None, loads: Sequence[tuple[int, int]] = LOADS, gpus: int = 1
) -> Iterator[tuple[float, Row]]:
    """The copy's speed and a row for each load that the card has memory for."""
    config = config_of(shape)
    sources = (
        [RandomSource(config)] if gpus == 1 else [RandomSource(Shard(rank, gpus).of(config)) for rank in range(gpus)]
    )
    return _measured(shape, config, sources, cache, loads)


def measure_sources(
    name: str, config: ModelConfig, sources: Sequence[Source], cache: Path | None, loads: Sequence[tuple[int, int]]
) -> Iterator[tuple[float, Row]]:
    """The same of other weights: those of one card, or each card's share, cut in units (``sharding``)."""
    return _measured(name, config, sources, cache, loads, in_units=True)


def _measured(
    shape: str,
    config: ModelConfig,
    sources: Sequence[Source],
    cache: Path | None,
    loads: Sequence[tuple[int, int]],
    *,
    in_units: bool = False,
) -> Iterator[tuple[float, Row]]:
    gpus = len(sources)
    context = max(prompt for _, prompt in loads) + _NEW_TOKENS
    # With a page more for each, which the scheduler wants to be free before it takes a request in.
    pages = max(batch * (1 - (-(prompt + _NEW_TOKENS) // PAGE_TOKENS)) for batch, prompt in loads)
    runtime: CudaRuntime | ParallelRuntime
    if gpus == 1:
        runtime = CudaRuntime(config, sources[0], pages, context, cache=cache)
    else:
        runtime = ParallelRuntime(config, sources, pages, context, cache=cache, in_units=in_units)
    try:
        copied = copy_speed(runtime.device)
        for batch, prompt in loads:
            yield copied, _row(runtime, shape, gpus, batch, prompt, copied)
    finally:
        runtime.close()


def _row(runtime: CudaRuntime | ParallelRuntime, shape: str, gpus: int, batch: int, prompt: int, copied: float) -> Row:
    width = -(-(prompt + _NEW_TOKENS) // PAGE_TOKENS)
    tables = np.arange(batch * width).reshape(batch, width)
    random = np.random.default_rng(0)
    first = []
    for number in range(max(batch, _PROMPTS)):
        tokens, positions = random.integers(0, runtime.vocab_size, prompt), np.arange(prompt)
        started = time.perf_counter()
        runtime.step(
            _batch(tokens, positions, tables[number % batch][None], np.array([0, prompt]), np.array([prompt - 1]))
        )
        first.append(time.perf_counter() - started)
    positions = np.full(batch, prompt)
    tokens = random.integers(0, runtime.vocab_size, batch)
    decode = _batch(tokens, positions, tables, np.arange(batch + 1), np.arange(batch))
    busy, served = _served(runtime, batch, prompt)
    seconds = runtime.decode_chained(decode, _NEW_TOKENS) if isinstance(runtime, CudaRuntime) else served
    config = runtime.config
    kv = 2 * 2 * config.num_layers * config.kv_size * (prompt + _NEW_TOKENS / 2) * batch
    speed = (runtime.weight_bytes + kv) / seconds / 1e9
    return Row(
        shape,
        gpus,
        batch,
        prompt,
        _NEW_TOKENS,
        round(1000 * float(np.median(first)), 2),
        round(1000 * seconds, 3),
        round(batch / seconds, 1),
        round(speed, 1),
        round(speed / copied / gpus, 3),
        round(batch / served, 1),
        round(busy, 4),
    )


def _served(runtime: CudaRuntime | ParallelRuntime, batch: int, prompt: int) -> tuple[float, float]:
    """Share of the time in which the card is busy while the engine decodes ``batch`` requests, and seconds of a
    step."""
    config = EngineConfig(max_running=batch, share_prefixes=False, prompt_lookup=False)
    params = SamplingParams(max_tokens=_SERVED_TOKENS, ignore_eos=True)
    random = np.random.default_rng(1)
    runtime.step_times = times = StepTimes()
    with Engine(runtime, _Letters(), config) as engine:
        prompts = [random.integers(0, runtime.vocab_size, prompt).tolist() for _ in range(batch)]
        for generation in [engine.submit(tokens, params) for tokens in prompts]:
            generation.text()
    runtime.device.synchronize()
    runtime.step_times = None
    found = times.busy(*_MEASURED_STEPS)
    times.close()
    return found


class _Letters:
    """Any text: a letter for each token."""

    eos_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(97 + token % 26) for token in tokens)


def _batch(tokens: Int64, positions: Int64, tables: Int64, starts: Int64, wanted: Int64) -> StepBatch:
    sequence = np.repeat(np.arange(len(tables)), np.diff(starts))
    slots = tables[sequence, positions // PAGE_TOKENS] * PAGE_TOKENS + positions % PAGE_TOKENS
    return StepBatch(tokens, positions, slots, starts, positions[starts[1:] - 1] + 1, tables, wanted)


def config_of(shape: str) -> ModelConfig:
    hidden, inner, layers, heads, kv_heads, vocabulary = SHAPES[shape]
    return ModelConfig.from_dict(
        {
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": hidden,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": kv_heads,
            "vocab_size": vocabulary,
            "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0,
            "hidden_act": "silu",
            "tie_word_embeddings": False,
        }
    )
