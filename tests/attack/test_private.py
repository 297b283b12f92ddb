"""What Docent keeps can be read by its owner alone, and nothing of another user stands in its way."""

import json
import sys
from pathlib import Path

import httpx
import pytest

from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts
from tests.app.served import start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="rights are not bits there")


def test_a_data_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The blue whale eats krill.")
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    for name in ("library.db", "conversations.db"):
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.chmod(0o666)
    (tmp_path / "data").chmod(0o777)
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        list(assistant.ask("What does the whale eat?"))
        kept = list(settings.data_dir.rglob("*"))
        assert {"library.db", "conversations.db"} <= {path.name for path in kept}
        assert [path.name for path in (settings.data_dir, *kept) if path.stat().st_mode & 0o077] == []


@pytest.mark.slow
def test_a_window_needs_nothing_in_the_folder_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "gradio").touch()  # as if another user had it
    monkeypatch.setenv("TMPDIR", str(shared))
    process = start(tmp_path, "--port", "0", "--json", "--no-browser")
    assert process.stdout is not None
    link = json.loads(process.stdout.readline())
    bearer = {"authorization": f"Bearer {link['token']}"}
    reply = httpx.post(
        f"http://127.0.0.1:{link['port']}/gradio/gradio_api/call/news", json={"data": []}, headers=bearer, timeout=60
    )
    made = [path.name for path in shared.iterdir()]
    process.terminate()
    process.communicate()
    assert reply.status_code == 200 and made == ["gradio"]
