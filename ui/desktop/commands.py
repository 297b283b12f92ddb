"""``docent shortcut``: an entry in the desktop's menu that opens Docent."""

import os
import subprocess
import sys
from pathlib import Path

import typer

from app.cli.output import write_text
from app.cli.session import Session, session_of
from app.errors import UsageError
from app.locations import at_home
from ui.desktop.shortcut import Desktop, install, remove

_ICON = Path(__file__).parents[1] / "static" / "favicon.png"
_CHECK_S = 60

shortcuts = typer.Typer(help="Put Docent into the desktop's menu.", no_args_is_help=True, rich_markup_mode=None)


@shortcuts.command("install")
def add(context: typer.Context) -> None:
    """Add an entry to the desktop's menu that opens Docent in a window of its own."""
    command = _command(session_of(context))
    write_text(f"The shortcut is {install(_desktop(), command, _ICON)}")


@shortcuts.command("remove")
def take_away(context: typer.Context) -> None:
    """Take the entry out of the desktop's menu."""
    removed = remove(_desktop())
    write_text("The shortcut is removed." if removed else "There is no shortcut.")


def _desktop() -> Desktop:
    return Desktop(sys.platform, Path.home(), os.environ)


def _command(session: Session) -> list[str]:
    """What a shortcut runs: this Python with the same data folder and settings, without a terminal on Windows.

    Raises UsageError where Docent is not installed in this Python, and would not be found from another folder.
    """
    python = Path(sys.executable)
    start = [str(python), "-P"]  # nothing is imported from the folder in which the desktop starts it
    if subprocess.run([*start, "-c", "import ui.main"], cwd=Path.home(), timeout=_CHECK_S, check=False).returncode:
        raise UsageError("Docent is not installed in this Python.", "Run `python3 start.py setup` first.")
    if sys.platform == "win32" and (windowed := python.with_name("pythonw.exe")).is_file():
        start[0] = str(windowed)
    options: list[str] = []
    if session.data_dir is not None:
        options += ["--data-dir", str(at_home(session.data_dir).absolute())]
    if session.config_file is not None:
        options += ["--config", str(at_home(session.config_file).absolute())]
    return [*start, "-m", "ui.main", *options]
