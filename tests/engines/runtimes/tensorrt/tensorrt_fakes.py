"""Stand-ins for TensorRT: a session that runs a subgraph's ONNX form on the memory it was bound to, and a compiler."""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.model.checkpoint import Checkpoint
from engines.runtimes.tensorrt.build import RowRange
from engines.runtimes.tensorrt.lowering import Port, subgraph_ports, write_subgraph
from engines.runtimes.tensorrt.runtime import TensorRtRuntime


def onnx_session(path: Path) -> ort.InferenceSession:
    """Activations are not rounded to 8 bits, which ONNX Runtime does by itself where it recognises INT4 weights."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    return ort.InferenceSession(str(path), options)


def memory_at(address: int, rows: int, port: Port) -> NDArray[Any]:
    """What lies at an address, [rows, width] or [rows]."""
    shape = (rows,) if port.width is None else (rows, port.width)
    size = int(np.prod(shape)) * np.dtype(port.dtype).itemsize
    block = (ctypes.c_char * size).from_address(address)
    return np.frombuffer(block, port.dtype).reshape(shape)


class HostMemory:
    """Reads and writes what was bound, in this computer's memory."""

    def read(self, address: int, rows: int, port: Port, stream: int) -> NDArray[Any]:
        assert stream == 0
        return memory_at(address, rows, port).copy()

    def write(self, values: NDArray[Any], address: int, port: Port, stream: int) -> None:
        memory_at(address, len(values), port)[...] = values


class CardMemory:
    """The same in the memory of a card, behind what its stream has been given to do."""

    def read(self, address: int, rows: int, port: Port, stream: int) -> NDArray[Any]:
        with self._on(stream):
            return np.asarray(self._at(address, rows, port).cpu().numpy())

    def write(self, values: NDArray[Any], address: int, port: Port, stream: int) -> None:
        import torch

        with self._on(stream):
            self._at(address, len(values), port).copy_(torch.from_numpy(np.ascontiguousarray(values)))

    def _on(self, stream: int) -> Any:
        import torch

        return torch.cuda.stream(torch.cuda.ExternalStream(stream))

    def _at(self, address: int, rows: int, port: Port) -> Any:
        import torch

        class Found:
            __cuda_array_interface__ = {  # noqa: RUF012 - the protocol's name for what lies at an address
                "shape": (rows,) if port.width is None else (rows, port.width),
                "typestr": np.dtype(port.dtype).str,
                "data": (address, False),
                "version": 2,
            }

        return torch.as_tensor(Found(), device="cuda")


class OnnxSession:
    """A subgraph on ONNX Runtime. Inputs are copied when it is enqueued; everything else in memory stays as it is."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        number: int,
        folder: Path,
        max_rows: int,
        memory: HostMemory | CardMemory | None = None,
    ) -> None:
        folder.mkdir()
        path, self.notes = write_subgraph(checkpoint, number, folder)
        self.max_rows = max_rows
        self.calls: list[int] = []
        self._inputs, self._outputs = subgraph_ports(checkpoint.config, number)
        self._session = onnx_session(path)
        self._memory = memory or HostMemory()
        self._addresses: dict[str, int] = {}

    def bind(self, name: str, address: int) -> None:
        assert name in self._inputs or name in self._outputs
        self._addresses[name] = address

    def enqueue(self, rows: int, stream: int) -> None:
        assert 1 <= rows <= self.max_rows
        self.calls.append(rows)
        feeds = {
            name: self._memory.read(self._addresses[name], rows, port, stream) for name, port in self._inputs.items()
        }
        results = self._session.run(list(self._outputs), feeds)
        for (name, port), result in zip(self._outputs.items(), results, strict=True):
            self._memory.write(result, self._addresses[name], port, stream)


def fake_tensorrt(
    checkpoint: Checkpoint,
    folder: Path,
    num_pages: int,
    max_rows: int = 512,
    max_context: int | None = None,
    device: str = "cpu",
) -> tuple[TensorRtRuntime[Any], list[OnnxSession]]:
    """The TensorRT runtime's host code over ONNX sessions on the CPU; torch's memory and attention on ``device``."""
    from engines.runtimes.tensorrt.torch_backend import TorchBackend

    config = checkpoint.config
    memory = CardMemory() if device == "cuda" else HostMemory()
    sessions = [
        OnnxSession(checkpoint, number, folder / f"subgraph-{number}", max_rows, memory)
        for number in range(config.num_layers + 1)
    ]
    context = min(max_context or config.max_context, config.max_context)
    backend = TorchBackend(config, num_pages, context, device=device)
    return TensorRtRuntime(config, sessions, backend, num_pages, context), sessions


@dataclass(frozen=True)
class FakeCompiler:
    """Copies the graph instead of compiling it, notes each call in ``log``, fails for the subgraph ``failing``, and
    its process dies at the subgraph ``killed``."""

    log: Path
    version: str = "1"
    target: str = "fake"
    failing: int | None = None
    killed: int | None = None
    name: str = "fake_library"

    def compile(self, graph: Path, ranges: tuple[RowRange, ...], engine: Path) -> dict[str, list[Any]]:
        number = int(graph.parent.name.removeprefix("graph-"))
        if number == self.failing:
            raise EngineError("The library cannot build a subgraph: too tired.", "Use another.")
        if number == self.killed:
            os._exit(9)
        with self.log.open("a") as log:
            log.write(f"{number}\n")
        engine.write_bytes(graph.read_bytes())
        return {"tokens": ["INT64", [-1]]}

    def calls(self) -> int:
        return len(self.log.read_text().split()) if self.log.exists() else 0
