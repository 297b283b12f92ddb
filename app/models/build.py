"""Prepares a model for a runtime ahead of its first use, and looks whether what was prepared is still whole.

What is built is kept in the data folder and found again; without this, the first question after a change builds. Says
what was lost on the way, if anything was.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from app.models.store import ModelStore, recorded_hashes
from engines.files.build_cache import BuildCache
from engines.files.locks import exclusive

BuildRuntime = Literal["native", "onnx", "tensorrt"]


def build_model(
    store: ModelStore,
    model: str,
    runtime: BuildRuntime,
    builds: Path,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[str, ...]:
    """Returns the notes of the build. Raises DocentError: RuntimeUnavailable without the runtime's package,
    AlreadyAtWork while another process builds the same."""
    folder = store.folder(model)
    builds.mkdir(parents=True, exist_ok=True)
    with exclusive(builds / f".{folder.name}-{runtime}.lock", f"preparing {folder.name} for {runtime} already"):
        if runtime == "tensorrt":
            from engines.runtimes.tensorrt.build import build_model as build_tensorrt

            return build_tensorrt(folder, builds, on_step).notes
        from engines.model.checkpoint import Checkpoint

        if runtime == "native":
            from engines.runtimes.native.runtime import native_build

            return native_build(Checkpoint(folder), builds, on_step).notes
        from engines.runtimes.onnx.build import onnx_build

        with onnx_build(Checkpoint(folder), builds, on_step) as build:
            return build.notes


def verify_model(store: ModelStore, model: str, builds: Path) -> Iterator[tuple[str, str]]:
    """Reads a model's files and its builds in full; yields the name of each and what is wrong with it, "" for nothing.

    Files are compared with the hashes that came with a download, else with what they were when they were last read."""
    folder = store.folder(model)
    for path, problem in BuildCache(builds).verify(folder, recorded_hashes(folder)):
        yield (path.name if path.parent == folder else f"{path.parent.name}/{path.name}"), problem


def forget_builds(folder: Path, builds: Path) -> None:
    """Deletes what was built from a model's folder; the folder itself may be gone."""
    BuildCache(builds).forget(folder)
