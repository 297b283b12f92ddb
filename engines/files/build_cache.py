"""Keeps on disk what was built from a checkpoint for a runtime, and finds it again.

A build is a folder of files, made by a function that is handed a folder for them. It is found by the content of the
checkpoint, the target and the versions of everything that shaped it, so that a stale one is never used; once another
takes its place it is deleted. Its files are listed with their hashes, so that a damaged one is noticed and made again;
the list is sealed (``engines.files.seal``), since what a build says is trusted like code. Files are hashed once and
recognised by size and time of change afterwards; descriptions of others are read each time.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from docent import cause_of
from engines.errors import EngineError
from engines.files.hashes import FileHashes
from engines.files.locks import AlreadyAtWork, exclusive
from engines.files.seal import is_sealed, seal
from files import is_ours, make_private

_log = logging.getLogger(__name__)
_MANIFEST = "manifest.json"
_HASHES = "hashes.json"
_UNFINISHED = "unfinished-"
_SEAL = "seal"
_MODEL_FILES = ("*.json", "*.safetensors", "*.gguf")
_DESCRIPTION = ".json"  # suffix of files that say where in others something stands
_WAIT_S = 1800.0  # for another process that makes the same build
_ABANDONED_S = 7 * 24 * 3600.0  # after which a broken-off build will not be taken up again


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build. ``notes`` are sentences for the person whose model it is: what was lost on the way."""

    folder: Path
    notes: tuple[str, ...]


class WorkKept(EngineError):
    """A build broke off for a reason that lies outside it; what is finished is kept for the next try."""


class BuildCache:
    """Builds below ``root``, which is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hashes = FileHashes(root / _HASHES)

    def get(
        self,
        checkpoint: Path,
        target: str,
        versions: Mapping[str, str],
        write: Callable[[Path], Iterable[str]],
        *,
        resumable: bool = False,
        wait_s: float = _WAIT_S,
    ) -> Build:
        """The build for this checkpoint folder, target and versions; ``write(folder)`` makes it, and returns its notes,
        where there is none or its files are not what they were.

        The folder is empty, or, where ``resumable``, may hold what an interrupted ``write`` has left. Raises
        EngineError when the disk refuses, or when another process makes the same build for longer than ``wait_s``."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            identity = self._identity(checkpoint, target, versions)
            if (found := self._finished(identity)) is not None:
                return found
            # What is built from is read in full once more: a build must not carry a wrong name.
            identity = self._identity(checkpoint, target, versions, fresh=True)
            name = _folder_name(identity)
            with exclusive(self.root / f".{name}.lock", "preparing this model already", wait_s):
                if (found := self._finished(identity)) is not None:  # by whom we waited for
                    return found
                build = self._make(identity, checkpoint, write, resumable)
            self._prune(identity, checkpoint, keep=name)
            return build
        except OSError as error:
            raise EngineError(
                f"The model cannot be prepared in {self.root}: {cause_of(error)}.",
                "Free disk space or name another folder.",
            ) from error
        finally:
            self._hashes.save()

    def wrote(self, path: Path, digest: str) -> None:
        """For ``write``, which hashed a large file while it wrote it: the file is not read once more."""
        self._hashes.wrote(path, digest)

    def verify(self, checkpoint: Path, published: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
        """Reads a checkpoint and its builds in full, whatever their times say; yields each file and what is wrong with
        it, "" for nothing. ``published`` are hashes by name; a file without one that was never read before has nothing
        to differ from."""
        for path in _model_files(checkpoint):
            before = self._hashes.known(path)
            now = self._hashes.of(path, fresh=True)
            if published.get(path.name, now) != now:
                yield path, "it is not what was downloaded"
            else:
                yield path, "" if before in (None, now) else "its content changed and its time did not"
        for folder, _ in self._builds_of(checkpoint):
            for path, expected in _files(_manifest(folder), folder):
                yield path, "" if self._matches(path, expected, fresh=True) else "it is not what was built"
        self._hashes.save()

    def forget(self, checkpoint: Path) -> None:
        """Deletes the builds of a checkpoint folder, which may be gone already."""
        for folder, _ in self._builds_of(checkpoint):
            self._delete(folder)

    def _identity(
        self, checkpoint: Path, target: str, versions: Mapping[str, str], *, fresh: bool = False
    ) -> dict[str, Any]:
        whole = sha256()
        for path in _model_files(checkpoint):
            whole.update(f"{path.name} {self._hashes.of(path, fresh=fresh)}\n".encode())
        return {"checkpoint": whole.hexdigest(), "target": target, "versions": dict(versions)}

    def _finished(self, identity: Mapping[str, Any]) -> Build | None:
        """None where there is none, or a file of it is missing, cut off or altered."""
        folder = self.root / _folder_name(identity)
        if not folder.exists():
            return None
        manifest = _manifest(folder)
        names = {path.name for path in folder.iterdir()} - {_MANIFEST}
        files = list(_files(manifest, folder))
        sound = is_sealed(_sealed_part(manifest), manifest.get(_SEAL)) and is_ours(folder)
        if sound and names == {path.name for path, _ in files} and all(self._matches(*file) for file in files):
            return Build(folder, tuple(manifest.get("notes", ())))
        _log.warning("The build %s is damaged and is made again", folder)
        return None

    def _matches(self, path: Path, expected: str, *, fresh: bool = False) -> bool:
        try:
            fresh = fresh or path.suffix == _DESCRIPTION
            return is_ours(path) and self._hashes.of(path, fresh=fresh) == expected
        except OSError:
            return False

    def _make(
        self, identity: Mapping[str, Any], checkpoint: Path, write: Callable[[Path], Iterable[str]], resumable: bool
    ) -> Build:
        """Written elsewhere and renamed, so that a folder by its final name is complete. The caller holds the lock."""
        folder = self.root / _folder_name(identity)
        unfinished = self.root / f"{_UNFINISHED}{folder.name}"
        shutil.rmtree(folder, ignore_errors=True)
        if not resumable:
            shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(exist_ok=True, mode=0o700)
        make_private(unfinished)
        keep = resumable  # an interruption of any kind keeps it, a failure of the build itself does not
        try:
            notes = tuple(write(unfinished))
            for path in unfinished.iterdir():
                make_private(path)
            files = {path.name: self._hashes.of(path, fresh=True) for path in sorted(unfinished.iterdir())}
            manifest = {"files": files, "notes": notes, "model": str(checkpoint.resolve()), **identity}
            manifest = json.loads(json.dumps(manifest))  # as it will be read
            manifest[_SEAL] = seal(_sealed_part(manifest))
            (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            unfinished.rename(folder)
        except WorkKept:
            raise
        except Exception:
            keep = False
            raise
        finally:
            if not keep:
                shutil.rmtree(unfinished, ignore_errors=True)
        for name, digest in files.items():
            self._hashes.enter(folder / name, digest)
        return Build(folder, notes)

    def _prune(self, identity: Mapping[str, Any], checkpoint: Path, keep: str) -> None:
        """Deletes what the new build replaces: the same model for the same target, by content or by place."""
        for folder, manifest in self._builds_of(checkpoint, str(identity["checkpoint"])):
            if folder.name != keep and manifest.get("target") == identity["target"]:
                _log.info("The build %s is replaced", folder)
                self._delete(folder)
        for folder in self.root.glob(f"{_UNFINISHED}*"):
            if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                self._delete(folder)

    def _delete(self, folder: Path) -> None:
        """Deletes a build unless another process is using it."""
        name = folder.name.removeprefix(_UNFINISHED)
        with suppress(AlreadyAtWork), exclusive(self.root / f".{name}.lock", ""):
            shutil.rmtree(folder, ignore_errors=True)
            if folder.name == name:
                for beside in self.root.glob(f"{name}.*"):  # what a runtime keeps with it
                    beside.unlink(missing_ok=True)

    def _builds_of(self, checkpoint: Path, content: str = "") -> list[tuple[Path, dict[str, Any]]]:
        place = str(checkpoint.resolve())
        folders = [
            path.parent for path in self.root.glob(f"*/{_MANIFEST}") if not path.parent.name.startswith(_UNFINISHED)
        ]
        builds = [(folder, _manifest(folder)) for folder in folders]
        return [(f, m) for f, m in builds if m.get("model") == place or (content and m.get("checkpoint") == content)]


def _folder_name(identity: Mapping[str, Any]) -> str:
    key = sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
    return f"{identity['target']}-{key}"


def _model_files(checkpoint: Path) -> list[Path]:
    """What makes a model: notes of where it came from do not."""
    files = [path for kind in _MODEL_FILES for path in checkpoint.glob(kind)]
    return sorted(path for path in files if not path.name.startswith("docent-"))


def _manifest(folder: Path) -> dict[str, Any]:
    """Empty where it cannot be read."""
    try:
        found = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def _sealed_part(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in manifest.items() if key != _SEAL}, sort_keys=True).encode()


def _files(manifest: Mapping[str, Any], folder: Path) -> Iterator[tuple[Path, str]]:
    for name, expected in manifest.get("files", {}).items():
        yield folder / str(name), str(expected)
