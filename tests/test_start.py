"""start.py decides rightly: which Python, whether to install, what a failure means. No test touches the network."""

import ast
import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """start.py as a module that believes to lie in an empty project."""
    spec = importlib.util.spec_from_file_location("start", ROOT / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    (tmp_path / "requirements").mkdir()
    for name in module.LOCKS.values():
        (tmp_path / "requirements" / name).touch()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


class Machine:
    """Notes what start.py does instead of doing it."""

    def __init__(self, start: ModuleType, monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
        self.done: list[str] = []
        self._start = start
        self._fails = fails
        monkeypatch.setattr(start, "make_environment", self._make)
        monkeypatch.setattr(start, "install", self._install)
        monkeypatch.setattr(start, "is_usable", lambda venv, python: python.exists())

    def _make(self) -> None:
        self.done.append("make")
        python = self._start.python_of(self._start.VENV, sys.platform)
        python.parent.mkdir(parents=True)
        python.touch()

    def _install(self, python: Path, extra: str) -> None:
        self.done.append(f"install {extra}".strip())
        if self._fails:
            raise self._start.SetupError("no network")


def test_python_3_8_can_read_it_and_only_the_standard_library_is_used() -> None:
    tree = ast.parse((ROOT / "start.py").read_text(encoding="utf-8"), feature_version=(3, 8))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names


def test_the_second_run_installs_nothing(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(start, monkeypatch)
    first = start.set_up("")
    assert machine.done == ["make", "install"]
    assert start.set_up("") == first
    assert machine.done == ["make", "install"]


def test_what_the_tests_need_is_added_once_and_serves_for_all(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(start, monkeypatch)
    for extra in ("", "dev", "dev", ""):
        start.set_up(extra)
    assert machine.done == ["make", "install", "install dev"]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements/base.lock"])
def test_a_changed_project_is_installed_again_into_the_same_environment(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine = Machine(start, monkeypatch)
    start.set_up("")
    (start.ROOT / name).write_text("[project]\nname = 'x'\n", encoding="utf-8")
    start.set_up("")
    assert machine.done == ["make", "install", "install"]


def test_an_interrupted_set_up_goes_on(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Machine(start, monkeypatch, fails=True)
    with pytest.raises(start.SetupError):
        start.set_up("")
    assert failing.done == ["make", "install"]
    machine = Machine(start, monkeypatch)
    start.set_up("")
    assert machine.done == ["install"]


def test_a_broken_stamp_means_install(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(start, monkeypatch)
    start.set_up("")
    start.stamp_path(start.VENV).write_text("{", encoding="utf-8")
    start.set_up("")
    assert machine.done == ["make", "install", "install"]


def test_an_environment_that_does_not_start_is_not_usable(start: ModuleType, tmp_path: Path) -> None:
    python = tmp_path / "python"
    assert not start.is_usable(tmp_path, python)
    assert start.is_usable(tmp_path, Path(sys.executable))


def test_a_folder_of_somebody_else_is_not_overwritten(start: ModuleType) -> None:
    start.VENV.mkdir()
    precious = start.VENV / "thesis.txt"
    precious.write_text("mine", encoding="utf-8")
    with pytest.raises(start.SetupError, match="not a Python environment"):
        start.make_environment()
    assert precious.read_text(encoding="utf-8") == "mine"


def test_too_old_a_python_hands_over_to_a_newer_one_or_says_so(start: ModuleType) -> None:
    newer = {"python3.12": "/usr/bin/python3.12"}
    assert start.require_python((3, 11), newer.get) is None
    assert start.require_python((3, 8), newer.get) == "/usr/bin/python3.12"
    with pytest.raises(start.SetupError, match=r"needs Python 3\.11 or newer and this is 3\.8"):
        start.require_python((3, 8), {}.get)


def test_a_full_disk_is_named_before_anything_is_made(
    start: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(start, monkeypatch)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10_000_000}))
    assert start.main(["setup"]) == 1
    error = capsys.readouterr().err
    assert "GB" in error
    assert error.count("\n") == 1
    assert machine.done == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying ... NewConnectionError(...)\nERROR: No matching distribution found for x", "internet"),
        ("ReadTimeoutError: Read timed out.", "internet"),
        ("ERROR: No matching distribution found for faiss-cpu>=1.12", "faiss-cpu>=1.12 suits"),
        ("Could not find a version that satisfies the requirement a>=1 (from versions: none)", "internet"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated ...\n"
            "    six==1.17.0 from file:///tmp/six.whl (from -r x.lock (line 1)):\n        Expected sha256 00",
            "six==1.17.0 is not what Docent was tested with",
        ),
        ("  OSError: Readme file does not exist: README.md\nhint: See above for details.", "Readme file does not"),
        ("", "no reason was given"),
    ],
)
def test_why_pip_failed_in_one_line(start: ModuleType, output: str, said: str) -> None:
    line = start.explain_pip(output.splitlines(), Path("setup.log"))
    assert said in line
    assert "\n" not in line


def test_a_missing_venv_module_names_debians_package(start: ModuleType) -> None:
    output = "The virtual environment was not created successfully because ensurepip is not available."
    assert "python3.11-venv" in start.explain_venv(output, (3, 11))


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Collecting gradio<7,>=6.31 (from docent-chat==0.1.0)\n", "looking up gradio"),
        ("  Downloading gradio-6.31.0-py3-none-any.whl (58.4 MB)\n", "downloading gradio (58.4 MB)"),
        ("Installing collected packages: a, b, c\n", "installing 3 packages"),
        ("Requirement already satisfied: x\n", None),
    ],
)
def test_steps_of_pip(start: ModuleType, line: str, step: str | None) -> None:
    assert start.step_of(line) == step


def test_a_log_gets_lines_and_a_terminal_one_line(start: ModuleType) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, newlines in ((io.StringIO(), 2), (Terminal(), 0)):
        with start.Progress(stream) as progress:
            for number in range(start.Progress.EVERY + 1):
                progress.show(f"looking up package{number}")
            progress.show(None)
        assert stream.getvalue().count("\n") == newlines


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], ["-m", "ui.main", "open", "--samples"]),
        (["--port", "9", "--no-browser"], ["-m", "ui.main", "serve", "--samples", "--port", "9", "--no-browser"]),
        (["test", "--fast", "-x"], ["-m", "pytest", "-m", "not slow and not browser", "-n", "2", "-x"]),
        (["test", "-k", "x", "--port"], ["-m", "pytest", "-k", "x", "--port"]),
    ],
)
def test_what_runs_in_the_environment(start: ModuleType, arguments: list[str], command: list[str]) -> None:
    options, rest = start.parse(arguments)
    assert start.command_line(options, rest, Path("python")) == ["python", *command]


@pytest.mark.parametrize("port", ["99999", "-1", "many"])
def test_a_wrong_port_is_said_before_anything_is_set_up(
    start: ModuleType, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        start.main(["--port", port])
    assert stopped.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_the_exit_code_is_that_of_what_ran(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(start, monkeypatch)
    ran: list[Any] = []

    def call(command: list[str], cwd: str) -> int:
        ran.append(command)
        return 5

    monkeypatch.setattr(start.subprocess, "call", call)
    assert start.main(["test", "-x"]) == 5
    assert ran[0][1:] == ["-m", "pytest", "-x"]
    assert json.loads(start.stamp_path(start.VENV).read_text(encoding="utf-8"))["extra"] == "dev"


def test_help_names_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "start.py"), "--help"], capture_output=True, text=True, check=True
    )
    for word in ("test", "setup", "--port", "--no-browser"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "card", "extra"),
    [
        ([], False, ""),
        ([], True, "gpu"),
        (["setup"], True, "gpu"),
        (["test"], True, "dev"),
        (["setup", "--dev"], True, "dev"),
    ],
)
def test_nvidias_libraries_are_installed_where_a_card_is(
    start: ModuleType, arguments: list[str], card: bool, extra: str
) -> None:
    options, _ = start.parse(arguments)
    assert start.wanted_extra(options, lambda: card) == extra
