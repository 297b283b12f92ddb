"""A small folder of documents, an assistant, and the builds of the shipped model, for the tests of this package."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.conversations.store import Conversations
from app.models.build import build_model
from app.models.store import BUILTIN, ModelStore
from app.settings.paths import builtin_model
from app.settings.schema import ModelSettings, Settings
from engines.runtimes.native.kernels.instructions import usable
from tests.app.fakes import LightParts
from tests.rag.postgres_server import PostgresServer
from tests.ui.fakes import Gate

OpenConversations = Callable[[Path], Conversations]

DOCUMENTS = {
    "whales.txt": "The blue whale is the largest animal. It eats about four tonnes of krill a day.\n",
    "towers.md": "# Towers\n\nThe Eiffel Tower was opened in 1889. It stands in Paris. The tower is 330 metres high.\n",
    "sub/tea.html": "<html><body><h1>Tea</h1><p>Green tea is brewed at eighty degrees Celsius.</p></body></html>",
    "empty.txt": "",
}


@pytest.fixture(scope="session")
def builds(kernels: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Gives a data folder the builds of the shipped model, which are made once."""
    made = tmp_path_factory.mktemp("builds")
    shutil.copytree(kernels, made, dirs_exist_ok=True)
    build_model(ModelStore(made / "none", builtin_model()), BUILTIN, "native" if usable() else "onnx", made)
    return lambda data: shutil.copytree(made, data / "builds", copy_function=os.link)


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


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Closed; opened at the end, so that no thread waits for ever."""
    made = Gate()
    yield made
    made.open()


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest) -> OpenConversations:
    """Opens the conversations that belong to a folder, new or as they were left."""
    if request.param == "sqlite":
        return lambda folder: Conversations(folder / "conversations.db")
    server: PostgresServer = request.getfixturevalue("postgres")

    def opened(folder: Path) -> Conversations:
        from app.conversations.server import ServerConversations

        return ServerConversations(server.made(hashlib.sha256(str(folder).encode()).hexdigest()[:20]))

    return opened


@pytest.fixture
def store(open_store: OpenConversations, tmp_path: Path) -> Iterator[Conversations]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()
