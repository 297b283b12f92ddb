#!/usr/bin/env python3
"""Sets Docent up beside this file and starts it; uses nothing but Python's standard library.

    python3 start.py                      opens the chat window (on the sample documents the first time)
    python3 start.py test [PYTEST ARGS]   the same set-up with what the tests need, then the tests
    python3 start.py test --fast          ... without those that are slow or drive a browser
    python3 start.py setup [--dev]        the set-up alone

The set-up makes .venv and installs Docent into it, with exactly the packages that the lock files in requirements/ name,
each checked against its hash. It is skipped when nothing has changed since it last ended well, and goes on where it was
interrupted. Written so that an old Python too can read it and say that it is too old.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
# What each set-up installs; the others hold what base.lock holds, and more.
LOCKS = {"": "base.lock", "gpu": "gpu.lock", "dev": "dev.lock"}
OLDEST_PYTHON = (3, 11)
NEWER_PYTHONS = ("python3.13", "python3.12", "python3.11", "python3.14")
# The environment takes 870 MB, with the test tools 1150 MB, with NVIDIA's libraries 1600 MB (Linux, Python 3.11); pip
# needs about as much again.
SPACE_NEEDED_MB = {"": 1900, "gpu": 3500, "dev": 2400}
INTERRUPTED = 130
FAST = "not slow and not browser"  # the tests of `test --fast`


class SetupError(Exception):
    """Raised with one line that says what a person must mend before Docent can run."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns the exit code."""
    options, rest = parse(arguments)
    try:
        newer = require_python(sys.version_info[:2], shutil.which)
        if newer is not None:
            return subprocess.call([newer, str(Path(__file__).resolve()), *arguments])
        python = set_up(wanted_extra(options, driver_answers))
        if options.command == "setup":
            say("Docent is set up. Start it with: python3 start.py")
            return 0
        return subprocess.call(command_line(options, rest, python), cwd=str(ROOT))
    except SetupError as error:
        print(f"start.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def wanted_extra(options: argparse.Namespace, has_card: Callable[[], bool]) -> str:
    """Returns which set-up the command needs: NVIDIA's libraries only where a card is."""
    if options.command == "test" or options.dev:
        return "dev"
    return "gpu" if has_card() else ""


def driver_answers() -> bool:
    """Returns whether an NVIDIA driver works here and names a card."""
    command = shutil.which("nvidia-smi")
    if command is None or sys.platform == "darwin":
        return False
    try:
        found = subprocess.run(
            [command, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0 and b"GPU" in found.stdout


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parses the options; what belongs to pytest is returned beside them."""
    parser = argparse.ArgumentParser(
        prog="start.py",
        description="Set Docent up and start it.",
        epilog="`test --fast` leaves out slow tests; `test` passes what follows it to pytest.",
    )
    parser.add_argument("command", nargs="?", choices=["open", "test", "setup"], default="open")
    parser.add_argument("--port", type=port, help="port of the chat window (default: 7860 or the next free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a window; print the link")
    parser.add_argument("--dev", action="store_true", help="install what the tests need, too")
    if arguments and arguments[0] == "test":
        return parser.parse_args(["test"]), list(arguments[1:])
    return parser.parse_args(arguments), []


def port(text: str) -> int:
    """Parses a port's number, before the set-up takes its minutes."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port lies between 0 and 65535")
    return number


def command_line(options: argparse.Namespace, rest: Sequence[str], python: Path) -> list[str]:
    """Returns the command to run in the environment once it stands."""
    if options.command == "test":
        fast = ["-m", FAST, "-n", "2"] if "--fast" in rest else []  # two processes
        return [str(python), "-m", "pytest", *fast, *(argument for argument in rest if argument != "--fast")]
    command = [str(python), "-m", "ui.main", "serve" if options.no_browser else "open", "--samples"]
    if options.port is not None:
        command += ["--port", str(options.port)]
    if options.no_browser:
        command.append("--no-browser")
    return command


def require_python(version: tuple[int, ...], which: Callable[[str], str | None]) -> str | None:
    """Returns None when this Python will do, else the path of a newer one on this machine."""
    if version >= OLDEST_PYTHON:
        return None
    for name in NEWER_PYTHONS:
        found = which(name)
        if found is not None:
            return found
    wanted = ".".join(map(str, OLDEST_PYTHON))
    have = ".".join(map(str, version))
    raise SetupError(f"Docent needs Python {wanted} or newer and this is {have}. Install one from python.org.")


# -- the environment -------------------------------------------------------------------------------------------------


def set_up(extra: str) -> Path:
    """Makes or completes the environment. Returns its Python."""
    python = python_of(VENV, sys.platform)
    wanted = stamp(extra)
    if python.exists() and satisfies(read_stamp(VENV), wanted):
        return python
    require_space(shutil.disk_usage(str(ROOT)).free, extra)
    if not is_usable(VENV, python):
        make_environment()
    more = {"dev": " and its test tools", "gpu": " and NVIDIA's libraries for the card"}.get(extra, "")
    say(f"Installing Docent{more}; the first time takes minutes.")
    install(python, extra)
    stamp_path(VENV).write_text(json.dumps(wanted), encoding="utf-8")
    return python


def python_of(venv: Path, platform: str) -> Path:
    return venv / "Scripts" / "python.exe" if platform == "win32" else venv / "bin" / "python"


def stamp(extra: str) -> dict[str, str]:
    """Returns what an environment depends on, by name."""
    project = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", *map(lock_file, sorted(LOCKS))):
        project.update(path.read_bytes())
    return {"project": project.hexdigest(), "python": sys.version, "extra": extra, "root": str(ROOT)}


def lock_file(extra: str) -> Path:
    return ROOT / "requirements" / LOCKS[extra]


def stamp_path(venv: Path) -> Path:
    return venv / "docent-setup.json"


def read_stamp(venv: Path) -> dict[str, str]:
    """Reads the stamp of an environment; empty when no set-up has ended well there."""
    try:
        found = json.loads(stamp_path(venv).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def satisfies(have: dict[str, str], wanted: dict[str, str]) -> bool:
    """Returns whether an environment will do; one that holds more also serves for the least."""
    return have == wanted or (not wanted["extra"] and have in [{**wanted, "extra": extra} for extra in LOCKS])


def require_space(free_bytes: int, extra: str) -> None:
    needed, free = SPACE_NEEDED_MB[extra] / 1000, free_bytes / 1e9
    if free < needed:
        raise SetupError(f"Docent needs {needed:.1f} GB on this disk and {free:.1f} GB are free. Make room.")


def is_usable(venv: Path, python: Path) -> bool:
    """Returns whether an environment is there and works; one that was interrupted while it was made does not."""
    if not python.exists():
        return False
    check = [str(python), "-c", f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"]
    return subprocess.call(check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def make_environment() -> None:
    """Makes .venv anew."""
    if VENV.exists() and any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists() and not (VENV / "bin").exists():
        raise SetupError(f"{VENV} is not a Python environment. Move it away and try again.")
    say("Making the environment .venv")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode != 0:
        raise SetupError(explain_venv(made.stdout.decode("utf-8", "replace"), sys.version_info[:2]))


def explain_venv(output: str, version: tuple[int, ...]) -> str:
    """Explains in one line what `python -m venv` said."""
    name = ".".join(map(str, version))
    if "ensurepip" in output or "No module named venv" in output:
        return f"This Python cannot make environments. On Debian and Ubuntu: sudo apt install python{name}-venv"
    if "No space left" in output:
        return "The disk is full. Make room and try again."
    return f"The environment .venv cannot be made: {last_line(output)}"


# -- the installation ------------------------------------------------------------------------------------------------


def install(python: Path, extra: str) -> None:
    """Installs the locked packages and then Docent itself; the full log is .venv/setup.log."""
    log = VENV / "setup.log"
    with log.open("w", encoding="utf-8") as file, Progress(sys.stdout) as progress:
        for arguments in installations(extra):
            code = run_pip(python, arguments, file, progress)
            if code != 0:
                break
    if code != 0:
        raise SetupError(explain_pip(log.read_text(encoding="utf-8").splitlines(), log))


def installations(extra: str) -> list[list[str]]:
    """Returns the arguments of each run of pip, in order."""
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock_file(extra))]
    # The build tools are among the locked packages, so nothing else is fetched to build Docent.
    docent = ["--no-deps", "--no-build-isolation", "--editable", "."]
    return [locked, docent]


def run_pip(python: Path, arguments: Sequence[str], log: TextIO, progress: Progress) -> int:
    """Runs `pip install` and shows which package it is at. Returns its exit code."""
    command = [str(python), "-m", "pip", "install", *arguments]
    command += ["--progress-bar", "off", "--disable-pip-version-check", "--no-input"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        command, cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            log.write(line)
            progress.show(step_of(line))
        return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise


_STEPS = (
    (re.compile(r"\s*Collecting ([\w.-]+)"), "looking up {}"),
    (re.compile(r"\s*Downloading ([A-Za-z0-9_.]+?)-\d\S* (\([^)]+\))"), "downloading {} {}"),
    (re.compile(r"Installing collected packages: (.*)"), "installing {}"),
    (re.compile(r"Successfully installed (.*)"), "installed {}"),
)


def step_of(line: str) -> str | None:
    """Translates a line of pip's output for a person; None for most lines."""
    for pattern, words in _STEPS:
        match = pattern.match(line)
        if match is not None:
            found = match.groups()
            if "install" in words:  # a long list of names
                return words.format(f"{len(found[0].split())} packages")
            return words.format(*found)
    return None


def explain_pip(lines: Iterable[str], log: Path) -> str:
    """Explains in one line why pip failed."""
    text = "\n".join(lines)
    if "No space left on device" in text or "Errno 28" in text:
        return "The disk is full. Make room and run this again; it goes on where it stopped."
    if re.search("Connection(?:Error|ResetError)|NewConnection|Timeout|Temporary failure|ProxyError|SSLError", text):
        return "A package could not be downloaded. Check the internet connection and run this again."
    changed = re.search(r"DO NOT MATCH THE HASHES.*?^ *(\S+)", text, re.MULTILINE | re.DOTALL)
    if changed is not None:
        return f"What was downloaded as {changed.group(1)} is not what Docent was tested with. Run this again."
    absent = re.search(r"requirement (\S+).*\(from versions: none\)", text)
    if absent is not None:
        return f"pip finds no {absent.group(1)} for this Python. Check the internet connection and pip's settings."
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if missing is not None:
        return f"No version of {missing.group(1)} suits this computer and Python. The log is {log}"
    errors = re.findall(r"^\s*(?:ERROR: |error: |\w+Error: )(.+)$", text, re.MULTILINE)
    return f"The installation failed: {errors[0] if errors else last_line(text)} The log is {log}"


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given."


class Progress:
    """Shows progress: one line that is written over on a terminal, elsewhere a line now and then."""

    EVERY = 20  # steps a line where the output is kept

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._steps = 0
        self._terminal = stream.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._write("\r\033[K")

    def show(self, step: str | None) -> None:
        if step is None:
            return
        self._steps += 1
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\033[K" + f"  [{self._steps}] {step}"[:width])
        elif self._steps % self.EVERY == 1 or step.startswith("install"):
            self._write(f"  {step}\n")

    def _write(self, text: str) -> None:
        print(text, end="", file=self._stream, flush=True)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
