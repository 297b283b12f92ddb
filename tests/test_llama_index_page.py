"""The examples of docs/llama-index.md run as they stand there."""

import re
from pathlib import Path

import pytest

from app.settings.sources import load_settings
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.settings import SyncSettings
from rag.ingest.sync import Syncer
from rag.models.embedder import OnnxEmbedder
from rag.store.library import Library

_PAGE = (Path(__file__).parents[1] / "docs" / "llama-index.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    note = tmp_path / "documents" / "lamp.txt"
    note.parent.mkdir()
    note.write_text("On 3 May 1911 the lamp was out for nineteen minutes.", encoding="utf-8")
    with Library.open(tmp_path / "data" / "library.db") as library:
        syncer = Syncer(library, OnnxEmbedder.load(threads=1), ParsePool(), SyncSettings())
        syncer.add(str(note))
        syncer.run()
    names: dict[str, object] = {}
    examples = fenced("python")
    assert examples
    for example in examples:
        exec(compile(example, "docs/llama-index.md", "exec"), names)
    assert f"{note} On 3 May 1911" in capsys.readouterr().out


def test_the_settings_examples_are_settings(tmp_path: Path) -> None:
    (example,) = fenced("yaml")
    (tmp_path / "config.yaml").write_text(example, encoding="utf-8")
    settings = load_settings(config_file=tmp_path / "config.yaml").settings
    assert settings.retrieval.store == "llama_index.core.vector_stores.simple:SimpleVectorStore"
