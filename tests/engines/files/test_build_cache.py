"""The build cache: found again, made anew when anything that shaped it changed, damage noticed."""

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from engines.errors import EngineError
from engines.files.build_cache import BuildCache, WorkKept
from engines.files.locks import AlreadyAtWork


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


@pytest.mark.parametrize("forged", ["list", "other user", "anybody"])
def test_a_build_that_others_may_have_made_is_made_again(cache: BuildCache, checkpoint: Path, forged: str) -> None:
    write = Writer()
    folder = cache.get(checkpoint, "onnx", {}, write).folder
    model = folder / "model.onnx"
    if forged == "list":  # with hashes that fit
        model.write_bytes(b"forged")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["model.onnx"] = hashlib.sha256(b"forged").hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest))
    elif forged == "anybody":
        model.chmod(0o666)
    elif os.geteuid() == 0:
        os.chown(model, 12345, 12345)
    else:
        pytest.skip("only root can give files away")
    assert cache.get(checkpoint, "onnx", {}, write).folder == folder
    assert write.calls == 2 and model.read_bytes() != b"forged"


def test_a_failed_build_leaves_nothing(cache: BuildCache, checkpoint: Path) -> None:
    def fail(folder: Path) -> tuple[str, ...]:
        (folder / "half").write_text("")
        raise EngineError("no", "never mind")

    with pytest.raises(EngineError, match="no"):
        cache.get(checkpoint, "onnx", {}, fail)
    assert not [path for path in cache.root.iterdir() if path.name != "hashes.json"]


def test_a_folder_that_cannot_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"cannot be prepared in .*file"):
        BuildCache(tmp_path / "file").get(checkpoint, "onnx", {}, Writer())


def test_what_a_build_replaces_is_deleted(cache: BuildCache, checkpoint: Path, tmp_path: Path) -> None:
    """Another version, then other weights at the same place; what belongs to another target or model stays."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"other": 1}')
    kept = [cache.get(other, "onnx", {"v": "1"}, Writer()), cache.get(checkpoint, "trt", {"v": "1"}, Writer())]
    first = cache.get(checkpoint, "onnx", {"v": "1"}, Writer())
    (cache.root / f"{first.folder.name}.kernels").write_bytes(b"")
    second = cache.get(checkpoint, "onnx", {"v": "2"}, Writer())
    (checkpoint / "model.safetensors").write_bytes(b"tuned further")
    third = cache.get(checkpoint, "onnx", {"v": "2"}, Writer())
    assert third.folder != second.folder != first.folder
    names = {path.name for path in cache.root.iterdir()}
    assert names == {"hashes.json", *(build.folder.name for build in [*kept, third])}


def test_a_removed_models_builds_are_forgotten(cache: BuildCache, checkpoint: Path) -> None:
    cache.get(checkpoint, "onnx", {}, Writer())
    cache.get(checkpoint, "trt", {}, Writer())
    cache.forget(checkpoint)
    assert {path.name for path in cache.root.iterdir()} <= {"hashes.json"}


def age(*paths: Path) -> None:
    """Files that changed a moment ago are not trusted by their time."""
    for path in paths:
        os.utime(path, (time.time() - 60, time.time() - 60))


def test_known_files_are_not_read_again(cache: BuildCache, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(*checkpoint.iterdir())
    write = Writer()
    folder = cache.get(checkpoint, "onnx", {}, write).folder
    age(*folder.iterdir())
    BuildCache(cache.root).get(checkpoint, "onnx", {}, write)
    read: list[str] = []
    plain = Path.open

    def noted(self: Path, *arguments: object, **options: object) -> object:
        read.append(self.name)
        return plain(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", noted)
    BuildCache(cache.root).get(checkpoint, "onnx", {}, write)
    assert not {"model.safetensors", "weights.bin"} & set(read)
    assert write.calls == 1


def test_verifying_reads_everything(cache: BuildCache, checkpoint: Path) -> None:
    """Bits that flip on a disk leave size and time as they were."""
    age(*checkpoint.iterdir())
    folder = cache.get(checkpoint, "onnx", {}, Writer()).folder

    def problems(published: dict[str, str] | None = None) -> set[str]:
        return {path.name for path, problem in BuildCache(cache.root).verify(checkpoint, published or {}) if problem}

    assert problems() == set()
    for path in (checkpoint / "model.safetensors", folder / "weights.bin"):
        times = path.stat()
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert problems() == {"model.safetensors", "weights.bin"}
    assert problems({"config.json": "0" * 64}) >= {"config.json"}


def test_the_same_build_is_made_by_one_at_a_time(cache: BuildCache, checkpoint: Path) -> None:
    begun, go_on, write = threading.Event(), threading.Event(), Writer()

    def slow(folder: Path) -> tuple[str, ...]:
        begun.set()
        go_on.wait()
        return write(folder)

    builds: list[Path] = []
    maker = threading.Thread(target=lambda: builds.append(cache.get(checkpoint, "onnx", {}, slow).folder))
    maker.start()
    begun.wait()
    with pytest.raises(AlreadyAtWork, match="Another Docent is preparing this model"):
        BuildCache(cache.root).get(checkpoint, "onnx", {}, write, wait_s=0)
    patient = threading.Thread(
        target=lambda: builds.append(BuildCache(cache.root).get(checkpoint, "onnx", {}, write).folder)
    )
    patient.start()
    go_on.set()
    maker.join()
    patient.join()
    assert write.calls == 1 and builds[0] == builds[1]
    assert not list(cache.root.glob(".*.lock"))


def test_an_interrupted_build_goes_on_where_that_is_asked_for(cache: BuildCache, checkpoint: Path) -> None:
    def broken_off(folder: Path) -> tuple[str, ...]:
        (folder / "first").write_text("1")
        raise WorkKept("killed", "again")

    def second(folder: Path) -> tuple[str, ...]:
        (folder / "second").write_text(str(sorted(path.name for path in folder.iterdir())))
        return ()

    for resumable, expected in ((True, "['first']"), (False, "[]")):
        with pytest.raises(WorkKept):
            cache.get(checkpoint, "onnx", {"r": str(resumable)}, broken_off, resumable=resumable)
        folder = cache.get(checkpoint, "onnx", {"r": str(resumable)}, second, resumable=resumable).folder
        assert (folder / "second").read_text() == expected
