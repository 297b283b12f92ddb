"""Asks a server for much at once, honest requests and attacks, and looks at what it gives back afterwards.

    python -m benchmarks.soak                                # 2,000 mixed requests, then 256 at once of two kinds
    python -m benchmarks.soak --requests 200 --at-once 64    # a short one

The server is a process of its own (``create_api`` on a loopback port, without access control) over the samples and a
PDF whose page takes minutes to draw. ``/api/status`` is asked ten times a second all the while. Memory and descriptors
are those of the server and its children, before (after a warm-up of the same kinds) and after, idle for ten seconds.
"""

import argparse
import asyncio
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from app.assistant import Assistant
from app.settings.paths import resource
from app.settings.schema import Settings

QUESTIONS = ("How long was the light out?", "How heavy is the mercury?", "Who kept the lamp?", "When does it open?")
STATUS_EVERY_S = 0.1
MIB = 1 << 20


def endless_pdf() -> bytes:
    """A page filled with a tile whose step is a hair's breadth."""
    draw, tile = b"/Pattern cs /P scn 0 0 600 800 re f", b"1 0 0 rg 0 0 50 50 re f"
    text = b"BT /F 12 Tf 72 700 Td (The tide mill was closed in 1912) Tj ET "
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> "
        b"/Pattern << /P 5 0 R >> >> >>",
        b"<< /Length %d >> stream\n%s\nendstream" % (len(text + draw), text + draw),
        b"<< /Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 100 100] /XStep 0.05 /YStep 0.05 "
        b"/Resources << >> /Length %d >> stream\n%s\nendstream" % (len(tile), tile),
    ]
    out = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table) + end


def serve(data: Path, folder: Path, port: int) -> None:
    """Runs in the server's process."""
    import uvicorn

    from app.api.http import create_api

    with Assistant.open(Settings(data_dir=data)) as assistant:
        assistant.sync([str(folder)])
        assistant.warm_up()
        uvicorn.run(create_api(assistant), host="127.0.0.1", port=port, log_level="error", ws="none")


class Soak:
    """One run against a server."""

    def __init__(self, client: httpx.AsyncClient, pid: int, chance: random.Random) -> None:
        self._client = client
        self._server = psutil.Process(pid)
        self._chance = chance
        self.outcomes: Counter[str] = Counter()
        self.status_ms: list[float] = []
        self._ids: list[int] = []
        self._pdf = 0
        self._model = ""

    async def learn(self) -> None:
        listed = (await self._client.get("/api/documents")).json()["documents"]
        self._ids = [document["id"] for document in listed]
        self._pdf = next(document["id"] for document in listed if document["path"].endswith("endless.pdf"))
        models = (await self._client.get("/v1/models")).json()["data"]
        self._model = models[0]["id"]

    def held(self) -> tuple[float, int]:
        """MiB and descriptors of the server and its children."""
        processes = [self._server, *self._server.children(recursive=True)]
        return sum(one.memory_info().rss for one in processes) / MIB, self._server.num_fds()

    async def watch(self) -> None:
        async with httpx.AsyncClient(base_url=str(self._client.base_url), timeout=120) as own:
            while True:
                began = time.perf_counter()
                await own.get("/api/status")
                self.status_ms.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(STATUS_EVERY_S)

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
        document = self._chance.choice(self._ids)
        if kind == "ask":
            return await post("/api/ask", json={"question": question, "stream": self._chance.random() < 0.5})
        if kind == "chat":
            chat: dict[str, Any] = {"model": self._model, "messages": [{"role": "user", "content": question}]}
            return await post("/v1/chat/completions", json={**chat, "max_tokens": 8})
        if kind == "embed":
            name = (await get("/v1/models")).json()["data"][-1]["id"]
            return await post("/v1/embeddings", json={"model": name, "input": [question] * 8})
        if kind == "search":
            return await get("/api/search", params={"question": question})
        if kind == "text":
            return await get(f"/api/documents/{document}/text")
        if kind == "page":
            return await get(f"/api/documents/{document}/page/1.png")
        if kind == "endless page":
            return await get(f"/api/documents/{self._pdf}/page/1.png", params={"scale": 1 + self._chance.random()})
        if kind == "large body":
            return await post("/api/ask", content=b'{"question": "' + b"a" * (8 * MIB) + b'"}')
        if kind == "large prompt":
            chat = {"model": self._model, "messages": [{"role": "user", "content": "lamp " * 700_000}]}
            return await post("/v1/chat/completions", json=chat)
        if kind == "nested body":
            return await post("/api/ask", content=b'{"question": ' + b"[" * 100_000)
        assert kind == "gone"
        try:  # a client that does not wait for its answer
            await asyncio.wait_for(post("/api/ask", json={"question": question}), self._chance.random() * 0.2)
        except TimeoutError:
            return httpx.Response(499)
        return httpx.Response(200)

    async def mixed(self, requests: int, together: int) -> None:
        honest = ("ask", "ask", "search", "search", "text", "page", "chat", "embed")
        kinds = (*honest, "endless page", "large body", "large prompt", "nested body", "gone")
        waiting = asyncio.Semaphore(together)

        async def one() -> None:
            async with waiting:
                await self.one(self._chance.choice(kinds))

        await asyncio.gather(*(one() for _ in range(requests)))


async def run(url: str, pid: int, requests: int, at_once: int) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
        soak = Soak(client, pid, random.Random(1))
        await soak.learn()
        await soak.mixed(100, 16)
        await asyncio.sleep(10)
        soak.outcomes.clear()
        memory, descriptors = soak.held()
        print(f"before: {memory:.0f} MiB, {descriptors} descriptors")
        watch = asyncio.create_task(soak.watch())
        for name, work in (
            (f"{requests} mixed", soak.mixed(requests, 16)),
            (f"{at_once} questions at once", asyncio.gather(*(soak.one("ask") for _ in range(at_once)))),
            (f"{at_once} chats at once", asyncio.gather(*(soak.one("chat") for _ in range(at_once)))),
        ):
            soak.status_ms.clear()
            began = time.monotonic()
            await work
            took = time.monotonic() - began
            peak = soak.held()[0]
            times = np.array(soak.status_ms or [0.0])
            print(
                f"{name}: {took:.0f} s, {peak:.0f} MiB at its end; /api/status {len(times)} times, median "
                f"{np.median(times):.0f} ms, 99 % {np.quantile(times, 0.99):.0f} ms, longest {times.max():.0f} ms"
            )
            print("   ", ", ".join(f"{count} {outcome}" for outcome, count in sorted(soak.outcomes.items())))
            soak.outcomes.clear()
        watch.cancel()
    await asyncio.sleep(10)
    after, left = soak.held()
    print(f"after: {after:.0f} MiB ({100 * (after / memory - 1):+.1f} %), {left} descriptors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=256)
    parser.add_argument("--serve", nargs=3, metavar=("DATA", "FOLDER", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(Path(given.serve[0]), Path(given.serve[1]), int(given.serve[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "documents"
        folder.mkdir()
        for sample in resource("samples").iterdir():
            (folder / sample.name).write_bytes(sample.read_bytes())
        (folder / "endless.pdf").write_bytes(endless_pdf())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "benchmarks.soak", "--serve", f"{temporary}/data", str(folder), str(port)]
        with subprocess.Popen(command) as server:
            url = f"http://127.0.0.1:{port}"
            while server.poll() is None:
                try:
                    httpx.get(f"{url}/api/status", timeout=5)
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            asyncio.run(run(url, server.pid, given.requests, given.at_once))
            server.terminate()


if __name__ == "__main__":
    main()
