"""Loads TensorRT engines and runs them: bindings, profiles, shared scratch memory, cache of compiled kernels.

The subgraphs of a model run one after the other, so they share one scratch memory. TensorRT for RTX compiles its
kernels when an engine first meets a card; they are kept in a file, which is written back when the runtime closes.
"""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import EngineError
from engines.model.config import ModelConfig
from engines.runtimes.tensorrt.build import engine_file, make_logger
from engines.runtimes.tensorrt.lowering import Port, subgraph_ports
from engines.runtimes.tensorrt.protocols import Memory
from files import replace_bytes

_log = logging.getLogger(__name__)
_TYPES: dict[type[np.generic], str] = {np.float16: "HALF", np.float32: "FLOAT", np.int64: "INT64"}
_AGAIN = "Delete the built model and build it again."


class KernelCache:
    """TensorRT for RTX's runtime cache in a file. One that it does not accept (another card, another version) is
    replaced. Plain TensorRT has none: then this does nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cache: Any = None

    def attach(self, config: Any) -> None:
        """Makes an engine's contexts use the cache."""
        if not hasattr(config, "create_runtime_cache"):
            return
        if self._cache is None:
            self._cache = config.create_runtime_cache()
            with contextlib.suppress(FileNotFoundError):
                if not self._cache.deserialize(self._path.read_bytes()):
                    _log.info("The kernels in %s are for another card or version and are compiled again", self._path)
        config.set_runtime_cache(self._cache)

    def save(self) -> None:
        """Atomic; a disk that refuses costs the next start some seconds and nothing else."""
        if self._cache is None:
            return
        try:
            replace_bytes(self._path, memoryview(self._cache.serialize()))
        except OSError as error:
            _log.warning("The compiled kernels were not kept: %s", error)


@dataclass(eq=False, slots=True)
class Scratch:
    """Memory that all subgraphs use in turn. It has to outlive them."""

    memory: Memory
    buffer: Any = None
    size: int = 0

    def reserve(self, size: int) -> None:
        if size > self.size:
            self.buffer, self.size = self.memory.empty(size, None, np.uint8), size

    @property
    def address(self) -> int:
        return 0 if self.buffer is None else self.memory.address(self.buffer)


class EngineSession:
    """Implements ``protocols.Session``. ``prepare`` must be called once all engines are
    loaded, when the size of the scratch memory is known."""

    def __init__(
        self, trt: Any, engine: Any, ports: tuple[Mapping[str, Port], Mapping[str, Port]], scratch: Scratch
    ) -> None:
        self._trt = trt
        self._engine = engine
        self._inputs, self._outputs = ports
        self._scratch = scratch
        self._context: Any = None
        self._addresses: dict[str, int] = {}
        self._rows = self._profile = -1
        self._check()
        first = next(iter(self._inputs))
        self._limits = [int(engine.get_tensor_profile_shape(first, i)[2][0]) for i in range(self._profiles)]
        scratch.reserve(int(engine.device_memory_size_v2))

    @property
    def max_rows(self) -> int:
        return max(self._limits)

    @property
    def _profiles(self) -> int:
        return int(self._engine.num_optimization_profiles)

    def prepare(self, kernels: KernelCache) -> None:
        """Makes the execution context."""
        user_managed = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        config = self._engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(user_managed)
        kernels.attach(config)
        self._context = self._engine.create_execution_context(config)
        if self._context is None:
            raise EngineError("TensorRT could not prepare a part of the model.", "Free memory of the card.")
        self._context.set_device_memory(self._scratch.address, self._scratch.size)

    def bind(self, name: str, address: int) -> None:
        if self._addresses.get(name) == address:
            return
        if not self._context.set_tensor_address(name, address):
            raise EngineError(f"TensorRT does not take the memory of {name}.", _AGAIN)
        self._addresses[name] = address

    def enqueue(self, rows: int, stream: int) -> None:
        if rows != self._rows:
            self._set_rows(rows, stream)
        if not self._context.execute_async_v3(stream):
            raise EngineError("TensorRT failed to run a part of the model.", "The log says why.")

    def _set_rows(self, rows: int, stream: int) -> None:
        profile = next(i for i, limit in enumerate(self._limits) if rows <= limit)
        if profile != self._profile:
            if not self._context.set_optimization_profile_async(profile, stream):
                raise EngineError(f"TensorRT does not take profile {profile}.", _AGAIN)
            self._profile = profile
        for name, port in self._inputs.items():
            shape = (rows,) if port.width is None else (rows, port.width)
            if not self._context.set_input_shape(name, shape):
                raise EngineError(f"TensorRT does not take {rows} tokens for {name}.", _AGAIN)
        self._rows = rows

    def _check(self) -> None:
        """The engine takes and gives what the host will bind."""
        engine = self._engine
        found = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
        expected = {**self._inputs, **self._outputs}
        if found != set(expected):
            raise EngineError(f"A built part has the tensors {sorted(found)}, not {sorted(expected)}.", _AGAIN)
        for name, port in expected.items():
            shape = [-1] if port.width is None else [-1, port.width]
            if list(engine.get_tensor_shape(name)) != shape or engine.get_tensor_dtype(name).name != _TYPES[port.dtype]:
                raise EngineError(f"The tensor {name} of a built part has another shape or type.", _AGAIN)


def open_sessions(
    trt: Any, config: ModelConfig, build: Path, kernels: Path, memory: Memory
) -> tuple[list[EngineSession], KernelCache]:
    """Loads every subgraph of a build onto the card; ``trt`` is the library. Save the kernels when the runtime closes.
    Raises EngineError where TensorRT refuses one."""
    errors: list[str] = []
    runtime = trt.Runtime(make_logger(trt, errors))
    scratch, cache = Scratch(memory), KernelCache(kernels)
    sessions: list[EngineSession] = []
    for number in range(config.num_layers + 1):
        engine = runtime.deserialize_cuda_engine(engine_file(build, number).read_bytes())
        if engine is None:
            raise EngineError(f"TensorRT cannot load part {number}: {'; '.join(errors) or 'no reason'}.", _AGAIN)
        sessions.append(EngineSession(trt, engine, subgraph_ports(config, number), scratch))
    for session in sessions:
        session.prepare(cache)
    return sessions, cache
