"""A small folder of documents, and an assistant that has read it, for the tests of this package."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.settings.model import ModelSettings, Settings
from tests.app.fakes import LightParts

DOCUMENTS = {
    "whales.txt": "The blue whale is the largest animal. It eats about four tonnes of krill a day.\n",
    "towers.md": "# Towers\n\nThe Eiffel Tower was opened in 1889. It stands in Paris. The tower is 330 metres high.\n",
    "sub/tea.html": "<html><body><h1>Tea</h1><p>Green tea is brewed at eighty degrees Celsius.</p></body></html>",
    "empty.txt": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents with text in them and one without."""
    root = tmp_path / "documents"
    for name, content in DOCUMENTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    """An assistant on an empty data folder, everything real but the model."""
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as opened:
        yield opened
