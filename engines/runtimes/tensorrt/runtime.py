"""Runs the model on TensorRT: an engine for each subgraph and attention between them, all on one card.

TensorRtRuntime is the host's part: which memory each subgraph reads and writes, in which order work is queued, which
rows the last subgraph gets. ``open_runtime`` opens it on this machine's card.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from engines.base import Int64, StepBatch
from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.runtimes.cards import check_model, require_card, supports
from engines.runtimes.tensorrt.build import Progress, build_model, find_compiler
from engines.runtimes.tensorrt.lowering import Port, subgraph_ports
from engines.runtimes.tensorrt.protocols import AttentionBackend, M, Session

_LOGIT_ROWS = 32  # rows of logits computed at a time: a vocabulary of 256,000 makes them large


class TensorRtRuntime(Generic[M]):
    """``sessions`` are the subgraphs in order. A step of more tokens than an engine takes is run in parts."""

    name = "tensorrt"

    def __init__(
        self,
        config: ModelConfig,
        sessions: Sequence[Session],
        backend: AttentionBackend[M],
        num_pages: int,
        max_context: int | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        assert len(sessions) == config.num_layers + 1, f"{len(sessions)} subgraphs for {config.num_layers} layers"
        self.config = config
        self.num_pages = num_pages
        self.max_context = min(max_context or config.max_context, config.max_context)
        self._sessions = sessions
        self._on_close = on_close
        self._backend = backend
        self._max_rows = min(session.max_rows for session in sessions)
        self._capacity = 0
        self._memory: dict[str, M] = {}
        self._reserve(self._max_rows)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        backend, rows = self._backend, len(batch.tokens)
        self._reserve(rows)
        memory = self._memory
        backend.begin(batch)
        backend.upload(batch.tokens.astype(np.int64), memory["tokens"])
        for layer in range(self.config.num_layers):
            self._run(layer, rows)
            backend.attend(layer, memory["q"], memory["k"], memory["v"], memory["mixed"], rows)
        return self._logits(batch.logits_for)

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self._backend.copy_pages(copies)

    def close(self) -> None:
        """Lets go of the engines; call it after the last step."""
        self._sessions = ()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def _logits(self, wanted: Int64) -> NDArray[np.float32]:
        """The last subgraph, on the rows whose logits are asked for."""
        backend, memory, layers = self._backend, self._memory, self.config.num_layers
        result = np.empty((len(wanted), self.vocab_size), np.float32)
        at_once = min(_LOGIT_ROWS, self._max_rows)
        for start in range(0, len(wanted), at_once):
            rows = wanted[start : start + at_once]
            backend.gather(memory[self._place(layers, "residual")], rows, memory["chosen_residual"])
            backend.gather(memory["mixed"], rows, memory["chosen_mixed"])
            session = self._sessions[layers]
            session.bind("residual", backend.address(memory["chosen_residual"]))
            session.bind("mixed", backend.address(memory["chosen_mixed"]))
            session.bind("logits", backend.address(memory["logits"]))
            session.enqueue(len(rows), backend.stream)
            result[start : start + len(rows)] = backend.download(memory["logits"], len(rows))
        return result

    def _run(self, number: int, rows: int) -> None:
        """A subgraph that is not the last one, on all rows."""
        session = self._sessions[number]
        inputs, outputs = subgraph_ports(self.config, number)
        for start in range(0, rows, self._max_rows):
            for name in (*inputs, *outputs):
                session.bind(name, self._backend.address(self._memory[self._place(number, name)], start))
            session.enqueue(min(self._max_rows, rows - start), self._backend.stream)

    def _place(self, number: int, name: str) -> str:
        """Which memory an input or output of a subgraph is. The residual stream alternates between two places, as a
        subgraph must not write where it reads."""
        if name == "residual":
            return f"residual_{number % 2}"
        if name == "next_residual":
            return f"residual_{(number + 1) % 2}"
        return name

    def _reserve(self, rows: int) -> None:
        """Makes room for a step of so many tokens. Addresses stay the same until a larger step comes."""
        if rows <= self._capacity:
            return
        self._capacity = -(-rows // self._max_rows) * self._max_rows
        inputs, outputs = subgraph_ports(self.config, 0)
        ports = {**inputs, **outputs, "mixed": Port(np.float16, self.config.q_size)}
        stream = ports.pop("next_residual")
        ports |= {"residual_0": stream, "residual_1": stream}
        self._memory = {name: self._empty(self._capacity, port) for name, port in ports.items()}
        at_once = min(_LOGIT_ROWS, self._max_rows)
        chosen = {"chosen_residual": stream, "chosen_mixed": ports["mixed"]}
        logits = {"logits": Port(np.float32, self.vocab_size)}
        self._memory |= {name: self._empty(at_once, port) for name, port in (chosen | logits).items()}

    def _empty(self, rows: int, port: Port) -> M:
        return self._backend.empty(rows, port.width, port.dtype)


def open_runtime(
    checkpoint: Checkpoint,
    num_pages: int,
    max_context: int | None = None,
    *,
    cache: Path,
    max_tokens: int = 512,
    on_progress: Progress | None = None,
) -> TensorRtRuntime[Any]:
    """The runtime on this machine's card; engines are taken from ``cache`` or built. Raises RuntimeUnavailable that
    says which card or package is missing; the caller falls back to another runtime."""
    check_model(checkpoint.config)
    compiler = find_compiler()
    require_card(supports(compiler.library), compiler.library)
    from engines.runtimes.tensorrt.session import open_sessions
    from engines.runtimes.tensorrt.torch_backend import TorchBackend

    build = build_model(checkpoint.folder, cache, on_progress, max_tokens=max_tokens, compiler=compiler)
    context = min(max_context or checkpoint.config.max_context, checkpoint.config.max_context)
    backend = TorchBackend(checkpoint.config, num_pages, context)
    kernel_file = cache / f"{build.folder.name}.kernels"
    sessions, kernels = open_sessions(
        import_module(compiler.library), checkpoint.config, build.folder, kernel_file, backend
    )
    return TensorRtRuntime(checkpoint.config, sessions, backend, num_pages, context, kernels.save)
