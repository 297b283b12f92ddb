"""The ``docent`` command run in this process, on documents that were read once."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from tests.app.conftest import DOCUMENTS


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; anything else there is a failure."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Result]


def invoke(arguments: Sequence[str], stdin: str | None = None) -> Result:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    return Result(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents with the library that a sync made of it."""
    base = tmp_path_factory.mktemp("read")
    for name, content in DOCUMENTS.items():
        path = base / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    synced = invoke(["--data-dir", str(base / "data"), "sync", str(base / "documents"), "--json"])
    assert synced.code == 0, synced
    return base


@pytest.fixture
def docent(read_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on a copy of the library that knows the documents."""
    shutil.copytree(read_once / "data", tmp_path / "data")
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    yield lambda *arguments, stdin=None: invoke(arguments, stdin)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on a data folder that does not exist yet."""
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "fresh"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    return lambda *arguments, stdin=None: invoke(arguments, stdin)
