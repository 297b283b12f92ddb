"""The ``docent`` command on documents that were read once, and on a data folder that has no library yet."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.command import Run, invoke
from tests.app.conftest import DOCUMENTS


@pytest.fixture(scope="session")
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
def docent(
    read_once: Path, builds: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs the command on a copy of the library that knows the documents."""
    shutil.copytree(read_once / "data", tmp_path / "data")
    builds(tmp_path / "data")
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    yield lambda *arguments, stdin=None: invoke(arguments, stdin)


@pytest.fixture
def fresh(builds: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on a data folder that has no library yet."""
    builds(tmp_path / "fresh")
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "fresh"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    return lambda *arguments, stdin=None: invoke(arguments, stdin)
