"""The log file: what strangers wrote stands in it as text."""

import subprocess
import sys
from pathlib import Path

_LOGS = """
import logging, sys
from pathlib import Path
from app.cli.session import start_logging

start_logging(Path(sys.argv[1]), to_terminal=True)
log = logging.getLogger("app")
log.warning("%s was read", "a\\x1b]0;title\\x07\\u202efdp\\n2026-01-01 00:00:00 ERROR app: made up")
try:
    raise ValueError("\\x1b[2Jgone\\n2026-01-01 00:00:00 ERROR app: made up")
except ValueError:
    log.exception("failed")
"""


def test_words_of_strangers_neither_steer_a_terminal_nor_make_up_lines(tmp_path: Path) -> None:
    path = tmp_path / "docent.log"
    done = subprocess.run([sys.executable, "-c", _LOGS, str(path)], check=True, capture_output=True, text=True)
    for text in (path.read_text(encoding="utf-8"), done.stderr):
        assert not any(mark in text for mark in "\x1b\x07\u202e")
        lines = text.splitlines()
        assert "[U+202E]fdp" in lines[0] and lines[0].endswith("ERROR app: made up was read")
        assert lines[1].endswith("failed") and lines[2].strip().startswith("Traceback")
        assert lines[-2].strip() == "ValueError: [2Jgone"
        assert all(line.startswith("    ") for line in lines[2:]), "no line of an error looks like one of the log"


_WARNS = """
import sys, warnings
from pathlib import Path
from app.cli.session import start_logging

start_logging(Path(sys.argv[1]), to_terminal=False)
warnings.warn("no decoder was found", RuntimeWarning)
"""


def test_warnings_of_libraries_stand_in_the_log_and_not_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "docent.log"
    done = subprocess.run([sys.executable, "-c", _WARNS, str(path)], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert "RuntimeWarning: no decoder was found" in path.read_text(encoding="utf-8")
