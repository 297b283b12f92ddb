"""Folders for what a parsing process keeps in files, such as attachments: a process that is killed leaves it behind."""

import shutil
import tempfile
from pathlib import Path

_PREFIX = "parsing-"


class Scratch:
    """The folder of one process, below ``parent`` (None: the system's folder for temporary files)."""

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent
        self._folder: str | None = None

    def made(self) -> dict[str, str]:
        """Makes the folder; returns the variables that tell a process of it."""
        try:
            self._folder = tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent)
        except OSError:  # a full disk must not keep a file without attachments from being read
            return {}
        return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder)

    def clear(self) -> None:
        """Deletes the folder, if there is one."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def sweep(parent: Path | None) -> None:
    """Deletes what killed processes have left below ``parent``; nobody may be parsing there."""
    for left in parent.glob(f"{_PREFIX}*") if parent is not None else ():
        shutil.rmtree(left, ignore_errors=True)
