"""The shortcut by the file that is written for each desktop."""

import os
import plistlib
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.errors import UsageError
from ui.desktop.shortcut import Desktop, install, remove

COMMAND = ["/opt/my py/bin/python", "-P", "-m", "ui.main", "--data-dir", '/home/a/100% `mine` $HOME "x" \\ it\'s']
ICON = Path("/opt/docent/icon.png")


def exec_line(entry: str) -> list[str]:
    """The command line of a desktop entry, by its specification: first the escapes of values, then the quotes."""
    value = next(line.removeprefix("Exec=") for line in entry.splitlines() if line.startswith("Exec="))
    value = value.replace("\\\\", "\\")
    words, word, escaped, quoted = [], "", False, False
    for letter in value:
        if escaped:
            word, escaped = word + letter, False
        elif letter == "\\" and quoted:
            escaped = True
        elif letter == '"':
            quoted = not quoted
        elif letter == " " and not quoted:
            words, word = [*words, word], ""
        else:
            word += letter
    return [each.replace("%%", "%") for each in [*words, word]]


def test_linux_gets_a_desktop_entry(tmp_path: Path) -> None:
    desktop = Desktop("linux", tmp_path, {})
    place = install(desktop, COMMAND, ICON)
    assert place == tmp_path / ".local" / "share" / "applications" / "docent-chat.desktop"
    entry = place.read_text(encoding="utf-8")
    assert exec_line(entry) == COMMAND
    assert {"[Desktop Entry]", "Type=Application", "Name=Docent", f"Icon={ICON}", "Terminal=false"} <= {
        *entry.splitlines()
    }
    assert remove(desktop)
    assert not remove(desktop)


def test_the_data_folder_of_the_desktop_is_heeded(tmp_path: Path) -> None:
    desktop = Desktop("linux", tmp_path, {"XDG_DATA_HOME": str(tmp_path / "data")})
    assert install(desktop, COMMAND, ICON) == tmp_path / "data" / "applications" / "docent-chat.desktop"


def test_macos_gets_an_application(tmp_path: Path) -> None:
    desktop = Desktop("darwin", tmp_path, {})
    place = install(desktop, COMMAND, ICON)
    information = plistlib.loads((place / "Contents" / "Info.plist").read_bytes())
    program = place / "Contents" / "MacOS" / information["CFBundleExecutable"]
    first, second = program.read_text(encoding="utf-8").splitlines()
    assert (first, shlex.split(second)) == ("#!/bin/sh", ["exec", *COMMAND])
    if os.name == "posix":
        assert os.access(program, os.X_OK)
    assert remove(desktop)
    assert not place.exists()


def test_windows_is_told_to_write_a_link(tmp_path: Path) -> None:
    ran: list[tuple[Sequence[str], str]] = []
    roaming = tmp_path / "O’Neil's"
    desktop = Desktop("win32", tmp_path, {"APPDATA": str(roaming)}, lambda command, text: ran.append((command, text)))
    place = install(desktop, ["C:\\Program Files\\pythonw.exe", "-m", "ui.main", "--data-dir", "C:\\it's here"], ICON)
    assert place.parent == roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs"
    assert place.parent.is_dir()
    ((command, script),) = ran
    assert command[0] == "powershell"
    assert str(place) not in " ".join(command)
    written = str(place).replace("’", "’’").replace("'", "''")
    assert f"CreateShortcut('{written}')" in script
    assert "$link.TargetPath = 'C:\\Program Files\\pythonw.exe'" in script
    assert "$link.Arguments = '-m ui.main --data-dir \"C:\\it''s here\"'" in script
    assert script.endswith("$link.Save()\n")


def test_a_failure_is_said(tmp_path: Path) -> None:
    def fails(command: Sequence[str], text: str) -> None:
        raise subprocess.CalledProcessError(1, command)

    with pytest.raises(UsageError, match="cannot be written"):
        install(Desktop("win32", tmp_path, {}, fails), COMMAND, ICON)
    (tmp_path / ".local").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        install(Desktop("linux", tmp_path, {}), COMMAND, ICON)
