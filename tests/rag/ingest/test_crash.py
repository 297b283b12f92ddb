"""A sync that is killed at random moments: nothing lost, nothing twice, no orphans.

DOCENT_KILLS sets how many (100 for a full run) and DOCENT_SEED the seed.
"""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.store.opening import open_library
from rag.store.protocols import LibraryStore
from tests.rag.fakes import FakeEmbedder
from tests.rag.ingest.library_content import Content, content_of
from tests.rag.postgres_server import PostgresServer

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("DOCENT_KILLS", "20"))
SEED = int(os.environ.get("DOCENT_SEED", "20"))
SETTINGS = "SyncSettings(target_tokens=20, embed_chunks=4, lock_timeout_s=20)"

# Prints a line at every event, so that the test can choose its moment.
_CHILD = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})  # for the processes that parse
from contextlib import closing
from rag.store.opening import open_library
from rag.ingest.children.parse_job import ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from tests.rag.fakes import FakeEmbedder

with closing(open_library(Path(sys.argv[1]), sys.argv[3] or None)) as library:
    syncer = Syncer(library, FakeEmbedder(), ParsePool(ParseLimits(workers=2)), {SETTINGS})
    syncer.add(sys.argv[2])
    syncer.run(on_event=lambda event: print(event.kind, flush=True))
"""


@dataclass(frozen=True)
class Place:
    """Where a library is kept: in a file, or at a URL."""

    file: Path
    url: str | None = None

    def opened(self) -> contextlib.closing[LibraryStore]:
        return contextlib.closing(open_library(self.file, self.url))


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """One that syncs are killed in, and a fresh one."""
    files = [tmp_path / name / "library.db" for name in ("data", "fresh")]
    if request.param == "sqlite":
        return Place(files[0]), Place(files[1])
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(files[0], server.made("killed")), Place(files[1], server.made("fresh"))


def write(folder: Path, number: int, rng: random.Random) -> None:
    words = [f"word{rng.randrange(500)}" for _ in range(rng.randrange(5, 120))]
    (folder / f"{number}.md").write_text(f"# File {number}\n\n{' '.join(words)}\n")


def change(folder: Path, rng: random.Random) -> None:
    """Rewrites, renames, deletes and adds some files."""
    files = sorted(folder.iterdir())
    rng.shuffle(files)
    for file in files[:12]:
        write(folder, int(file.stem), rng)
    for file in files[12:15]:
        file.rename(folder / f"{1000 + rng.randrange(10**6)}.md")
    for file in files[15:18]:
        file.unlink()
    for _ in range(3):
        write(folder, 1000 + rng.randrange(10**6), rng)


def kill_a_sync(place: Place, folder: Path, rng: random.Random) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(place.file), str(folder), place.url or ""], stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        for _ in range(rng.randrange(1, 25)):
            process.stdout.readline()
        time.sleep(rng.random() * 0.02)  # not for luck: the moment is meant to be any
        process.kill()


def sync(place: Place, folder: Path) -> None:
    with place.opened() as library:
        settings = SyncSettings(target_tokens=20, embed_chunks=4, lock_timeout_s=20)
        syncer = Syncer(library, FakeEmbedder(), ParsePool(ParseLimits(workers=2)), settings)
        syncer.add(str(folder))
        syncer.run()
        library.check()


def content(place: Place) -> Content:
    with place.opened() as library:
        return content_of(library)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_killed_at_many_moments(tmp_path: Path, places: tuple[Place, Place]) -> None:
    rng = random.Random(SEED)
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(60):
        write(folder, number, rng)
    place, fresh = places
    for _ in range(KILLS):
        kill_a_sync(place, folder, rng)
        with place.opened() as library:
            library.check()
        change(folder, rng)
    sync(place, folder)
    sync(fresh, folder)
    assert content(place) == content(fresh)
    assert len(content(place)) == 60


PARSER_KILLS = 40


@pytest.mark.slow
def test_parsers_killed_at_forty_moments_cost_nothing(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    folder, database = tmp_path / "documents", Place(tmp_path / "data" / "library.db")
    folder.mkdir()
    kills = 0
    while kills < PARSER_KILLS:
        for number in range(60):
            write(folder, number, rng)
        syncing = threading.Thread(target=sync, args=(database, folder))
        syncing.start()
        while syncing.is_alive():
            time.sleep(rng.random() * 0.03)  # not for luck: the moment is meant to be any
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                    if rng.random() < 0.5 and "parse_worker" in " ".join(child.cmdline()):
                        child.kill()
                        kills += 1
        syncing.join()
    sync(database, folder)  # what was left for the next time
    sync(Place(tmp_path / "fresh" / "library.db"), folder)
    assert content(database) == content(Place(tmp_path / "fresh" / "library.db"))
    assert all(row[1] == "ok" for row in content(database)) and len(content(database)) == 60
