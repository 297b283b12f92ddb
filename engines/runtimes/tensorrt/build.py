"""Builds TensorRT engines from a checkpoint: one for each subgraph, in parallel processes, kept in the cache of builds.

``tensorrt_rtx`` (RTX cards; builds on a machine without a card, for all of them) is preferred over ``tensorrt`` (builds
on the card it will run on, for that one). Nothing else in Docent imports either for building.
"""

import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import psutil

from docent import install_extra
from engines.errors import EngineError, RuntimeUnavailable
from engines.files.build_cache import Build, BuildCache, WorkKept
from engines.model.checkpoint import Checkpoint
from engines.runtimes.cards import check_model
from engines.runtimes.tensorrt.lowering import LOWERING_VERSION, write_subgraph

_log = logging.getLogger(__name__)

LIBRARIES = ("tensorrt_rtx", "tensorrt")
RTX_TARGETS = ("SM80", "SM86", "SM89", "SM120")  # INT4 is refused for SM75
PORTS_FILE = "ports.json"
_DECODE_ROWS = 32
_WORKER_BYTES = 3 << 30  # a 7B model's largest subgraph while it is built, with room to spare
_MOST_WORKERS = 8

Progress = Callable[[int, int], None]  # subgraphs done, subgraphs in all


@dataclass(frozen=True, slots=True)
class RowRange:
    """An optimization profile: for how many tokens in a step kernels are chosen; ``usual`` is the count to favour."""

    least: int
    usual: int
    most: int


def row_ranges(max_tokens: int) -> tuple[RowRange, ...]:
    """Decoding, and chunks of prefill up to the token budget of a step."""
    decode = RowRange(1, 1, min(_DECODE_ROWS, max_tokens))
    if max_tokens <= _DECODE_ROWS:
        return (decode,)
    return decode, RowRange(1, max_tokens, max_tokens)


class Compiler(Protocol):
    """Makes an engine from a graph. Must be picklable: it is sent to the processes that build."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def target(self) -> str:
        """Which cards the engines will run on."""
        ...

    def compile(self, graph: Path, ranges: tuple[RowRange, ...], engine: Path) -> dict[str, list[Any]]:
        """Writes the engine and returns its inputs and outputs: name -> [element type, dimensions, -1 if dynamic].
        Raises EngineError with the library's own words."""
        ...


@dataclass(frozen=True, slots=True)
class TensorRtCompiler:
    """``library`` is the name of the module."""

    library: str

    @property
    def name(self) -> str:
        return self.library

    @property
    def version(self) -> str:
        return str(import_module(self.library).__version__)

    @property
    def target(self) -> str:
        return "+".join(RTX_TARGETS).lower() if self.library == "tensorrt_rtx" else "this-card"

    def compile(self, graph: Path, ranges: tuple[RowRange, ...], engine: Path) -> dict[str, list[Any]]:
        trt = import_module(self.library)
        errors: list[str] = []
        logger = make_logger(trt, errors)
        builder = trt.Builder(logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, logger)  # owns the weights until the build returns
        if not parser.parse_from_file(str(graph)):
            errors += [str(parser.get_error(i)) for i in range(parser.num_errors)]
            raise EngineError(
                f"{self.library} cannot read a part of the model: {_brief(errors)}.", "Use the ONNX runtime."
            )
        config = self._config(trt, builder, network, ranges)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise EngineError(
                f"{self.library} cannot build a part of the model: {_brief(errors)}.", "Use the ONNX runtime."
            )
        engine.write_bytes(memoryview(plan))
        tensors = [network.get_input(i) for i in range(network.num_inputs)]
        tensors += [network.get_output(i) for i in range(network.num_outputs)]
        return {tensor.name: [tensor.dtype.name, list(tensor.shape)] for tensor in tensors}

    def _config(self, trt: Any, builder: Any, network: Any, ranges: tuple[RowRange, ...]) -> Any:
        config = builder.create_builder_config()
        if self.library == "tensorrt_rtx":
            config.num_compute_capabilities = len(RTX_TARGETS)
            for index, capability in enumerate(RTX_TARGETS):
                config.set_compute_capability(getattr(trt.ComputeCapability, capability), index)
        for rows in ranges:
            profile = builder.create_optimization_profile()
            for index in range(network.num_inputs):
                tensor = network.get_input(index)
                rest = list(tensor.shape)[1:]
                profile.set_shape(tensor.name, *([count, *rest] for count in (rows.least, rows.usual, rows.most)))
            config.add_optimization_profile(profile)
        return config


def find_compiler() -> TensorRtCompiler:
    """Raises RuntimeUnavailable where neither library is installed."""
    for library in LIBRARIES:
        if find_spec(library) is not None:
            return TensorRtCompiler(library)
    raise RuntimeUnavailable("TensorRT is not installed.", f"Install it with: {install_extra('tensorrt')}")


def build_model(
    folder: Path,
    out_dir: Path,
    on_progress: Progress | None = None,
    *,
    max_tokens: int = 512,
    workers: int | None = None,
    compiler: Compiler | None = None,
) -> Build:
    """The engines of the model in ``folder``, from the cache ``out_dir`` or built now. ``max_tokens`` bounds a step.
    Subgraphs that an interrupted build has finished are not built again.

    Raises CheckpointError for the model's fault, RuntimeUnavailable without TensorRT, EngineError where a build fails.
    """
    checkpoint = Checkpoint(folder)
    check_model(checkpoint.config)
    compiler = compiler or find_compiler()
    ranges = row_ranges(max_tokens)
    total = checkpoint.config.num_layers + 1
    progress = on_progress or (lambda done, total: None)
    versions = {
        compiler.name: compiler.version,
        "lowering": str(LOWERING_VERSION),
        "cards": compiler.target,
        "rows": json.dumps([[rows.least, rows.usual, rows.most] for rows in ranges]),
    }

    def write(build: Path) -> tuple[str, ...]:
        return _build_subgraphs(folder, build, total, compiler, ranges, workers or _workers(total), progress)

    build = BuildCache(out_dir).get(folder, compiler.name, versions, write, resumable=True)
    progress(total, total)
    return build


def engine_file(build: Path, number: int) -> Path:
    """Where a build keeps the engine of a subgraph."""
    return build / f"subgraph-{number:03}.engine"


@dataclass(frozen=True, slots=True)
class _Subgraph:
    """A finished subgraph, as it is noted beside its engine until all are finished."""

    ports: dict[str, list[Any]]
    notes: tuple[str, ...]
    sha256: str


def _build_subgraphs(
    folder: Path,
    build: Path,
    total: int,
    compiler: Compiler,
    ranges: tuple[RowRange, ...],
    workers: int,
    progress: Progress,
) -> tuple[str, ...]:
    subgraphs = {number: subgraph for number in range(total) if (subgraph := _left_over(build, number)) is not None}
    missing = [number for number in range(total) if number not in subgraphs]
    progress(len(subgraphs), total)
    # Processes, as the libraries hold Python's lock while they build, and what they leak goes with them. Not forked:
    # the parent may run threads.
    pool = ProcessPoolExecutor(min(workers, max(1, len(missing))), multiprocessing.get_context("spawn"), _quiet_worker)
    try:
        futures: dict[Future[_Subgraph], int] = {
            pool.submit(_build_subgraph, folder, number, build, compiler, ranges): number for number in missing
        }
        for future in as_completed(futures):
            subgraphs[futures[future]] = future.result()
            progress(len(subgraphs), total)
    except BrokenProcessPool as error:
        raise WorkKept(
            "A process that builds the model was killed, most likely for want of memory.",
            "Close other programs and build it again; finished parts are kept.",
        ) from error
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()
    for number in range(total):
        _record(build, number).unlink()
    ports = [subgraphs[number].ports for number in range(total)]
    (build / PORTS_FILE).write_text(json.dumps(ports, indent=1), encoding="utf-8")
    return tuple(dict.fromkeys(note for number in range(total) for note in subgraphs[number].notes))


def _build_subgraph(
    folder: Path, number: int, build: Path, compiler: Compiler, ranges: tuple[RowRange, ...]
) -> _Subgraph:
    graphs = build / f"graph-{number:03}"
    shutil.rmtree(graphs, ignore_errors=True)
    graphs.mkdir()
    engine = engine_file(build, number)
    try:
        graph, notes = write_subgraph(Checkpoint(folder), number, graphs)
        ports = compiler.compile(graph, ranges, engine)
    finally:
        shutil.rmtree(graphs, ignore_errors=True)
    subgraph = _Subgraph(ports, notes, sha256(engine.read_bytes()).hexdigest())
    _record(build, number).write_text(json.dumps(asdict(subgraph)), encoding="utf-8")
    return subgraph


def _record(build: Path, number: int) -> Path:
    return build / f"subgraph-{number:03}.json"


def _left_over(build: Path, number: int) -> _Subgraph | None:
    """What an interrupted build has finished of a subgraph; anything else of it is deleted."""
    try:
        found = json.loads(_record(build, number).read_text(encoding="utf-8"))
        subgraph = _Subgraph(dict(found["ports"]), tuple(found["notes"]), str(found["sha256"]))
        if sha256(engine_file(build, number).read_bytes()).hexdigest() == subgraph.sha256:
            return subgraph
    except (OSError, ValueError, KeyError, TypeError):
        pass
    _record(build, number).unlink(missing_ok=True)
    engine_file(build, number).unlink(missing_ok=True)
    shutil.rmtree(build / f"graph-{number:03}", ignore_errors=True)
    return None


def _quiet_worker() -> None:
    """Ctrl-C is the parent's to handle, and a parent that was killed takes its workers with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers are started by a parent"

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends the workers at once: a subgraph takes seconds to minutes, and nobody waits for it any more."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _workers(subgraphs: int) -> int:
    by_memory = psutil.virtual_memory().available // _WORKER_BYTES
    return max(1, min(subgraphs, os.cpu_count() or 1, int(by_memory), _MOST_WORKERS))


def make_logger(trt: Any, errors: list[str]) -> Any:
    """The library's messages go to Docent's log; what it calls an error is collected as well."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                errors.append(message)
                _log.error("%s", message)
            elif severity == trt.ILogger.WARNING:
                _log.info("%s", message)

    return Logger()


def _brief(errors: list[str]) -> str:
    return "; ".join(dict.fromkeys(errors)).rstrip(".")[:500] or "it gave no reason"
