"""Computes SHA-256 of files and remembers them in a file of its own, so that gigabytes are read once.

A file is recognised by its size and time of change. One that changed a moment ago is not remembered, since it may
change again within the same tick of the clock.
"""

import json
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from files import replace_text

_BLOCK = 1 << 22
_TICK_NS = 100_000_000
_MOST = 4096  # files that are remembered


class FileHashes:
    """Kept in ``path`` by ``save``. One that cannot be read or written costs time and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] | None = None
        self._changed = False
        self._read_here: set[str] = set()  # by this object, so that they need not be read once more

    def known(self, path: Path) -> str | None:
        """The hash that is remembered for a file of this size and time."""
        return self._entries().get(_key(path))

    def of(self, path: Path, *, fresh: bool = False) -> str:
        """The file's hash. It is read when it is not known, or, where ``fresh``, when this object has not read it yet.
        Raises OSError."""
        known = None if fresh and _key(path) not in self._read_here else self.known(path)
        return self._read(path) if known is None else known

    def enter(self, path: Path, digest: str) -> None:
        """Remembers what the caller has computed."""
        key = _key(path)
        if self._entries().get(key) != digest:
            self._entries()[key] = digest
            self._changed = True

    def wrote(self, path: Path, digest: str) -> None:
        """Remembers the hash of what the caller has written, as if it had been read back."""
        self.enter(path, digest)
        self._read_here.add(_key(path))

    def save(self) -> None:
        if not self._changed or self._known is None:
            return
        kept = [(key, digest) for key, digest in self._known.items() if Path(key.split("|")[0]).exists()]
        with suppress(OSError):
            replace_text(self._path, json.dumps(dict(kept[-_MOST:]), indent=1))
            self._changed = False

    def _read(self, path: Path) -> str:
        digest, key = sha256(), _key(path)
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        settled = time.time_ns() - path.stat().st_mtime_ns > _TICK_NS
        if settled and _key(path) == key:
            self.enter(path, digest.hexdigest())
            self._read_here.add(key)
        return digest.hexdigest()

    def _entries(self) -> dict[str, str]:
        if self._known is None:
            try:
                self._known = {str(k): str(v) for k, v in json.loads(self._path.read_text(encoding="utf-8")).items()}
            except (OSError, ValueError, AttributeError):
                self._known = {}
        return self._known


def _key(path: Path) -> str:
    stat = path.stat()
    return f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
