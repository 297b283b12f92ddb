"""Opens a document in the program that the desktop has for it, or shows it in its folder.

Only files that programs show are opened: a script, a page or a document with macros could run code, and the request may
come from whoever got hold of a session (SECURITY.md).
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import UsageError

SHOWN = frozenset(
    (
        *(".pdf", ".doc", ".docx", ".odt", ".rtf", ".ppt", ".pptx", ".odp", ".xls", ".xlsx", ".ods", ".csv", ".tsv"),
        *(".txt", ".md", ".epub", ".eml", ".vtt", ".srt"),
    )
)
"""Suffixes of files that are opened in their own program."""

Run = Callable[[Sequence[str]], object]


def start(command: Sequence[str]) -> None:
    """Runs a command that goes on by itself; a thread waits for its end, so that it leaves no zombie."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    threading.Thread(target=process.wait, name="opened", daemon=True).start()


def open_in_program(path: Path, run: Run = start) -> None:
    """Raises UsageError for a kind of file that is not opened, and where there is no desktop."""
    if path.suffix.lower() not in SHOWN:
        raise UsageError(
            f"Files such as {path.name} may run code, so they are not opened from here.", "Open its folder."
        )
    _run(run, _opener(path), path)


def show_in_folder(path: Path, run: Run = start) -> None:
    """Raises UsageError where there is no desktop."""
    if sys.platform == "win32":
        _run(run, ["explorer", f"/select,{path}"], path)
    elif sys.platform == "darwin":
        _run(run, ["open", "-R", str(path)], path)
    else:
        _run(run, _opener(path.parent), path)


def _opener(path: Path) -> list[str]:
    if sys.platform == "win32":
        return ["explorer", str(path)]
    if sys.platform == "darwin":
        return ["open", str(path)]
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or shutil.which("xdg-open") is None:
        raise UsageError("No desktop is running where Docent runs.", f"The file is {path}.")
    return ["xdg-open", str(path)]


def _run(run: Run, command: Sequence[str], path: Path) -> None:
    try:
        run(command)
    except OSError as error:
        raise UsageError(f"{path} cannot be opened ({error.strerror}).", "Open it yourself.") from error
