"""Whoever lacks an optional package is told the command for the Python that runs Docent."""

import re
import sys
from pathlib import Path

from docent import install_extra

ROOT = Path(__file__).parents[1]
_SPELLED_OUT = re.compile(r"pip install|docent-chat\[")


def test_the_command_names_this_python() -> None:
    assert install_extra("ocr") == f'"{sys.executable}" -m pip install "docent-chat[ocr]"'


def test_no_message_spells_the_command_out() -> None:
    packages = ("app", "engines", "rag", "ui")
    found = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if _SPELLED_OUT.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
