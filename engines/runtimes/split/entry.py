"""Registers the CUDA runtime so that layers that do not fit on the card run on the processor."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from engines.errors import RuntimeUnavailable
from engines.runtimes.cuda.entry import ENTRY as CUDA
from engines.runtimes.entry import OpenOptions
from engines.runtimes.native.entry import ENTRY as NATIVE

if TYPE_CHECKING:
    from engines.base import Runtime
    from engines.model.checkpoint import Checkpoint

_log = logging.getLogger(__name__)


def _open(checkpoint: "Checkpoint", options: OpenOptions) -> "Runtime":
    """On the card as far as it goes."""
    from engines.runtimes.cuda.fitting import fitting_layers

    layers, count = options.gpu_layers, checkpoint.config.num_layers
    if options.gpus > 1:
        return CUDA.open(checkpoint, options)
    if layers is None:
        layers = fitting_layers(checkpoint, options)
    if layers >= count:
        return CUDA.open(checkpoint, options)
    if (reason := NATIVE.unavailable()) is not None:
        raise RuntimeUnavailable(
            f"Of {count} layers {layers} would run on the card, and the others cannot run here: they need {reason}",
            "Set model.gpu_layers to auto, or choose a smaller model.",
        )
    from engines.runtimes.cuda.runtime import CudaRuntime
    from engines.runtimes.native.runtime import NativeRuntime
    from engines.runtimes.split.runtime import SplitRuntime

    context, cache = options.max_context, options.cache
    if layers < 1:
        _log.info("No layer of the model fits on the card")
        return NATIVE.open(checkpoint, options)
    _log.info("%d of %d layers run on the card", layers, count)
    return SplitRuntime(
        CudaRuntime.from_checkpoint(
            checkpoint, options.num_pages, context, cache, layers, kv_cache=options.kv_cache, lm_head=options.lm_head
        ),
        lambda pages: NativeRuntime(
            checkpoint, pages, context, threads=options.threads, cache=cache, first_layer=layers
        ),
        (f"{layers} of {count} layers run on the card, the others on the processor.",),
    )


ENTRY = replace(CUDA, open=_open)
