"""Prepares a model for a runtime ahead of its first use, and checks whether what was prepared is still whole.

What is built is kept in the data folder and found again; without this, the first question after a change builds.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from app.models.store import ModelStore, recorded_hashes
from engines.files.build_cache import BuildCache
from engines.files.locks import exclusive
from engines.runtimes.registry import RUNTIMES


def buildable() -> list[str]:
    """Names of the runtimes that something is prepared for."""
    return [entry.name for entry in RUNTIMES.values() if entry.build is not None]


def build_model(
    store: ModelStore,
    model: str,
    runtime: str,
    builds: Path,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[str, ...]:
    """Returns the notes of the build. ``runtime`` is one of ``buildable()``. Raises DocentError: RuntimeUnavailable
    without the runtime's package, AlreadyAtWork while another process builds the same."""
    from engines.model.checkpoint import Checkpoint

    build = RUNTIMES[runtime].build
    assert build is not None, f"nothing is built for {runtime}"
    folder = store.folder(model)
    builds.mkdir(parents=True, exist_ok=True)
    with exclusive(builds / f".{folder.name}-{runtime}.lock", f"preparing {folder.name} for {runtime} already"):
        return build(Checkpoint(folder), builds, on_step).notes


def verify_model(store: ModelStore, model: str, builds: Path) -> Iterator[tuple[str, str]]:
    """Reads a model's files and its builds in full; yields the name of each and what is wrong with it, "" for nothing.

    Files are compared with the hashes that came with a download, else with what they were when they were last read."""
    folder = store.folder(model)
    for path, problem in BuildCache(builds).verify(folder, recorded_hashes(folder)):
        yield (path.name if path.parent == folder else f"{path.parent.name}/{path.name}"), problem


def forget_builds(folder: Path, builds: Path) -> None:
    """Deletes what was built from a model's folder; the folder itself may be gone."""
    BuildCache(builds).forget(folder)
