"""A sync over a real Ray cluster of two nodes on this computer: the same library as without it, also where a node is
killed in the middle."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from rag.errors import ClusterError
from rag.ingest.children.parse_job import Chunking, ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.cluster.pool import connected
from rag.ingest.cluster.worker import ClusterWorker
from rag.ingest.sync import Syncer, SyncEvent, SyncReport, SyncSettings
from rag.store.library import Library
from tests.rag.fakes import FakeEmbedder
from tests.rag.ingest.library_content import content_of

pytest.importorskip("ray", reason="needs the package ray")

ROOT = Path(__file__).parents[3]
RAY = Path(sys.executable).with_name("ray")
LIMITS = ParseLimits(workers=2)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of Ray and what it calls
    pytest.mark.skipif(sys.platform != "linux", reason="a node's processes are found as on Linux"),
]

_SLOW_PARSER = """
import time
from rag.types import Block, ParsedDocument
def parse(path):
    time.sleep(0.4)
    text = path.read_text()
    return ParsedDocument(text, (Block(0, len(text)),), path.stem, "text/plain")
"""


@dataclass(frozen=True)
class Nodes:
    """A head and a second node, with one processor each; ``second`` is the process whose end is that node's."""

    address: str
    second: psutil.Process


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    modules = tmp_path_factory.mktemp("modules")
    (modules / "slow_parser.py").write_text(_SLOW_PARSER)
    folder, port = f"/tmp/docent-ray-{os.getpid()}", 20_000 + os.getpid() % 10_000
    sys.path.append(str(modules))  # for the sync without a cluster
    try:
        head = [f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
        first = _node(modules, folder, "--head", *head)
        second = _node(modules, folder, f"--address=127.0.0.1:{port}") - first
        yield Nodes(f"127.0.0.1:{port}", psutil.Process(*second))
    finally:
        sys.path.remove(str(modules))
        for process in _processes(folder):
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _node(modules: Path, folder: str, *arguments: str) -> set[int]:
    """Starts a node; returns the processes that are a node now."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{modules}"}
    command = [RAY, "start", *arguments, "--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=280)
    return {process.pid for process in _processes(folder) if process.name() == "raylet"}


def _processes(folder: str) -> list[psutil.Process]:
    """Those of the cluster with this folder for temporary files."""
    everyone = psutil.process_iter(["cmdline"])
    return [process for process in everyone if any(folder in word for word in process.info["cmdline"] or ())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(24):
        words = " ".join(f"word{number}-{n}" for n in range(30))
        (folder / f"{number}.md").write_text(f"# File {number}\n\n{words}\n")
    return folder


def _sync(
    library: Library, folder: Path, pool: ParsePool, on_event: Callable[[SyncEvent], None] = lambda event: None
) -> SyncReport:
    syncer = Syncer(library, FakeEmbedder(), pool, SyncSettings(target_tokens=40, embed_chunks=4))
    syncer.add(str(folder))
    return syncer.run(on_event=on_event)


def test_a_cluster_stores_what_one_computer_stores(tmp_path: Path, folder: Path, nodes: Nodes) -> None:
    (folder / "long.md").write_text("".join(f"# Part {n}\n\n{'many words ' * 40}\n\n" for n in range(30)))
    (folder / "broken.docx").write_bytes(b"PK\x03\x04 no archive")
    with Library.open(tmp_path / "here.db") as here, Library.open(tmp_path / "there.db") as there:
        report = _sync(here, folder, ParsePool(LIMITS))
        with connected(nodes.address, ParseLimits(), FakeEmbedder, FakeEmbedder().name) as pool:
            assert pool.workers == 2
            assert _sync(there, folder, pool).counts == report.counts
            assert _sync(there, folder, pool).counts["unchanged"] == 26
        assert content_of(there) == content_of(here)
        reasons = [{d.path: d.error for d in library.documents() if d.status != "ok"} for library in (here, there)]
        assert reasons[0] == reasons[1] and len(reasons[0]) == 1


def test_workers_with_another_embedder_are_refused(tmp_path: Path, folder: Path, nodes: Nodes) -> None:
    other = partial(FakeEmbedder, "another")
    with Library.open(tmp_path / "library.db") as library:
        with (
            connected(nodes.address, LIMITS, other, FakeEmbedder().name) as pool,
            pytest.raises(ClusterError, match="with the embedder another"),
        ):
            _sync(library, folder, pool)
        assert library.documents() == []


def test_a_node_that_is_killed_loses_and_doubles_nothing(tmp_path: Path, folder: Path, nodes: Nodes) -> None:
    with Library.open(tmp_path / "here.db") as here, Library.open(tmp_path / "there.db") as there:
        _sync(here, folder, ParsePool(LIMITS, "slow_parser"))
        events = 0

        def kill_after_some(event: SyncEvent) -> None:
            nonlocal events
            events += 1
            if events == 8:
                nodes.second.kill()

        parser = "slow_parser"
        with connected(nodes.address, LIMITS, FakeEmbedder, FakeEmbedder().name, parser_module=parser) as pool:
            report = _sync(there, folder, pool, kill_after_some)
        assert not nodes.second.is_running()
        assert (report.counts["ok"], list(report.troubles)) == (24, [])
        assert content_of(there) == content_of(here)


def test_a_file_that_a_worker_does_not_see_is_left_for_later(tmp_path: Path) -> None:
    worker = ClusterWorker(LIMITS, "rag.parsers.registry", Chunking(FakeEmbedder().counter), FakeEmbedder)
    result = worker.parse(str(tmp_path / "elsewhere.md"), 5).unpacked(None)
    assert "under the same path" in result.interrupted and result.document is None and result.error is None


def test_an_address_without_a_cluster_is_said() -> None:
    with (
        pytest.raises(ClusterError, match=r"no Ray cluster at 127\.0\.0\.1:9"),
        connected("127.0.0.1:9", LIMITS, FakeEmbedder, "fake"),
    ):
        pass
