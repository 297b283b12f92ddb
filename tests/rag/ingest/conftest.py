from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rag.ingest.obedient import PARSER, TAKEN


@pytest.fixture
def obedient_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "parsers"
    folder.mkdir()
    (folder / "obedient_parser.py").write_text(PARSER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    yield
    while TAKEN:
        TAKEN.pop().close()
