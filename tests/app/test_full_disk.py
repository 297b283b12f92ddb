"""A disk that is full or read-only: a real one of two megabytes, where the system lets a test mount it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.errors import disk_error
from app.events import Answered
from app.models.quantize import quantize_model
from app.models.store import ModelStore
from app.settings.schema import ModelSettings, Settings
from docent import DocentError
from engines.files.build_cache import BuildCache
from engines.quantize.quantizer import QuantizeOptions
from rag.errors import LibraryError
from tests.app.fakes import LightParts
from tests.app.models.tiny_model import write_tiny_model
from tests.app.served import ROOT, start

QUESTION = "How many tonnes of krill does the whale eat?"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "docent-test", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def opened(disk: Path) -> Assistant:
    settings = Settings(data_dir=disk / "data", model=ModelSettings(name=None))
    return Assistant(settings, LightParts(settings))


def fill(disk: Path) -> None:
    try:
        with (disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert disk_error(error) is not None


def lock(disk: Path, state: str) -> None:
    """Leaves no room on the disk, or makes it read-only."""
    if state == "full":
        fill(disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_what_was_read_can_still_be_asked(disk: Path, folder: Path, state: str) -> None:
    with opened(disk) as assistant:
        assistant.sync([str(folder)])
        list(assistant.ask(QUESTION))
    (folder / "new.txt").write_text("A walrus eats clams.\n" * 20_000)
    lock(disk, state)
    with opened(disk) as assistant:
        (end,) = [event for event in assistant.ask(QUESTION) if isinstance(event, Answered)]
        assert "whale" in end.answer.text
        assert end.conversation_id is None and "conversations" in end.unrecorded
        assert assistant.status().documents == 4
        assert len(assistant.conversations()) == 1
        with pytest.raises(LibraryError) as caught:
            assistant.sync()
        assert caught.value.remedy
    left = {path.name for path in (disk / "data").iterdir()}
    assert not {name for name in left if name.startswith(".") or name.endswith(".tmp")}


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_what_is_handed_over_or_packed_is_refused_in_a_sentence(disk: Path, folder: Path, state: str) -> None:
    with opened(disk) as assistant:
        assistant.sync([str(folder)])
    lock(disk, state)
    with opened(disk) as assistant:
        client = TestClient(create_api(assistant), raise_server_exceptions=False)
        for reply in (
            client.put("/api/uploads/lamps.txt", content=b"a lamp " * 10_000),
            client.get("/api/data/export"),
        ):
            assert reply.status_code in (400, 507), reply.text
            assert reply.json()["error"]["remedy"]
    assert [path for path in (disk / "data" / "uploads").rglob("*") if path.is_file()] == []


def test_an_index_that_cannot_be_kept_costs_a_sentence(disk: Path, folder: Path) -> None:
    with opened(disk) as assistant:
        assistant.sync([str(folder)])
        (disk / "data" / "vectors.faiss").unlink()
        (disk / "data" / "vectors.faiss").mkdir()  # nothing can take its place
        (folder / "whales.txt").write_text("The blue whale eats five tonnes of krill a day.\n")
        report = assistant.sync()
        assert [trouble.path for trouble in report.troubles] == [str(disk / "data" / "vectors.faiss")]
        assert "cannot be kept" in report.troubles[0].reason
        assert [event for event in assistant.ask(QUESTION) if isinstance(event, Answered)]
        shutil.rmtree(disk / "data" / "vectors.faiss")


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_model_that_cannot_be_prepared_says_so_and_leaves_nothing(disk: Path, tmp_path: Path, state: str) -> None:
    checkpoint = write_tiny_model(tmp_path / "model")
    (disk / "builds").mkdir()
    lock(disk, state)

    def write(folder: Path) -> list[str]:
        (folder / "part.bin").write_bytes(bytes(1 << 20))
        return []

    with pytest.raises((DocentError, OSError)) as caught:
        BuildCache(disk / "builds").get(checkpoint, "native", {}, write)
    assert isinstance(caught.value, DocentError) or disk_error(caught.value) is not None
    assert [path for path in (disk / "builds").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_model_that_cannot_be_quantised_says_so(disk: Path, tmp_path: Path, state: str) -> None:
    write_tiny_model(tmp_path / "models" / "tiny")
    text = tmp_path / "text.txt"
    text.write_text("The keeper of the light wrote the weather into the long book. " * 20)
    lock(disk, state)
    with pytest.raises((DocentError, OSError)) as caught:
        quantize_model(ModelStore(tmp_path / "models"), "tiny", str(disk / "small"), QuantizeOptions(group=32), text)
    assert isinstance(caught.value, DocentError) or disk_error(caught.value) is not None
    assert not (disk / "small").exists()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_server_answers_from_a_disk_that_cannot_be_written(disk: Path, folder: Path, state: str) -> None:
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(disk / "data"), "sync", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    lock(disk, state)
    process = start(disk, "--port", "0", "--json", "--no-browser")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    link = json.loads(line)
    headers = {"authorization": f"Bearer {link['token']}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{link['port']}", headers=headers, timeout=120) as client:
        assert client.get("/api/status").json()["documents"] == 4
        reply = client.post("/api/ask", json={"question": QUESTION, "stream": False}).json()
        assert "five tonnes" in json.dumps(reply) or reply["citations"]
        assert client.get("/").status_code == 200
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in errors


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_log_that_cannot_be_written_loses_lines_and_nothing_else(disk: Path, state: str) -> None:
    (disk / "docent.log").write_text("a line that is there\n")
    lock(disk, state)
    program = (
        "import logging, pathlib, sys; from app.cli.session import start_logging\n"
        "start_logging(pathlib.Path(sys.argv[1]), to_terminal=False)\n"
        "for _ in range(200): logging.getLogger('app').warning('x' * 100)"
    )
    for name in ("docent.log", "new.log"):
        ended = subprocess.run([sys.executable, "-c", program, str(disk / name)], capture_output=True, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert (disk / "docent.log").read_text().startswith("a line that is there\n")
