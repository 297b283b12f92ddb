"""Binding, profiles, scratch memory and kernel cache over a stand-in for the library; which card is asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError, RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.cards import DATA_CENTRE, RTX, Card, find_card, require_card
from engines.runtimes.tensorrt.build import engine_file
from engines.runtimes.tensorrt.lowering import Port, subgraph_ports
from engines.runtimes.tensorrt.runtime import open_runtime
from engines.runtimes.tensorrt.session import EngineSession, KernelCache, Scratch, open_sessions

LAYERS = 2
TYPES = {"float16": "HALF", "float32": "FLOAT", "int64": "INT64"}


class FakeContext:
    """Refuses what the real one refuses: to run before everything is set, or rows beyond the profile."""

    def __init__(self, engine: "FakeEngine", config: "FakeConfig") -> None:
        self.engine, self.config = engine, config
        self.log: list[Any] = []
        self.addresses: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.profile = 0
        self.scratch: tuple[int, int] | None = None

    def set_device_memory(self, address: int, size: int) -> None:
        assert size >= self.engine.device_memory_size_v2
        self.scratch = (address, size)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.log.append(("bind", name))
        self.addresses[name] = address
        return name in self.engine.ports

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self.log.append(("profile", profile, stream))
        self.profile = profile
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.log.append(("shape", name, shape))
        self.shapes[name] = shape
        return 1 <= shape[0] <= self.engine.limits[self.profile]

    def execute_async_v3(self, stream: int) -> bool:
        self.log.append(("run", stream))
        return set(self.addresses) == set(self.engine.ports) and set(self.shapes) == set(self.engine.inputs)


class FakeConfig:
    def __init__(self) -> None:
        self.strategy = self.cache = None
        self.made = 0

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> "FakeKernels":
        return FakeKernels()

    def set_runtime_cache(self, cache: "FakeKernels") -> None:
        self.cache = cache


class FakeKernels:
    def __init__(self) -> None:
        self.loaded: bytes | None = None

    def deserialize(self, data: bytes) -> bool:
        if data.startswith(b"other card"):
            return False
        self.loaded = data
        return True

    def serialize(self) -> bytes:
        return b"kernels of this card"


class FakeEngine:
    """Behaves like an engine of a subgraph; ``size`` bytes of scratch memory."""

    def __init__(self, inputs: dict[str, Port], outputs: dict[str, Port], size: int = 100) -> None:
        self.inputs, self.ports = inputs, {**inputs, **outputs}
        self.limits = [32, 128]
        self.device_memory_size_v2 = size
        self.contexts: list[FakeContext] = []

    @property
    def num_optimization_profiles(self) -> int:
        return len(self.limits)

    @property
    def num_io_tensors(self) -> int:
        return len(self.ports)

    def get_tensor_name(self, index: int) -> str:
        return list(self.ports)[index]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        width = self.ports[name].width
        return (-1,) if width is None else (-1, width)

    def get_tensor_dtype(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name=TYPES[self.ports[name].dtype.__name__])

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        rest = self.get_tensor_shape(name)[1:]
        return [(1, *rest), (1, *rest), (self.limits[profile], *rest)]

    def create_runtime_config(self) -> FakeConfig:
        return FakeConfig()

    def create_execution_context(self, config: FakeConfig) -> FakeContext:
        self.contexts.append(FakeContext(self, config))
        return self.contexts[-1]


class FakeMemory:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def empty(self, rows: int, width: int | None, dtype: type) -> int:
        self.sizes.append(rows)
        return 1000 + len(self.sizes)

    def address(self, buffer: int, row: int = 0) -> int:
        return buffer


def fake_library(engines: dict[bytes, FakeEngine | None]) -> Any:
    class Logger:
        ERROR, INTERNAL_ERROR, WARNING = "error", "internal error", "warning"

    def make_runtime(logger: Any) -> SimpleNamespace:
        def load(plan: bytes) -> FakeEngine | None:
            if engines[plan] is None:
                logger.log("error", "compute capability 9.0 is not supported")
            return engines[plan]

        return SimpleNamespace(deserialize_cuda_engine=load)

    return SimpleNamespace(
        ILogger=Logger,
        Runtime=make_runtime,
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="user managed"),
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    write_checkpoint(tmp_path / "model", Shape(64, 128, LAYERS, 4, 2, vocabulary=96), group=32)
    return Checkpoint(tmp_path / "model")


@pytest.fixture
def engines(checkpoint: Checkpoint, tmp_path: Path) -> dict[bytes, FakeEngine | None]:
    """Files of a build, each the number of its subgraph, and the engines they stand for."""
    made: dict[bytes, FakeEngine | None] = {}
    for number in range(LAYERS + 1):
        plan = str(number).encode()
        engine_file(tmp_path, number).write_bytes(plan)
        made[plan] = FakeEngine(*subgraph_ports(checkpoint.config, number), size=100 * (number + 1))
    return made


def test_subgraphs_share_scratch_memory_and_kernels(
    checkpoint: Checkpoint, engines: dict[bytes, FakeEngine | None], tmp_path: Path
) -> None:
    memory, file = FakeMemory(), tmp_path / "cache.kernels"
    sessions, kernels = open_sessions(fake_library(engines), checkpoint.config, tmp_path, file, memory)
    contexts = [engine.contexts[0] for engine in engines.values() if engine]
    assert [session.max_rows for session in sessions] == [128] * (LAYERS + 1)
    assert {context.scratch for context in contexts} == {(1000 + len(memory.sizes), 100 * (LAYERS + 1))}
    assert {context.config.strategy for context in contexts} == {"user managed"}
    assert len({id(context.config.cache) for context in contexts}) == 1
    kernels.save()
    assert file.read_bytes() == b"kernels of this card"
    assert [path.name for path in tmp_path.glob("cache.*")] == ["cache.kernels"]


def test_what_stays_the_same_is_set_once(
    checkpoint: Checkpoint, engines: dict[bytes, FakeEngine | None], tmp_path: Path
) -> None:
    sessions, _ = open_sessions(fake_library(engines), checkpoint.config, tmp_path, tmp_path / "k", FakeMemory())
    session, engine = sessions[1], engines[b"1"]
    assert engine is not None
    context = engine.contexts[0]
    for rows in (1, 1, 40, 7):
        for index, name in enumerate(engine.ports):
            session.bind(name, 4096 + index)
        session.enqueue(rows, stream=5)
    sets = [entry for entry in context.log if entry[0] != "bind"]
    one = [("shape", "residual", (1, 64)), ("shape", "mixed", (1, 64))]
    assert sets[:5] == [("profile", 0, 5), *one, ("run", 5), ("run", 5)]
    assert sets[5:9] == [
        ("profile", 1, 5),
        ("shape", "residual", (40, 64)),
        ("shape", "mixed", (40, 64)),
        ("run", 5),
    ]
    assert sets[9] == ("profile", 0, 5)
    assert len(context.log) - len(sets) == len(engine.ports)


def test_unset_addresses_are_an_error(
    checkpoint: Checkpoint, engines: dict[bytes, FakeEngine | None], tmp_path: Path
) -> None:
    sessions, _ = open_sessions(fake_library(engines), checkpoint.config, tmp_path, tmp_path / "k", FakeMemory())
    with pytest.raises(EngineError, match="failed to run"):
        sessions[0].enqueue(1, 0)
    with pytest.raises(EngineError, match="does not take the memory of q_typo"):
        sessions[0].bind("q_typo", 1)


def test_an_engine_of_another_model_is_refused(checkpoint: Checkpoint) -> None:
    inputs, outputs = subgraph_ports(checkpoint.config, 1)
    for wrong in (
        FakeEngine(inputs, {**outputs, "q": Port(outputs["q"].dtype, 65)}),
        FakeEngine(inputs, {**outputs, "q": Port(outputs["next_residual"].dtype, 64)}),
        FakeEngine(inputs, {"logits": outputs["q"]}),
    ):
        with pytest.raises(EngineError):
            EngineSession(fake_library({}), wrong, (inputs, outputs), Scratch(FakeMemory()))


def test_an_engine_the_card_refuses_names_the_reason(
    checkpoint: Checkpoint, engines: dict[bytes, FakeEngine | None], tmp_path: Path
) -> None:
    engines[b"1"] = None
    with pytest.raises(EngineError, match=r"part 1.*9\.0"):
        open_sessions(fake_library(engines), checkpoint.config, tmp_path, tmp_path / "k", FakeMemory())


@pytest.mark.parametrize(("stored", "loaded"), [(b"kernels", True), (b"other card", False), (None, False)])
def test_kernels_are_taken_from_the_file_where_they_fit(tmp_path: Path, stored: bytes | None, loaded: bool) -> None:
    file, config = tmp_path / "model.kernels", FakeConfig()
    if stored is not None:
        file.write_bytes(stored)
    KernelCache(file).attach(config)
    assert isinstance(config.cache, FakeKernels)
    assert (config.cache.loaded == b"kernels") == loaded


def test_kernels_that_cannot_be_written_cost_nothing_else(tmp_path: Path) -> None:
    kernels = KernelCache(tmp_path / "no folder" / "model.kernels")
    kernels.attach(FakeConfig())
    kernels.save()


@pytest.mark.parametrize("capability", [(8, 0), (8, 6), (8, 9), (12, 0), (12, 1)])
def test_rtx_cards_are_taken(capability: tuple[int, int]) -> None:
    card = Card("a card", capability)
    assert require_card(RTX, "TensorRT-RTX", lambda: card) is card


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (None, "no NVIDIA card"),
        (Card("NVIDIA H200", (9, 0)), "NVIDIA H200 has compute capability 9.0"),
        (Card("NVIDIA GeForce RTX 2080", (7, 5)), "compute capability 7.5"),
    ],
)
def test_other_machines_are_told_which_card_is_needed(card: Card | None, words: str) -> None:
    with pytest.raises(RuntimeUnavailable, match=words) as caught:
        require_card(RTX, "TensorRT-RTX", lambda: card)
    assert "8.0, 8.6, 8.9 or 12.x" in str(caught.value)


def test_plain_tensorrt_takes_a_data_centre_card() -> None:
    require_card(DATA_CENTRE, "TensorRT", lambda: Card("NVIDIA H200", (9, 0)))


def test_without_a_card_the_runtime_says_so_and_builds_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install tensorrt-rtx")
    pytest.importorskip("torch", reason="needs torch: pip install -e .[oracle]")
    if find_card() is not None:
        pytest.skip("there is a card")
    with pytest.raises(RuntimeUnavailable, match="compute capability"):
        open_runtime(checkpoint, num_pages=8, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
