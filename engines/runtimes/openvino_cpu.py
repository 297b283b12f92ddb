"""The model on OpenVINO, on x86 CPUs: much faster with many tokens at a time than ONNX Runtime, slower with one.

A step is one run over the flat tokens of all sequences, without padding; attention reads K and V from their pages.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import properties
from openvino.properties import hint

from engines.checkpoint import Checkpoint
from engines.errors import RuntimeUnavailable
from engines.lower_openvino import PAGE_TOKENS, OpenVinoModel
from engines.onnx_weights import OnnxWeights
from engines.runtime import StepBatch
from engines.runtimes.cpu_model import CpuRuntime, new_pool, onnx_build
from engines.runtimes.mapped_files import releasing
from engines.weights import Float

# More at a time is 3 % faster and takes twice the memory for what lies between the layers.
_LARGEST_RUN = 256
_SINGLE_TOKEN = StepBatch(
    tokens=np.zeros(1, np.int64),
    positions=np.zeros(1, np.int64),
    slots=np.zeros(1, np.int64),
    sequence_starts=np.array([0, 1]),
    context_lengths=np.ones(1, np.int64),
    page_table=np.zeros((1, 1), np.int64),
    logits_for=np.zeros(1, np.int64),
)


class OpenVinoRuntime(CpuRuntime):
    """``threads`` None uses every core. It computes with the weights of the ONNX build, kept in ``cache``; without one,
    the model is built for this object alone. Raises RuntimeUnavailable for a model that OpenVINO cannot compute."""

    name = "openvino"
    page_tokens = PAGE_TOKENS

    def __init__(
        self,
        checkpoint: Checkpoint,
        num_pages: int,
        max_context: int | None = None,
        *,
        threads: int | None = None,
        cache: Path | None = None,
    ) -> None:
        super().__init__(checkpoint, num_pages, max_context)
        spec = self.spec
        with onnx_build(checkpoint, cache) as build:
            self._use(build)
            weights = OnnxWeights(build.folder)
            self._model = OpenVinoModel(checkpoint, weights)  # what is compiled goes on reading some of its constants
            self._request = _request(self._model, threads)
        self._pool = new_pool((2 * spec.num_layers, num_pages, spec.num_kv_heads, PAGE_TOKENS, spec.head_dim))
        for layer in range(spec.num_layers):
            for half, name in enumerate(("key", "value")):
                self._request.set_tensor(
                    f"{name}_cache.{layer}", ov.Tensor(self._pool[2 * layer + half], shared_memory=True)
                )
        cos, sin = spec.rope.tables(self.max_context, self.max_context)
        self._cos, self._sin = np.concatenate([cos, cos], axis=1), np.concatenate([-sin, sin], axis=1)
        with releasing(weights.path):
            self.step(_SINGLE_TOKEN)  # the first run packs the weights

    def copy_page(self, source: int, target: int) -> None:
        self._pool[:, target] = self._pool[:, source]

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        parts = [self._run(part) for part in _parts(batch)]
        return np.concatenate(parts)

    def _run(self, batch: StepBatch) -> NDArray[np.float32]:
        contexts, starts = batch.context_lengths, batch.sequence_starts
        pages = -(-contexts // PAGE_TOKENS)
        used = np.arange(batch.page_table.shape[1]) < pages[:, None]
        # The model computes at least one row of logits.
        rows = batch.logits_for if len(batch.logits_for) else np.zeros(1, np.int64)
        inputs = {
            "x": self._embedding[batch.tokens] * np.float32(self.spec.embedding_scale),
            "cos": self._cos[batch.positions][:, None],
            "sin": self._sin[batch.positions][:, None],
            "rows": rows.astype(np.int32),
            "past_lens": (contexts - np.diff(starts)).astype(np.int32),
            "subsequence_begins": starts.astype(np.int32),
            "block_indices": batch.page_table[used].astype(np.int32),
            "block_indices_begins": np.append(0, np.cumsum(pages)).astype(np.int32),
            "max_context_len": np.array(contexts.max(), np.int32),
        }
        for name, array in inputs.items():
            self._request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        self._request.infer()
        logits: Float = self._request.get_output_tensor(0).data[: len(batch.logits_for)].copy()
        return logits


def _parts(batch: StepBatch) -> Iterator[StepBatch]:
    """The step in runs of at most ``_LARGEST_RUN`` tokens, in order."""
    stops = batch.sequence_starts[1:]
    for first in range(0, len(batch.tokens), _LARGEST_RUN):
        last = min(first + _LARGEST_RUN, len(batch.tokens))
        starts = np.clip(batch.sequence_starts, first, last) - first
        there = np.diff(starts) > 0
        wanted = batch.logits_for
        yield StepBatch(
            tokens=batch.tokens[first:last],
            positions=batch.positions[first:last],
            slots=batch.slots[first:last],
            sequence_starts=np.append(starts[:-1][there], last - first),
            context_lengths=(batch.context_lengths - np.maximum(stops - last, 0))[there],
            page_table=batch.page_table[there],
            logits_for=wanted[(wanted >= first) & (wanted < last)] - first,
        )


def _request(model: OpenVinoModel, threads: int | None) -> ov.InferRequest:
    options = {
        hint.performance_mode(): hint.PerformanceMode.LATENCY,
        hint.inference_precision(): ov.Type.f32,
        hint.kv_cache_precision(): ov.Type.f32,
        hint.dynamic_quantization_group_size(): model.group,
    }
    if threads is not None:
        options[properties.inference_num_threads()] = threads
    try:
        return ov.Core().compile_model(model.model, "CPU", options).create_infer_request()
    except RuntimeError as error:
        raise RuntimeUnavailable(
            f"OpenVINO {ov.__version__} does not run this model: {error}.", 'Set model.runtime to "onnx".'
        ) from error
