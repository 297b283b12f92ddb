"""The desktop's own dialogs for folders and files, by programs that desktops have, else by Tk (ui.desktop.tk_dialog).

On Windows and macOS Tk shows the system's dialog.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Wanted = Literal["folder", "files"]

_ZENITY = {
    "folder": ("--file-selection", "--directory"),
    "files": ("--file-selection", "--multiple", "--separator=\n"),
}
_KDIALOG = {
    "folder": ("--getexistingdirectory", "."),
    "files": ("--getopenfilename", ".", "--multiple", "--separate-output"),
}


@dataclass(frozen=True)
class Program:
    """A program that shows a dialog and prints what was chosen; where nothing was, it prints nothing."""

    command: Mapping[Wanted, Sequence[str]]
    read: Callable[[str], list[str]]


def programs(platform: str, environ: Mapping[str, str]) -> list[Program]:
    """The programs that can show a dialog here, best first."""
    found = []
    if platform not in ("win32", "darwin"):
        path = environ.get("PATH")
        for name, options in (("zenity", _ZENITY), ("kdialog", _KDIALOG)):
            if program := shutil.which(name, path=path):
                command: dict[Wanted, Sequence[str]] = {
                    "folder": (program, *options["folder"]),
                    "files": (program, *options["files"]),
                }
                found.append(Program(command, _lines))
    if importlib.util.find_spec("_tkinter") is not None:
        tk = (sys.executable, "-m", "ui.desktop.tk_dialog")
        found.append(Program({"folder": (*tk, "folder"), "files": (*tk, "files")}, _listed))
    return found


def _lines(printed: str) -> list[str]:
    return printed.splitlines()


def _listed(printed: str) -> list[str]:
    return [str(path) for path in json.loads(printed or "[]")]


class Dialogs:
    """Shows one dialog at a time; ``close`` takes away the one that is open."""

    def __init__(self, known: Sequence[Program]) -> None:
        self._programs = list(known)
        self._turn = threading.Lock()
        self._open: subprocess.Popen[str] | None = None
        self._closed = False

    def ask(self, wanted: Wanted) -> list[str] | None:
        """The paths that a person chooses, none where they do not; None where no dialog can be shown."""
        with self._turn:
            for program in list(self._programs):
                printed = self._run(program.command[wanted])
                with suppress(ValueError):
                    if printed is not None:
                        return program.read(printed)
                self._programs.remove(program)  # it would fail again
            return None

    def close(self) -> None:
        self._closed = True
        if self._open is not None:
            self._open.terminate()

    def _run(self, command: Sequence[str]) -> str | None:
        """What a program has printed; None where it could not be started or failed. Programs end with 1 where a person
        chooses nothing."""
        if self._closed:
            return ""
        try:
            self._open = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
                errors="surrogateescape", env=os.environ | {"PYTHONIOENCODING": "utf-8:surrogateescape"},
            )  # fmt: skip
        except OSError:
            return None
        printed, _ = self._open.communicate()
        ended = self._open.returncode
        self._open = None
        return printed if ended in (0, 1) or self._closed else None
