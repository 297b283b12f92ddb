"""Processes that are killed at random moments while they read and answer, download a model or build one.

Afterwards the same work is done once more in peace: its outcome is that of a fresh start, and no partial file is left.
DOCENT_KILLS sets the number of kills of each kind (100 for a full run) and DOCENT_SEED the seed. Kills of syncs and of
parsers are in ``tests/rag/ingest/test_crash.py``, of servers in ``test_signals.py``.
"""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.doctor import examine
from app.models.pull import ModelHub
from app.models.store import ModelStore
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts
from tests.app.models.hub import REPO, Hub
from tests.app.models.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("DOCENT_KILLS", "5"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
KEPT = {"library.db", "library.lock", "conversations.db", "vectors.faiss", "logs", "uploads"}
QUESTION = "When was lamp 7 lit?"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_ASKS = """
import sys
from pathlib import Path
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from tests.app.fakes import LightParts

settings = Settings(data_dir=Path(sys.argv[1]), model=ModelSettings(name=None))
print("ready", flush=True)
with Assistant(settings, LightParts(settings)) as assistant:
    assistant.sync([sys.argv[2]], lambda event: print(event.kind, flush=True), anew=True)
    conversation = None
    for number in range(30):
        *_, last = assistant.ask(f"When was lamp {number} lit?", conversation_id=conversation)
        conversation = last.conversation_id
        print("answered", flush=True)
"""

_PULL = """
import sys
from pathlib import Path
from app.models.pull import ModelHub
from app.models.store import ModelStore

print("ready", flush=True)
ModelHub(sys.argv[1], pause_s=0).pull(ModelStore(Path(sys.argv[2])), sys.argv[3])
"""

_BUILD = """
import sys
from pathlib import Path
from engines.files.build_cache import BuildCache
from tests.attack.test_kills import build

print("ready", flush=True)
build(BuildCache(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def killed(program: str, arguments: list[str], chance: random.Random, longest_s: float) -> None:
    """Runs a program and kills it: some lines later, or some time after it is ready."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        for _ in range(1 if chance.random() < 0.5 else chance.randrange(2, 60)):
            process.stdout.readline()
        time.sleep(chance.random() * longest_s)  # not for luck: the moment is meant to be any
        process.kill()


def answers(data: Path, folder: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Syncs in peace; returns what the library holds, and answers."""
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        held = [
            (document.path, document.status, assistant.document_text(document.id)) for document in assistant.documents()
        ]
        said = []
        for number in range(0, 20, 4):
            *_, last = assistant.ask(f"When was lamp {number} lit?", remember=False)
            said.append(last.answer.text)  # type: ignore[union-attr]
        for conversation in assistant.conversations():
            assert all(not exchange.damaged for exchange in assistant.conversation(conversation.id))
    return held, said


def test_killed_while_reading_and_answering(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    folder, data = tmp_path / "documents", tmp_path / "data"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.md").write_text(f"# Lamp {number}\n\nLamp {number} was lit in {1800 + number}.\n")
    (folder / "mail.eml").write_text(
        "From: a@b.example\nSubject: Lamps\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nSee the list.\n"
        '--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename="a.txt"\n\nLamp 99.\n--x--\n'
    )
    for _ in range(KILLS):
        killed(_ASKS, [str(data), str(folder)], chance, 0.2)
    outcome = answers(data, folder)
    assert outcome == answers(tmp_path / "fresh", folder)
    assert any("1804" in said for said in outcome[1])
    settings = Settings(data_dir=data, model=ModelSettings(name=None))
    assert [check for check in examine(settings) if check.status == "fail"] == []
    assert {path.name for path in data.iterdir()} <= KEPT | {"library.db-wal", "library.db-shm"} | {
        "conversations.db-wal",
        "conversations.db-shm",
        "library.writer",
    }


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = write_tiny_model(tmp_path / "source")
    served = Hub({path.name: path.read_bytes() for path in folder.iterdir()})
    yield served
    served.close()


def test_killed_while_a_model_is_downloaded(tmp_path: Path, hub: Hub) -> None:
    chance = random.Random(SEED)
    store = ModelStore(tmp_path / "models")
    for _ in range(KILLS):
        killed(_PULL, [hub.url, str(store.root), REPO], chance, 0.3)
        for info in store.root.glob("[!.]*"):  # what is there by its name is whole
            assert not store.info(info.name).problem
        if store.root.exists() and any(store.root.glob("[!.]*")):
            store.remove(next(store.root.glob("[!.]*")).name)
    ModelHub(hub.url, pause_s=0).pull(store, REPO)
    assert not store.info("tiny-model").problem
    assert [path for path in store.root.iterdir() if path.name != "tiny-model" and path.is_dir()] == []


FILES = 12


def build(cache: "object", checkpoint: Path) -> Path:
    """Builds some files out of a checkpoint, in small steps."""
    from engines.files.build_cache import BuildCache

    assert isinstance(cache, BuildCache)

    def write(folder: Path) -> list[str]:
        for number in range(FILES):
            data = hashlib.sha256(f"{number}".encode()).digest() * 20_000
            (folder / f"part{number}.bin").write_bytes(data)
        return ["built"]

    return cache.get(checkpoint, "native", {"kernels": "1"}, write).folder


def test_killed_while_a_model_is_built(tmp_path: Path) -> None:
    from engines.files.build_cache import BuildCache

    chance = random.Random(SEED)
    checkpoint = write_tiny_model(tmp_path / "model")
    builds = tmp_path / "builds"
    for number in range(KILLS):
        if number % 3 == 2:  # a finished one is no work
            BuildCache(builds).forget(checkpoint)
        killed(_BUILD, [str(builds), str(checkpoint)], chance, 0.05)
    folder = build(BuildCache(builds), checkpoint)
    fresh = build(BuildCache(tmp_path / "fresh"), checkpoint)
    assert {path.name: path.read_bytes() for path in folder.glob("*.bin")} == {
        path.name: path.read_bytes() for path in fresh.glob("*.bin")
    }
    assert [path.name for path in builds.iterdir() if path.is_dir()] == [folder.name]
    assert list(BuildCache(builds).verify(checkpoint, {})) and not any(
        problem for _, problem in BuildCache(builds).verify(checkpoint, {})
    )
