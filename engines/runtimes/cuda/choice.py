"""Which kernels compute a single token on a Hopper card: measured when a model is opened."""

from typing import Protocol

import numpy as np

from engines.base import StepBatch
from engines.model.config import ModelConfig
from engines.runtimes.cuda.attention import Attention
from engines.runtimes.cuda.buffers import AttentionShape, StepInputs, attention_items
from engines.runtimes.cuda.driver import Device
from engines.runtimes.cuda.products import FEW
from engines.runtimes.cuda.single import SingleStep

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
    one, none = np.ones(1, np.int64), np.zeros(1, np.int64)
    batch = StepBatch(none, none, none - 1, np.arange(2), one, none.reshape(1, 1), none)
    items = attention_items(batch, config, FEW + 1)
    inputs.write(batch, items, 1)
    shape = items.shape(config, 1, decoder.attention.at_once)
    seconds = []
    for packed_from in (1, 2):
        decoder.packed_from = packed_from
        with device.capture() as graph:
            if packed_from == 2 and single is not None:
                decoder.queue_single(inputs, single)
            else:
                decoder.queue_layers(inputs, 1, shape)
                if logits:
                    decoder.queue_logits(inputs, 1)
        graph.launch()
        timer = device.timer()
        timer.start()
        for _ in range(_STEPS):
            graph.launch()
        seconds.append(timer.stop())
        graph.close()
    return seconds[0] < seconds[1]
