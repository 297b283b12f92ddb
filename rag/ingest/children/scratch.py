"""Folders for what a parsing process keeps in files, such as attachments: a process that is killed leaves it behind."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

_PREFIX = "parsing-"


class Scratch:
    """The folder of one process, below ``parent`` (None: the system's folder for temporary files)."""

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent
        self._folder: str | None = None

    def made(self) -> dict[str, str]:
        """Makes the folder; returns the variables that tell a process of it."""
        self.clear()
        try:
            self._folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._parent)
        except OSError:  # a full disk must not keep a file without attachments from being read
            return {}
        return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder)

    def clear(self) -> None:
        """Deletes the folder, if there is one."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def sweep(parent: Path | None) -> None:
    """Deletes what killed processes have left below ``parent``, where nobody may be parsing. The system's folder (None)
    is everybody's: there only what belongs to processes that run no more is deleted."""
    for left in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if parent is not None or _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
    return maker.isdecimal() and not psutil.pid_exists(int(maker))
