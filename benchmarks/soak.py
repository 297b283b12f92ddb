"""Asks a server for much at once, honest requests and attacks, and looks at what it gives back afterwards.

    python -m benchmarks.soak                                # 2,000 mixed requests, 256 questions, 45 endless pages at
                                                             # once, then a dump of 24 MB and a line of 8 MB are read
    python -m benchmarks.soak --warm-up 500                  # the first ones are not counted (default: 300)
    python -m benchmarks.soak --model builtin --requests 100 # and 256 chats at once with docent-nano
    python -m benchmarks.soak --requests 200 --at-once 64    # a short one

The server is ``docent serve`` over a sample, a PDF whose second page takes minutes to draw and a table of wide rows.
Without ``--model`` it answers with quotes. A process of its own asks for ``/api/status`` ten times a second all the
while, and before that on the idle server. Memory and descriptors are those of the server, before (after a warm-up of
the same kinds) and after, idle for ten seconds; children are the processes that draw pages. It exits with 1 where the
server's memory is not back within 10 %, or a process is left that neither draws nor waits to.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import numpy as np
import psutil

from app.settings.paths import resource
from benchmarks.library.large_files import sql_of_24_mb, text_of_8_mb_in_one_line
from benchmarks.status_probe import TOKEN
from rag.ingest.children.page_pictures import PageLimits

QUESTIONS = ("How long was the light out?", "How heavy is the mercury?", "Who kept the lamp?", "When does it open?")
SAMPLES = ("Storm damage.eml",)  # a short text: what is proven does not depend on the passages that are read
TOGETHER = 16
PICTURES = 45
REST_S = 10.0  # after which what is not needed must have been given back
MOST_GROWTH = 0.1
PAGE_PROCESSES = PageLimits().workers
MIB = 1 << 20
HONEST = ("ask", "ask", "ask", "search", "search", "text", "page", "page", "embed", "gone")
ATTACKS = ("endless page", "large body", "nested body", "wide table", "large prompt")


def endless_pdf() -> bytes:
    """An empty page, and one filled with a tile whose step is a hair's breadth."""
    draw, tile = b"/Pattern cs /P scn 0 0 600 800 re f 0 g ", b"1 0 0 rg 0 0 50 50 re f"
    text = b"BT /F 12 Tf 72 700 Td (The tide mill was closed in 1912) Tj ET "
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> "
        b"/Pattern << /P 5 0 R >> >> >>",
        b"<< /Length %d >> stream\n%s\nendstream" % (len(draw + text), draw + text),
        b"<< /Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 100 100] /XStep 0.05 /YStep 0.05 "
        b"/Resources << >> /Length %d >> stream\n%s\nendstream" % (len(tile), tile),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>",
    ]
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + end


def wide_table() -> str:
    """Long rows, which once were quadratic work for the main process."""
    row = ",".join(f'"keeper {number} of the lamp"' for number in range(40))
    return "\n".join([row] * 2) + "\n"


@contextmanager
def serving(folder: Path, data: Path, model: str) -> Iterator[tuple[subprocess.Popen[str], httpx.AsyncClient]]:
    """Runs ``docent serve`` over a folder."""
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(data), "--set", f"model.name={model}"]
    options = ["--port", "0", "--json", "--no-browser", "--no-window", "--folder", str(folder)]
    environment = os.environ | {"XDG_CONFIG_HOME": str(data.parent / "settings")}
    with subprocess.Popen([*command, "serve", *options], stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        link = json.loads(server.stdout.readline())
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{link['port']}",
            headers={"authorization": f"Bearer {link['token']}"},
            timeout=600,
            limits=httpx.Limits(max_connections=None),
        )
        try:
            yield server, client
        finally:
            began = time.monotonic()
            server.terminate()
            server.wait()
            print(f"ended {time.monotonic() - began:.1f} s after SIGTERM, exit code {server.returncode}")


@dataclass(frozen=True)
class Held:
    """MiB of the server and of its children, descriptors of the server, number of children."""

    memory: float
    of_children: float
    descriptors: int
    children: int

    @classmethod
    def by(cls, pid: int) -> "Held":
        server = psutil.Process(pid)
        children = server.children(recursive=True)
        memory = sum(one.memory_info().rss for one in children) / MIB
        return cls(server.memory_info().rss / MIB, memory, server.num_fds(), len(children))

    def __str__(self) -> str:
        return (
            f"{self.memory:.0f} MiB, {self.descriptors} descriptors, {self.children} children with "
            f"{self.of_children:.0f} MiB"
        )


class Soak:
    """One run against a server."""

    def __init__(self, client: httpx.AsyncClient, chance: random.Random) -> None:
        self._client = client
        self._chance = chance
        self.outcomes: Counter[str] = Counter()
        self.status_ms: list[float] = []
        self._places: dict[str, int] = {}
        self._paths: dict[str, str] = {}
        self._chat_model = self._embedder = ""

    async def learn(self) -> None:
        """Waits until everything is read."""
        while True:
            listed = (await self._client.get("/api/documents")).json()["documents"]
            self._paths = {Path(document["path"]).name: document["path"] for document in listed}
            if {"endless.pdf", "wide.csv"} <= set(self._paths):
                break
            await asyncio.sleep(0.5)
        self._places = {Path(document["path"]).name: document["id"] for document in listed}
        for model in (await self._client.get("/v1/models")).json()["data"]:
            asked = await self._client.post("/v1/embeddings", json={"model": model["id"], "input": "lamp"})
            if asked.is_success:
                self._embedder = model["id"]
            chat = {"model": model["id"], "messages": [{"role": "user", "content": "lamp"}], "max_tokens": 1}
            if (await self._client.post("/v1/chat/completions", json=chat)).is_success:
                self._chat_model = model["id"]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Has another process ask for the status as long as the block lasts."""
        token = self._client.headers["authorization"].removeprefix("Bearer ")
        command = [sys.executable, "-m", "benchmarks.status_probe", str(self._client.base_url.port)]
        env = os.environ | {TOKEN: token}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as probe:
            reading = threading.Thread(target=self._read_times, args=(probe.stdout,), daemon=True)
            reading.start()
            yield
            assert probe.stdin is not None
            probe.stdin.close()
            reading.join()

    def _read_times(self, lines: IO[str]) -> None:
        for line in lines:
            took, _, status = line.partition(" ")
            self.status_ms.append(float(took))
            if status:
                self.outcomes[f"status {status.strip()}"] += 1

    def times(self) -> str:
        times = np.array(self.status_ms or [0.0])
        self.status_ms = []
        return (
            f"/api/status {len(times)} times, median {np.median(times):.0f} ms, 99 % "
            f"{np.quantile(times, 0.99):.0f} ms, longest {times.max():.0f} ms, {np.mean(times > 200):.2%} above 200 ms"
        )

    async def one(self, kind: str) -> None:
        try:
            response = await self._request(kind)
        except httpx.HTTPError as error:
            self.outcomes[f"{kind} {type(error).__name__}"] += 1
            return
        self.outcomes[f"{kind} {response.status_code}"] += 1

    async def _request(self, kind: str) -> httpx.Response:
        post, get = self._client.post, self._client.get
        question = self._chance.choice(QUESTIONS)
        document = self._chance.choice(list(self._places.values()))
        chat: dict[str, Any] = {"model": self._chat_model, "messages": [{"role": "user", "content": question}]}
        match kind:
            case "ask":
                return await post("/api/ask", json={"question": question, "stream": self._chance.random() < 0.5})
            case "chat":
                return await post("/v1/chat/completions", json={**chat, "max_tokens": 8})
            case "embed":
                return await post("/v1/embeddings", json={"model": self._embedder, "input": [question] * 2})
            case "search":
                return await get("/api/search", params={"question": question})
            case "text":
                return await get(f"/api/documents/{document}/text")
            case "page":
                return await get(f"/api/documents/{self._places['endless.pdf']}/page/1.png")
            case "endless page":
                return await get(f"/api/documents/{self._places['endless.pdf']}/page/2.png")
            case "large body":
                return await post("/api/ask", content=b'{"question": "' + b"a" * (8 * MIB) + b'"}')
            case "nested body":
                return await post("/api/ask", content=b'{"question": ' + b"[" * 100_000)
            case "large prompt":
                chat["messages"] = [{"role": "user", "content": "lamp " * 700_000}]
                return await post("/v1/chat/completions", json=chat)
            case "wide table":
                return await post("/api/sync", json={"locations": [self._paths["wide.csv"]], "anew": True})
        assert kind == "gone"
        try:  # a client that does not wait for its answer
            await asyncio.wait_for(post("/api/ask", json={"question": question}), self._chance.random() * 0.2)
        except TimeoutError:
            return httpx.Response(499)
        return httpx.Response(200)

    async def mixed(self, requests: int) -> None:
        kinds = (*HONEST, *HONEST, *ATTACKS, *(["chat"] if self._chat_model else []))
        waiting = asyncio.Semaphore(TOGETHER)

        async def one() -> None:
            async with waiting:
                await self.one(self._chance.choice(kinds))

        await asyncio.gather(*(one() for _ in range(requests)))

    async def read_large(self, file: Path, seconds: float) -> None:
        """Has a file read for some seconds, then leaves, which ends the sync."""
        try:
            await asyncio.wait_for(self._client.post("/api/sync", json={"locations": [str(file)]}), seconds)
        except TimeoutError:
            self.outcomes["large file left"] += 1
        else:
            self.outcomes["large file read"] += 1

    async def at_once(self, kind: str, count: int) -> None:
        await asyncio.gather(*(self.one(kind) for _ in range(count)))


async def run(client: httpx.AsyncClient, pid: int, large: list[Path], given: argparse.Namespace) -> bool:
    """Returns whether memory, descriptors and children are back."""
    async with client:
        soak = Soak(client, random.Random(1))
        await soak.learn()
        kind = "ask" if given.model == "null" else "chat"
        await soak.mixed(given.warm_up)
        await soak.at_once(kind, 64)
        await asyncio.sleep(REST_S)
        soak.outcomes.clear()
        before = Held.by(pid)
        print(f"before: {before}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        with soak.watching():
            await asyncio.sleep(REST_S)
            print(f"idle: {soak.times()}")
            for name, work in (
                (f"{given.requests} mixed", soak.mixed(given.requests)),
                (f"{given.at_once} {kind}s at once", soak.at_once(kind, given.at_once)),
                (f"{PICTURES} endless pages at once", soak.at_once("endless page", PICTURES)),
                *((f"{file.name} for {given.large:g} s", soak.read_large(file, given.large)) for file in large),
            ):
                began, used = time.monotonic(), _processor_s(pid)
                await work
                took, used = time.monotonic() - began, _processor_s(pid) - used
                print(
                    f"{name}: {took:.0f} s, {used:.0f} s of processor time of the server; load {os.getloadavg()[0]:.1f}"
                )
                print(f"    {Held.by(pid)} at its end; {soak.times()}")
                print(
                    "   ",
                    ", ".join(f"{count} {outcome}" for outcome, count in sorted(soak.outcomes.items())),
                    flush=True,
                )
                soak.outcomes.clear()
    await asyncio.sleep(REST_S)
    after = Held.by(pid)
    growth = after.memory / before.memory - 1
    print(f"after: {after}; memory {100 * growth:+.1f} %")
    return growth <= MOST_GROWTH and after.children <= PAGE_PROCESSES


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=256)
    parser.add_argument("--warm-up", type=int, default=300, help="requests before memory is looked at (default: 300)")
    parser.add_argument(
        "--large", type=float, default=30, help="seconds for which each large file is read (default: 30)"
    )
    parser.add_argument("--model", default="null", help="a model to answer with; null answers with quotes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "documents"
        folder.mkdir()
        for name in SAMPLES:
            (folder / name).write_bytes((resource("samples") / name).read_bytes())
        (folder / "endless.pdf").write_bytes(endless_pdf())
        (folder / "wide.csv").write_text(wide_table(), encoding="utf-8")
        large = [Path(temporary) / "ships.sql", Path(temporary) / "line.txt"]
        sql_of_24_mb(large[0])
        text_of_8_mb_in_one_line(large[1])
        with serving(folder, Path(temporary) / "data", given.model) as (server, client):
            is_back = asyncio.run(run(client, server.pid, large, given))
    return 0 if is_back else 1


if __name__ == "__main__":
    sys.exit(main())
