"""Who may read the data folder: its owner, also where it was there before."""

import os
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}


def test_an_open_folder_and_its_files_become_private(tmp_path: Path, folder: Path) -> None:
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True)
    data.chmod(0o755)
    for name in ("library.db", "logs/docent.log", "external-store.json"):
        (data / name).touch(mode=0o644)
        (data / name).chmod(0o644)
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        list(assistant.ask("What does the whale eat?"))
        found = modes(data)
    assert {"library.db", "library.db-wal", "conversations.db", "vectors.faiss", "docent.log"} <= found.keys()
    assert {name: mode for name, mode in found.items() if mode and not name.endswith(".lock")} == {}
