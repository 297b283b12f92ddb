"""The build cache: found again, made anew when anything that shaped it changed, damage noticed."""

import os
from pathlib import Path

import pytest

from engines.build import BuildCache
from engines.errors import EngineError


class Writer:
    """Counts how often it is asked for a build."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> tuple[str, ...]:
        self.calls += 1
        assert not any(folder.iterdir())
        (folder / "model.onnx").write_bytes(b"graph")
        (folder / "weights.bin").write_bytes(bytes(1000))
        return ("rounded",)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    return BuildCache(tmp_path / "cache")


def test_a_build_is_made_once(cache: BuildCache, checkpoint: Path) -> None:
    write = Writer()
    first = cache.get(checkpoint, "onnx", {"library": "1"}, write)
    again = BuildCache(cache.root).get(checkpoint, "onnx", {"library": "1"}, write)
    assert write.calls == 1
    assert again == first and again.notes == ("rounded",)
    assert (again.folder / "model.onnx").read_bytes() == b"graph"


def test_a_moved_checkpoint_is_the_same(cache: BuildCache, checkpoint: Path, tmp_path: Path) -> None:
    write = Writer()
    cache.get(checkpoint, "onnx", {}, write)
    cache.get(checkpoint.rename(tmp_path / "elsewhere"), "onnx", {}, write)
    assert write.calls == 1


@pytest.mark.parametrize("change", ["version", "target", "weights", "config"])
def test_a_stale_build_is_not_used(cache: BuildCache, checkpoint: Path, change: str) -> None:
    write = Writer()
    first = cache.get(checkpoint, "onnx", {"library": "1"}, write)
    for name, file in (("weights", "model.safetensors"), ("config", "config.json")):
        if change == name:
            (checkpoint / file).write_bytes(b"changed")
            os.utime(checkpoint / file, ns=(1, 1))
    second = cache.get(
        checkpoint,
        "tensorrt" if change == "target" else "onnx",
        {"library": "2" if change == "version" else "1"},
        write,
    )
    assert write.calls == 2 and second.folder != first.folder


@pytest.mark.parametrize("damage", ["flipped", "cut", "lost", "manifest", "stranger"])
def test_a_damaged_build_is_made_again(cache: BuildCache, checkpoint: Path, damage: str) -> None:
    write = Writer()
    folder = cache.get(checkpoint, "onnx", {}, write).folder
    weights = folder / "weights.bin"
    if damage == "flipped":
        weights.write_bytes(bytes(999) + b"\1")
    elif damage == "cut":
        weights.write_bytes(bytes(10))
    elif damage == "lost":
        weights.unlink()
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    else:
        (folder / "other").write_text("")
    assert cache.get(checkpoint, "onnx", {}, write).folder == folder
    assert write.calls == 2 and weights.read_bytes() == bytes(1000)
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "model.onnx", "weights.bin"}


def test_a_failed_build_leaves_nothing(cache: BuildCache, checkpoint: Path) -> None:
    def fail(folder: Path) -> tuple[str, ...]:
        (folder / "half").write_text("")
        raise EngineError("no", "never mind")

    with pytest.raises(EngineError, match="no"):
        cache.get(checkpoint, "onnx", {}, fail)
    assert [path.name for path in cache.root.iterdir()] == ["hashes.json"]


def test_a_folder_that_cannot_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"cannot be prepared in .*file"):
        BuildCache(tmp_path / "file").get(checkpoint, "onnx", {}, Writer())
