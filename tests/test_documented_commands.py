"""The documents and the scripts name commands of ``training`` and ``benchmarks`` that exist and explain themselves."""

import ast
import importlib
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# docs/LOG.md is history: it keeps the commands of its day.
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("rag/**/*.md")]
TEXTS = [path for path in TEXTS if path.name != "LOG.md"]
SCRIPTS = [
    path
    for package in ("training", "benchmarks")
    for path in sorted((ROOT / package).rglob("*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
]
COMMAND = re.compile(r"-m ((?:training|benchmarks)(?:\.\w+)+)")
SCRIPT = re.compile(r"\b((?:training|benchmarks)/[\w/]+\.py)")
OURS = {"app", "benchmarks", "docent", "engines", "rag", "training", "ui"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def named() -> list[tuple[str, str]]:
    """Every (text that names it, module) pair, once."""
    pairs = set()
    for path in [*TEXTS, ROOT / "training" / "README.md", *SCRIPTS]:
        text = path.read_text(encoding="utf-8")
        modules = COMMAND.findall(text) + [s.removesuffix(".py").replace("/", ".") for s in SCRIPT.findall(text)]
        pairs |= {(str(path.relative_to(ROOT)), module) for module in modules}
    return sorted(pairs)


@pytest.mark.parametrize(("text", "module"), named())
def test_a_documented_command_names_a_script(text: str, module: str) -> None:
    assert importlib.util.find_spec(module) is not None, f"{text} names {module}, which does not exist"
    assert ROOT.joinpath(*module.split(".")).with_suffix(".py") in SCRIPTS, f"{text}: {module} is not a script"


@pytest.mark.parametrize("path", SCRIPTS, ids=module_of)
def test_a_script_says_how_it_is_run(path: Path) -> None:
    described = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"python -m {module_of(path)}" in described


@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS, ids=module_of)
def test_a_script_answers_help(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        script = importlib.import_module(module_of(path))
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] in OURS:
            raise
        pytest.skip(f"the script needs {missing.name}")
    monkeypatch.setattr(sys, "argv", [module_of(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
