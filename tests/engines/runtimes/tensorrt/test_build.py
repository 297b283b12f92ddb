"""The cache of built engines over a fake library, and real engines built by TensorRT for RTX and inspected.

No engine runs here: that takes a card.
"""

import json
import multiprocessing
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engines.errors import CheckpointError, EngineError
from engines.files.build_cache import WorkKept
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import Shape, write_checkpoint
from engines.runtimes.tensorrt.build import PORTS_FILE, RowRange, TensorRtCompiler, build_model, engine_file, row_ranges
from engines.runtimes.tensorrt.lowering import subgraph_ports
from tests.engines.runtimes.tensorrt.tensorrt_fakes import FakeCompiler

pytestmark = pytest.mark.slow  # models are written and built

LAYERS = 2
PIECES = LAYERS + 1


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "model", Shape(64, 128, LAYERS, 4, 2, vocabulary=96), group=32)
    return tmp_path / "model"


@pytest.fixture
def compiler(tmp_path: Path) -> FakeCompiler:
    return FakeCompiler(tmp_path / "calls")


@pytest.fixture
def build(model: Path, tmp_path: Path) -> Callable[[FakeCompiler], Path]:
    return lambda compiler: build_model(model, tmp_path / "cache", compiler=compiler, workers=1).folder


def test_subgraphs_are_built_once_with_progress(model: Path, compiler: FakeCompiler, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    built = build_model(
        model, tmp_path / "cache", lambda done, total: seen.append((done, total)), compiler=compiler, workers=2
    )
    assert seen == [*((done, PIECES) for done in range(PIECES + 1)), (PIECES, PIECES)]
    assert compiler.calls() == PIECES
    assert all(engine_file(built.folder, number).stat().st_size for number in range(PIECES))
    assert {path.suffix for path in built.folder.iterdir()} == {".engine", ".json"}, "graphs are not kept"
    seen.clear()
    again = build_model(model, tmp_path / "cache", lambda done, total: seen.append((done, total)), compiler=compiler)
    assert again.folder == built.folder
    assert compiler.calls() == PIECES
    assert seen == [(PIECES, PIECES)]


@pytest.mark.slow
def test_a_stale_build_is_not_used(
    model: Path, compiler: FakeCompiler, build: Callable[[FakeCompiler], Path], tmp_path: Path
) -> None:
    folders = [build(compiler)]
    folders.append(build(replace(compiler, version="2")))
    folders.append(build(replace(compiler, target="other cards")))
    folders.append(build_model(model, tmp_path / "cache", compiler=compiler, workers=1, max_tokens=64).folder)
    shard = model / "model-00001.safetensors"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    folders.append(build(compiler))
    assert len(set(folders)) == 5
    assert compiler.calls() == 5 * PIECES


@pytest.mark.parametrize(
    "damage", ["bit", pytest.param("cut", marks=pytest.mark.slow), pytest.param("lost", marks=pytest.mark.slow)]
)
def test_a_damaged_build_is_made_again(
    damage: str, compiler: FakeCompiler, build: Callable[[FakeCompiler], Path]
) -> None:
    engine = engine_file(build(compiler), 1)
    whole = engine.read_bytes()
    if damage == "bit":
        engine.write_bytes(whole[:50] + bytes([whole[50] ^ 4]) + whole[51:])
    elif damage == "cut":
        engine.write_bytes(whole[:-1])
    else:
        engine.unlink()
    assert engine_file(build(compiler), 1).read_bytes() == whole
    assert compiler.calls() == 2 * PIECES


@pytest.mark.slow
def test_a_failed_build_leaves_nothing_and_names_its_reason(
    compiler: FakeCompiler, build: Callable[[FakeCompiler], Path], tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="too tired"):
        build(replace(compiler, failing=1))
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert build(compiler).is_dir()


def test_finished_subgraphs_outlive_an_interruption(model: Path, compiler: FakeCompiler, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_model(model, tmp_path / "cache", stop, compiler=compiler, workers=1)
    assert not multiprocessing.active_children()
    unfinished = next((tmp_path / "cache").glob("unfinished-*"))
    (kept,) = unfinished.glob("subgraph-*.json")
    seen: list[int] = []
    before = compiler.calls()
    built = build_model(model, tmp_path / "cache", lambda done, total: seen.append(done), compiler=compiler, workers=1)
    assert seen[0] == 1
    assert compiler.calls() - before == PIECES - 1
    assert {path.suffix for path in built.folder.iterdir()} == {".engine", ".json"}
    assert not (built.folder / kept.name).exists()
    assert not unfinished.exists()


@pytest.mark.slow
def test_a_damaged_subgraph_of_an_interrupted_build_is_built_again(
    model: Path, compiler: FakeCompiler, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_model(model, tmp_path / "cache", stop, compiler=compiler, workers=1)
    done = list(
        (tmp_path / "cache").glob("unfinished-*/subgraph-*.json")
    )  # mostly one; the worker may have ended another
    engine = done[0].with_suffix(".engine")
    engine.write_bytes(engine.read_bytes()[:-1])
    before = compiler.calls()
    build_model(model, tmp_path / "cache", compiler=compiler, workers=1)
    assert compiler.calls() - before == PIECES - len(done) + 1


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_its_siblings_work_is_kept(
    model: Path, compiler: FakeCompiler, tmp_path: Path
) -> None:
    with pytest.raises(WorkKept, match="killed"):
        build_model(model, tmp_path / "cache", compiler=replace(compiler, killed=2), workers=1)
    before = compiler.calls()
    build_model(model, tmp_path / "cache", compiler=compiler, workers=1)
    assert compiler.calls() - before == PIECES - 2


def test_a_checkpoint_that_lacks_a_tensor_is_named_across_processes(
    model: Path, compiler: FakeCompiler, build: Callable[[FakeCompiler], Path]
) -> None:
    (model / "model-00002.safetensors").unlink()
    index = model / "model.safetensors.index.json"
    kept = {name: file for name, file in json.loads(index.read_text())["weight_map"].items() if "00002" not in file}
    index.write_text(json.dumps({"weight_map": kept}))
    with pytest.raises(CheckpointError, match=r"layers\.1\."):
        build(compiler)


def test_profiles_cover_decoding_and_the_token_budget() -> None:
    assert row_ranges(512) == (RowRange(1, 1, 32), RowRange(1, 512, 512))
    assert row_ranges(16) == (RowRange(1, 1, 16),)


# An engine's plan describes itself in text: cards, constants with types and sizes, and the tensors of each profile.
_INT4 = re.compile(rb'const_payload_size=(\d+) [^\n]*? name="([^"]*)"[^\n]*type=int4')


@pytest.mark.slow
def test_tensorrt_builds_int4_engines(tmp_path: Path) -> None:
    """Llama's form with asymmetric weights, middle subgraph: INT4 stays INT4, the token dimension stays free."""
    pytest.importorskip("tensorrt_rtx", reason="building engines needs TensorRT for RTX: pip install tensorrt-rtx")
    shape = Shape(512, 1024, LAYERS, 8, 4, vocabulary=256)
    write_checkpoint(tmp_path / "model", shape)
    config = Checkpoint(tmp_path / "model").config
    built = build_model(tmp_path / "model", tmp_path / "cache", max_tokens=128)

    names = {"float16": "HALF", "float32": "FLOAT", "int64": "INT64"}
    ports = json.loads((built.folder / PORTS_FILE).read_text())
    for number in range(PIECES):
        inputs, outputs = subgraph_ports(config, number)
        expected = {
            name: [
                names["int64" if port.width is None else port.dtype.__name__],
                [-1] if port.width is None else [-1, port.width],
            ]
            for name, port in (inputs | outputs).items()
        }
        assert ports[number] == expected

    plan = engine_file(built.folder, 1).read_bytes()
    weights = 512 * 512 + 2 * 1024 * 512 + 512 * 1024 + (512 + 2 * 256) * 512
    payload = {name: int(size) for size, name in _INT4.findall(plan)}
    assert sum(payload.values()) == weights // 2
    assert b"accelerators={sm80 sm86 sm89 sm120 }" in plan
    for name in (*subgraph_ports(config, 1)[0], *subgraph_ports(config, 1)[1]):
        assert name.encode() in plan


def test_tensorrt_profiles_and_dynamic_tokens(tmp_path: Path) -> None:
    """The library itself says what it read: one free dimension, and for which sizes kernels are chosen."""
    trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install tensorrt-rtx")
    from engines.runtimes.tensorrt.build import make_logger
    from engines.runtimes.tensorrt.lowering import write_subgraph

    write_checkpoint(tmp_path / "model", Shape(64, 128, LAYERS, 4, 2, vocabulary=96), group=32)
    path, _ = write_subgraph(Checkpoint(tmp_path / "model"), LAYERS, tmp_path)
    errors: list[str] = []
    builder = trt.Builder(make_logger(trt, errors))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, make_logger(trt, errors))
    assert parser.parse_from_file(str(path)), errors
    assert tuple(network.get_output(0).shape) == (-1, 96)
    config = TensorRtCompiler("tensorrt_rtx")._config(trt, builder, network, row_ranges(512))
    assert config.num_optimization_profiles == 2
    assert config.num_compute_capabilities == 4


def test_what_the_library_refuses_is_reported_in_its_words(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install tensorrt-rtx")
    (tmp_path / "model.onnx").write_bytes(b"no graph at all")
    with pytest.raises(EngineError, match="cannot read a part of the model"):
        TensorRtCompiler("tensorrt_rtx").compile(tmp_path / "model.onnx", row_ranges(16), tmp_path / "out")
