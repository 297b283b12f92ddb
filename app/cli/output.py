"""Writes the output of the command line: JSON for programs, text for people.

``stdout`` carries results alone; progress and errors go to ``stderr``. JSON is ASCII with escapes, so that no terminal
encoding and no odd file name can break it. Text from documents loses its control characters, so that a hostile
document cannot steer the terminal.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_UNWRAPPED = 10_000  # columns: a program or a file gets each row on one line
_CONTROL: dict[int, str | None] = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"} | {
    # Marks that turn the direction of writing, by which "invoice[U+202E]fdp.exe" would look like invoiceexe.pdf.
    code: f"[U+{code:04X}]"
    for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def write_json(data: Mapping[str, Any]) -> None:
    """Writes one JSON object on one line of stdout, visible at once to whoever reads the pipe."""
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def write_text(text: str, end: str = "\n") -> None:
    """Writes text for a person to stdout, without control characters."""
    sys.stdout.write(plain(text) + end)
    sys.stdout.flush()


def write_note(text: str) -> None:
    """Writes a message to stderr, on one line whatever stands in it."""
    sys.stderr.write(one_line(text) + "\n")
    sys.stderr.flush()


def plain(text: str) -> str:
    """Removes the control characters that a terminal would obey, and shows marks that turn the direction of writing."""
    return text.translate(_CONTROL)


def one_line(text: str) -> str:
    return " ".join(plain(text).split())


def console() -> "Console":
    """Makes a rich console on stdout for tables."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNWRAPPED
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console().print(table)


def tolerate_odd_characters() -> None:
    """Makes stdout and stderr escape what their encoding cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def silence_stdout() -> None:
    """Discards further output once the reader of a pipe has gone, also the interpreter's last flush."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is no real file, as in a test
        return


def place(source: str, page: int | None, start_s: float | None, page_label: str | None = None) -> str:
    """Names a source as a person would: ``report.pdf, page 3``, ``book.pdf, page iv (sheet 6)``,
    ``https://... at 12:04``."""
    name = source if "://" in source else os.path.basename(source) or source  # noqa: PTH119 - may hold surrogates
    if page is not None:
        return f"{name}, page {page}" if page_label is None else f"{name}, page {page_label} (sheet {page})"
    if start_s is not None:
        minutes, seconds = divmod(int(start_s), 60)
        return f"{name} at {minutes}:{seconds:02d}"
    return name
