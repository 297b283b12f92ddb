"""The shortcut by which the desktop starts Docent: one file, or on macOS one small application, of the platform's kind.

Linux: a desktop entry (freedesktop.org, Desktop Entry Specification 1.5). Windows: a .lnk in the start menu, which
PowerShell writes. macOS: an application bundle in the person's own Applications.
"""

import plistlib
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError
from docent import cause_of
from files import replace_bytes, replace_text

Run = Callable[[Sequence[str], str], None]
_NAME = "Docent"
_COMMENT = "Ask your own documents, and get answers with citations"
_IDENTIFIER = "docent-chat"


def feed(command: Sequence[str], text: str) -> None:
    """Runs a command with ``text`` as its standard input. Raises OSError and subprocess.CalledProcessError."""
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


@dataclass(frozen=True)
class Desktop:
    """The desktop that a shortcut is for: ``platform`` as in sys.platform, and the person's home and environment."""

    platform: str
    home: Path
    environ: Mapping[str, str]
    run: Run = feed

    @property
    def shortcut(self) -> Path:
        """Where the shortcut lies, or would lie."""
        if self.platform == "win32":
            roaming = Path(self.environ.get("APPDATA") or self.home / "AppData" / "Roaming")
            return roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs" / f"{_NAME}.lnk"
        if self.platform == "darwin":
            return self.home / "Applications" / f"{_NAME}.app"
        data = Path(self.environ.get("XDG_DATA_HOME") or self.home / ".local" / "share")
        return data / "applications" / f"{_IDENTIFIER}.desktop"


def install(desktop: Desktop, command: Sequence[str], icon: Path) -> Path:
    """Writes the shortcut that runs ``command``. Returns where. Raises UsageError where that fails."""
    write = {"win32": _windows, "darwin": _mac}.get(desktop.platform, _linux)
    try:
        write(desktop, command, icon)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(f"{desktop.shortcut} cannot be written.", f"The system says: {cause_of(error)}.") from error
    return desktop.shortcut


def remove(desktop: Desktop) -> bool:
    """Removes the shortcut; false where none was there. Raises UsageError where that fails."""
    place = desktop.shortcut
    try:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UsageError(f"{place} cannot be removed ({error.strerror}).", "Remove it yourself.") from error
    return True


def _linux(desktop: Desktop, command: Sequence[str], icon: Path) -> None:
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        "Version=1.5",
        f"Name={_NAME}",
        f"Comment={_COMMENT}",
        "Comment[de]=Die eigenen Dokumente fragen, mit Antworten, die ihre Stellen nennen",
        f"Exec={_value(' '.join(map(_argument, command)))}",
        f"Icon={_value(str(icon))}",
        "Terminal=false",
        "Categories=Office;",
        "StartupNotify=false",
    )
    replace_text(desktop.shortcut, "\n".join(lines) + "\n")


def _argument(word: str) -> str:
    """Quotes a word of a desktop entry's command line; % begins a field code there."""
    for special in '\\"`$':
        word = word.replace(special, f"\\{special}")
    return f'"{word.replace("%", "%%")}"'


def _value(text: str) -> str:
    """Escapes a value of a desktop entry."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _mac(desktop: Desktop, command: Sequence[str], icon: Path) -> None:
    contents = desktop.shortcut / "Contents"
    program = contents / "MacOS" / _NAME
    information = {
        "CFBundleName": _NAME,
        "CFBundleExecutable": _NAME,
        "CFBundleIdentifier": _IDENTIFIER,
        "CFBundlePackageType": "APPL",
        "CFBundleInfoDictionaryVersion": "6.0",
    }
    replace_bytes(contents / "Info.plist", plistlib.dumps(information))
    replace_text(program, f"#!/bin/sh\nexec {shlex.join(command)}\n")
    program.chmod(0o700)


def _windows(desktop: Desktop, command: Sequence[str], icon: Path) -> None:
    program, *arguments = command
    settings = {"TargetPath": program, "Arguments": subprocess.list2cmdline(arguments), "Description": _COMMENT}
    script = [
        f"$link = (New-Object -ComObject WScript.Shell).CreateShortcut({_quoted(str(desktop.shortcut))})",
        *(f"$link.{name} = {_quoted(value)}" for name, value in settings.items()),
        "$link.Save()",
    ]
    desktop.shortcut.parent.mkdir(parents=True, exist_ok=True)
    # Read from the standard input, so that no name has to survive a command line.
    desktop.run(["powershell", "-NoProfile", "-NonInteractive", "-Command", "-"], "\n".join(script) + "\n")


def _quoted(text: str) -> str:
    """A string of PowerShell in which nothing is replaced; it takes typographic quotes for quotes, too."""
    for mark in "'\u2018\u2019\u201a\u201b":
        text = text.replace(mark, mark * 2)
    return f"'{text}'"
