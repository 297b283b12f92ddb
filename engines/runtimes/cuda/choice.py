"""Which kernels compute a single token: measured when a model is opened."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from engines.base import StepBatch
from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.attention import Attention
from engines.runtimes.cuda.buffers import AttentionShape, StepInputs, attention_items
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.products import FEW
from engines.runtimes.cuda.single import IN_FLIGHT, SingleStep

_STEPS = 8


class Queues(Protocol):
    """What is measured of a decoder."""

    packed_from: int
    attention: Attention

    def queue_layers(self, inputs: StepInputs, rows: int, shape: AttentionShape) -> None: ...

    def queue_logits(self, inputs: StepInputs, rows: int, first: int = 0) -> None: ...

    def queue_single(self, inputs: StepInputs, single: SingleStep) -> None: ...


def packed_is_faster(
    device: Device,
    config: ModelConfig,
    decoder: Queues,
    inputs: StepInputs,
    single: SingleStep | None,
    *,
    logits: bool,
) -> bool:
    """Whether a step of one token takes less time as a packed row than by ``single`` or, without it, by the kernels for
    rows as they are. Runs a few steps of a token that is kept nowhere."""
    seconds = []
    for packed_from in (1, 2):
        decoder.packed_from = packed_from
        used = single if packed_from == 2 else None
        seconds.append(_seconds(device, config, decoder, inputs, used, 1, logits=logits))
    return seconds[0] < seconds[1]


def tune(
    device: Device, config: ModelConfig, decoder: Queues, inputs: StepInputs, single: SingleStep, *, logits: bool
) -> None:
    """Has ``single`` read the weights ahead as far as makes its steps the fastest: with little under way the memory is
    idle at times, with much every other load waits behind it."""

    def seconds(pieces: int) -> float:
        single.set_in_flight(pieces)
        return _seconds(device, config, decoder, inputs, single, 1, logits=logits)

    seconds(IN_FLIGHT[0])  # the clock rises first
    single.set_in_flight(min(IN_FLIGHT, key=seconds))


def single_up_to(
    device: Device,
    config: ModelConfig,
    decoder: Queues,
    inputs: StepInputs,
    single: SingleStep,
    pages: int,
    *,
    logits: bool,
) -> int:
    """Returns up to how many pages of context, of ``pages`` at most, a step of one token takes less time by ``single``
    than by a kernel for each thing: attention within one kernel is the slower one. Both grow with the context."""

    def by(used: SingleStep | None, context: int) -> float:
        return _seconds(device, config, decoder, inputs, used, context, logits=logits)

    near, far = by(None, 1) - by(single, 1), by(None, pages) - by(single, pages)
    if far >= 0:
        return pages
    return max(0, int(pages * near / (near - far)))


def _seconds(
    device: Device,
    config: ModelConfig,
    decoder: Queues,
    inputs: StepInputs,
    single: SingleStep | None,
    pages: int,
    *,
    logits: bool,
) -> float:
    """Of a few steps of one token that is kept nowhere, behind so many pages."""
    one, none, context = np.ones(1, np.int64), np.zeros(1, np.int64), np.array([pages * PAGE_TOKENS])
    if pages == 1:
        context = one
    batch = StepBatch(none, context - 1, none - 1, np.arange(2), context, np.arange(pages).reshape(1, -1), none)
    items = attention_items(batch, config, FEW + 1)
    inputs.write(batch, items, 1)
    shape = items.shape(config, 1, decoder.attention.at_once, cluster=decoder.attention.cluster)

    def queue() -> None:
        if single is not None:
            decoder.queue_single(inputs, single)
            return
        decoder.queue_layers(inputs, 1, shape)
        if logits:
            decoder.queue_logits(inputs, 1)

    return _time(device, queue)


def _time(device: Device, queue: Callable[[], None]) -> float:
    with device.capture() as graph:
        queue()
    graph.launch()
    timer = device.timer()
    timer.start()
    for _ in range(_STEPS):
        graph.launch()
    seconds = timer.stop()
    graph.close()
    return seconds
