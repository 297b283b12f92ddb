"""Holds what the commands share during one run: the common options, the settings and the Assistant."""

import logging
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import typer

from app.cli.output import one_line, plain, write_note

if TYPE_CHECKING:
    from app.assistant import Assistant
    from app.settings.schema import Settings
    from app.settings.sources import LoadedSettings

_LOG_BYTES = 1_000_000  # then docent.log becomes docent.log.1
_OWN_LOGGERS = ("app", "rag", "engines", "ui")  # of all others only warnings are kept
_log = logging.getLogger("app.cli.main")


@dataclass
class Session:
    """The common options, which are filled in before a command runs."""

    debug: bool = False
    data_dir: Path | None = None
    config_file: Path | None = None
    overrides: tuple[str, ...] = field(default=())

    @cached_property
    def loaded(self) -> "LoadedSettings":
        loaded = self.read_settings()
        for note in loaded.notes:
            write_note(f"docent: {note}")
        return loaded

    def read_settings(self) -> "LoadedSettings":
        """Reads them from all their layers, each time anew."""
        from app.settings.sources import load_settings

        return load_settings(
            data_dir=self.data_dir, config_file=self.config_file, overrides=self.overrides, environ=os.environ
        )

    @property
    def settings(self) -> "Settings":
        return self.loaded.settings

    def open(self) -> "Assistant":
        """Opens the Assistant on the person's data folder, which is made if need be."""
        from app.assistant import Assistant

        os.umask(os.umask(0o077) | 0o077)  # what this process writes is its owner's alone
        self.settings.folder.create()
        start_logging(self.settings.folder.log, to_terminal=self.debug)
        return Assistant.open(self.settings)

    def log_defect(self, error: Exception) -> Path | None:
        """Writes an unexpected error to the log; None when there is nowhere to write it."""
        if "loaded" not in self.__dict__:
            return None
        path = self.settings.folder.log
        start_logging(path, to_terminal=self.debug)
        _log.error("unexpected error", exc_info=error)
        return path if path.is_file() else None


def session_of(context: typer.Context) -> Session:
    session = context.obj
    assert isinstance(session, Session), "the group sets it before any command runs"
    return session


class _Plain(logging.Formatter):
    """Names of files and words of documents neither steer a terminal nor make up further lines of the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        """Indented: an error's message may have further lines."""
        return indent(super().formatException(ei), "    ")

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def start_logging(path: Path, *, to_terminal: bool) -> None:
    """Sends warnings (with ``to_terminal`` everything, on stderr too) to the log file, once a process.

    Python's warnings too: a library that silences its own on one thread shows them while another thread does the same.
    """
    from logging.handlers import RotatingFileHandler

    class _QuietFile(RotatingFileHandler):
        """A log on a full disk loses lines, and nothing else."""

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
            return

    root = logging.getLogger()
    if any(isinstance(handler, RotatingFileHandler) for handler in root.handlers):
        return
    logging.captureWarnings(True)
    for name in _OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG if to_terminal else logging.INFO)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if to_terminal else []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_QuietFile(path, maxBytes=_LOG_BYTES, backupCount=1, delay=True, encoding="utf-8"))
    except OSError:  # a full or read-only disk must not keep anyone from asking
        handlers.append(logging.NullHandler())
    for handler in handlers:
        handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
