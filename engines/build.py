"""What was built from a checkpoint for a runtime, kept on disk and found again.

A build is a folder of files, made by a function that is handed an empty folder. It is found by the content of the
checkpoint, the target and the versions of everything that shaped it, so that a stale one is never used; its own files
are listed with their hashes, so that a damaged one is noticed and made again. Knows no runtime.
"""

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engines.errors import EngineError

_log = logging.getLogger(__name__)
_MANIFEST = "manifest.json"
_HASHES = "hashes.json"


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build. ``notes`` are sentences for the person whose model it is: what was lost on the way."""

    folder: Path
    notes: tuple[str, ...]


class BuildCache:
    """Builds below ``root``, which is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(
        self, checkpoint: Path, target: str, versions: Mapping[str, str], write: Callable[[Path], Iterable[str]]
    ) -> Build:
        """The build for this checkpoint folder, target and versions; ``write(folder)`` makes it, and returns its notes,
        where there is none or its files are not what they were. Raises EngineError when the disk refuses."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            identity = {"checkpoint": self._fingerprint(checkpoint), "target": target, "versions": dict(versions)}
            key = sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
            folder = self.root / f"{target}-{key}"
            if folder.exists():
                if (found := _opened(folder)) is not None:
                    return found
                _log.warning("The build %s is damaged and is made again", folder)
                shutil.rmtree(folder)
            return self._make(folder, write)
        except OSError as error:
            raise EngineError(
                f"The model cannot be prepared in {self.root}: {error}.", "Free disk space or name another folder."
            ) from error

    def _make(self, folder: Path, write: Callable[[Path], Iterable[str]]) -> Build:
        """Written elsewhere and renamed, so that a folder by its final name is complete."""
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self.root))
        try:
            notes = tuple(write(unfinished))
            files = {path.name: _hash(path) for path in sorted(unfinished.iterdir())}
            manifest = {"files": files, "notes": notes}
            (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            # Another process may have finished the same build meanwhile; either is good.
            with contextlib.suppress(OSError):
                unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        found = _opened(folder)
        if found is None:
            raise EngineError(f"{folder} changed while it was written.", "Check the disk and try again.")
        return found

    def _fingerprint(self, checkpoint: Path) -> str:
        """A hash over the content of the files that make a model. Each file is read once and recognised by size and
        time of change afterwards."""
        known_path = self.root / _HASHES
        try:
            known: dict[str, str] = dict(json.loads(known_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            known = {}
        whole, changed = sha256(), False
        for path in sorted([*checkpoint.glob("*.json"), *checkpoint.glob("*.safetensors")]):
            stat = path.stat()
            key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
            if key not in known:
                known[key], changed = _hash(path), True
            whole.update(f"{path.name} {known[key]}\n".encode())
        if changed:
            known_path.write_text(json.dumps(known, indent=1), encoding="utf-8")
        return whole.hexdigest()


def _opened(folder: Path) -> Build | None:
    """None where a file is missing, cut off or altered."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        files = {path.name for path in folder.iterdir()} - {_MANIFEST}
        if files != set(manifest["files"]):
            return None
        if any(_hash(folder / name) != expected for name, expected in manifest["files"].items()):
            return None
        return Build(folder, tuple(manifest["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
