"""Measures what the window costs, in headless Chromium against ``docent serve`` on the samples.

    python -m benchmarks.window                          # everything, about five minutes
    python -m benchmarks.window --idle 10 --parts start chat

start   Processor seconds of the server, and seconds of the clock, from its start to the first paint of the page, until
        its chats are listed, and to the end of the first answer, with the samples read before; memory (RSS) of the
        server at rest, ten seconds later.
chat    Bytes that reach the browser for one answer in a chat of 300 exchanges, beside the bytes of its text; requests
        in a minute without use, the open stream aside.
stream  Frames longer than 50 ms and tasks longer than 50 ms (Long Tasks API) while an answer grows by 100 tokens a
        second under 300 exchanges.
many    The same frames and tasks while 1,000 chats and a library of 100,000 documents are scrolled and filtered;
        seconds until their rows are drawn.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from app.assistant import Assistant
from app.conversations.store import Conversations
from app.settings.paths import DataFolder, resource
from app.settings.schema import Settings
from app.wiring import Parts
from rag.protocols import Answerer
from rag.store.opening import open_library
from rag.store.protocols import FileState
from rag.text.markers import AnswerPart
from rag.types import Answer, Chunk, Citation, ParsedDocument, Passage, Query, TextDelta

_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_QUESTION = "How long was the light out in the great storm?"
_TITLE = "Three hundred questions"
_EXCHANGES = 300
_TOKENS_A_SECOND = 100
_STREAMED = 500
_CHATS, _DOCUMENTS, _IN_FOLDER = 1_000, 100_000, 1_000
_LONG_FRAME_MS = 50
_REST_S = 10
_PARTS = ("start", "chat", "stream", "many")
_PLACES = 5  # of where bytes come from that are told
_WAIT_MS = 120_000
_ANSWERED = ".exchange:not(.running):last-of-type .answer-text"


class Speaking:
    """An answerer that says 500 words, 100 a second, in Markdown."""

    name = "scripted"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[TextDelta | Answer]:
        words = ["**tide**" if at % 7 == 0 else "\n\n- mill" if at % 31 == 0 else " lamp" for at in range(_STREAMED)]
        began = time.monotonic()
        for at, word in enumerate(words):
            time.sleep(max(0.0, began + at / _TOKENS_A_SECOND - time.monotonic()))
            yield TextDelta((AnswerPart(word),), ())
        yield Answer(tuple(map(AnswerPart, words)), True, (), self.name)


class SpeakingParts(Parts):
    def make_answerer(self) -> Answerer:
        return Speaking()


class Server:
    """A running server. ``code`` starts it; its first line of output is JSON with the link."""

    def __init__(self, command: Sequence[str]) -> None:
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
        self._began = time.monotonic()
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.link = str(json.loads(self._process.stdout.readline())["url"])
        self._seen = psutil.Process(self._process.pid)

    def processor_s(self) -> float:
        """Of the process and its children, living and ended."""
        total = 0.0
        for process in [self._seen, *self._seen.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        ended = self._seen.cpu_times()
        return total + ended.children_user + ended.children_system

    def spent(self) -> str:
        """Of the processor, and by the clock."""
        return f"{self.processor_s():6.2f} s of processor time, {time.monotonic() - self._began:6.2f} s"

    def memory(self) -> int:
        return sum(one.memory_info().rss for one in [self._seen, *self._seen.children(recursive=True)])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@contextmanager
def running(command: Sequence[str]) -> Iterator[Server]:
    server = Server(command)
    try:
        yield server
    finally:
        server.stop()


def docent(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ui.main", "--data-dir", str(data), *arguments]


def serve(data: Path) -> list[str]:
    return docent(data, "serve", "--json", "--no-browser", "--port", "0")


def fill(data: Path) -> str:
    """Writes a chat of 300 exchanges with the words of the samples. Returns its id."""
    text = next(resource("samples").glob("*.md")).read_text(encoding="utf-8")
    paragraphs = [part for part in text.split("\n\n") if len(part) > 200]
    with_place = Citation(1, 1, "/samples/diary.md", "Keeper's diary", None, None, paragraphs[0][:300], 0, 300, 1.0)
    folder = DataFolder(data)
    folder.create()
    store = Conversations(folder.conversations)
    chat = store.create(_TITLE)
    for at in range(_EXCHANGES):
        said = AnswerPart(paragraphs[at % len(paragraphs)][:600], (1,))
        store.add(chat, f"What happened on day {at}?", Answer((said,), True, (with_place,), "extractive"))
    store.close()
    return chat


def measure_start(browser: Any, data: Path) -> None:
    with running(serve(data)) as server:
        page = browser.new_page()
        page.goto(server.link, wait_until="commit")
        while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            page.wait_for_timeout(20)
        page.wait_for_selector("#question")
        print(f"first paint      {server.spent()} (goal 1.5 s of processor time)")
        page.wait_for_selector(f"text={_TITLE}", timeout=_WAIT_MS)
        print(f"chats listed     {server.spent()}")
        page.fill("#question", _QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(_ANSWERED, timeout=_WAIT_MS)
        print(f"first answer     {server.spent()}")
        time.sleep(_REST_S)
        print(f"memory at rest   {server.memory() / 2**20:6.0f} MiB")
        page.close()


def measure_chat(browser: Any, data: Path, chat: str, idle_s: float) -> None:
    with running(serve(data)) as server:
        page = browser.new_page()
        open_chat(page, server, chat)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        places: dict[str, str] = {}
        received: Counter[str] = Counter()
        network.on(
            "Network.requestWillBeSent", lambda event: places.update({event["requestId"]: event["request"]["url"]})
        )
        network.on(
            "Network.dataReceived",
            lambda event: received.update({_place(places.get(event["requestId"], "the stream")): event["dataLength"]}),
        )
        page.fill("#question", _QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".exchange:not(.running) >> nth={_EXCHANGES}", timeout=_WAIT_MS, state="attached")
        page.wait_for_timeout(2_000)  # what follows the end of an answer
        said = page.locator(".exchange").last.locator(".answer-text").inner_text()
        more = received.total() - len(said.encode())
        print(f"an answer        {more / 1000:6.1f} kB more than its text (goal 50)")
        for place, count in received.most_common(_PLACES):
            print(f"                 {count / 1000:6.1f} kB {place}")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.wait_for_timeout(idle_s * 1000)
        print(f"idle requests    {len(requests) * 60 / idle_s:6.1f} a minute (goal 0)")
        page.close()


def measure_stream(browser: Any, data: Path, chat: str) -> None:
    with running([sys.executable, "-m", "benchmarks.window", "--speak", str(data)]) as server:
        page = browser.new_page()
        open_chat(page, server, chat)
        page.evaluate(_WATCH_FRAMES)
        page.fill("#question", _QUESTION)
        page.keyboard.press("Enter")
        page.wait_for_selector(".exchange.running .answer-text p", timeout=_WAIT_MS)
        page.evaluate("() => { window.frames_ = []; window.tasks_ = []; }")
        page.wait_for_selector(".exchange.running", state="detached", timeout=_WAIT_MS)
        frames, tasks = page.evaluate("() => [window.frames_, window.tasks_]")
        late = [frame for frame in frames if frame > _LONG_FRAME_MS]
        print(f"frames > 50 ms   {len(late):6d} of {len(frames)}, longest {max(frames):.0f} ms (goal none)")
        print(f"tasks > 50 ms    {len(tasks):6d}{f', longest {max(tasks):.0f} ms' if tasks else ''}")
        page.close()


def fill_many(data: Path) -> None:
    """1,000 chats of one exchange, and 100,000 documents of one sentence in a hundred folders."""
    settings = Settings(data_dir=data)
    store = Conversations(settings.folder.conversations)
    for number in range(_CHATS):
        chat = store.create(f"What did the keeper see on night {number}?")
        store.add(chat, f"What did the keeper see on night {number}?", Answer((AnswerPart("Fog."),), True, (), "x"))
    store.close()
    vector = np.zeros((1, 384), np.float16)
    vector[0, 0] = 1
    with closing(open_library(settings.folder.library)) as library:
        writer = library.writer()
        with writer.transaction():
            source = writer.add_source("folder", "/nights")
        for first in range(0, _DOCUMENTS, _IN_FOLDER):
            with writer.transaction():
                for number in range(first, first + _IN_FOLDER):
                    text = f"Night {number}: fog."
                    path = f"/nights/{first // _IN_FOLDER:02}/night {number:05}.txt"
                    file = FileState(source.id, path, len(text), 0, str(number))
                    document = ParsedDocument(text, (), f"Night {number}", "text/plain")
                    writer.put_document(file, document, [Chunk(0, 0, 0, len(text), text)], [""], vector)


def measure_many(browser: Any, data: Path) -> None:
    with running(serve(data)) as server:
        page = browser.new_page()
        page.goto(server.link)
        page.wait_for_selector("#sync >> text=ready", timeout=_WAIT_MS)
        page.wait_for_selector("text=on night 999", timeout=_WAIT_MS)
        page.wait_for_timeout(3_000)
        page.evaluate(_WATCH_FRAMES)
        page.hover(".chat-row >> nth=3")
        _scrolled(page, "chats scrolled")
        page.fill("#chat-search", "night 77")
        page.wait_for_selector("text=on night 777", timeout=_WAIT_MS)
        _told(page, "chats searched")
        began = time.monotonic()
        page.keyboard.press("Escape")
        page.goto(server.link.partition("/?")[0] + "/library")
        page.wait_for_selector(".row-line", timeout=_WAIT_MS)
        print(f"library drawn    {time.monotonic() - began:6.2f} s")
        page.evaluate(_WATCH_FRAMES)
        page.hover(".row-line")
        _scrolled(page, "library scrolled")
        page.type("#library-filter", "09998")
        page.wait_for_selector("text=night 09998.txt", timeout=_WAIT_MS)
        _told(page, "library filtered")
        page.close()


def _scrolled(page: Any, what: str) -> None:
    for _ in range(60):
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(30)
    _told(page, what)


def _told(page: Any, what: str) -> None:
    """Says how the frames and tasks since the last time were."""
    frames, tasks = page.evaluate("() => [window.frames_.splice(0), window.tasks_.splice(0)]")
    late = [frame for frame in frames if frame > _LONG_FRAME_MS]
    longest = f", longest {max(tasks):.0f} ms" if tasks else ""
    print(f"{what:16} {len(late):6d} frames > 50 ms of {len(frames)}, tasks > 50 ms {len(tasks)}{longest}")


def _place(address: str) -> str:
    return address.partition("?")[0].partition("//")[2].partition("/")[2] or address


_WATCH_FRAMES = """() => {
  window.frames_ = [];
  window.tasks_ = [];
  let last = performance.now();
  const look = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const note = (list) => list.getEntries().forEach((one) => window.tasks_.push(one.duration));
  new PerformanceObserver(note).observe({ type: "longtask" });
}"""


def open_chat(page: Any, server: Server, chat: str) -> None:
    page.goto(server.link)
    with page.expect_response("**/api/syncing", timeout=_WAIT_MS):  # asked for when the stream is open
        page.goto(f"{server.link.partition('/?')[0]}/chat/{chat}")
    page.wait_for_selector(f".exchange >> nth={_EXCHANGES - 1}", timeout=_WAIT_MS, state="attached")
    page.wait_for_selector("#sync >> text=ready", timeout=_WAIT_MS)
    page.wait_for_timeout(3_000)  # the first sync and the warming up


def speak(data: Path) -> None:
    """Serves the window over an answerer that streams words at a known rate."""
    import socket

    import uvicorn

    from app.api.http import create_api
    from app.api.security import LocalOnly, new_token
    from app.pages.desk import Desk
    from ui.page import Page

    settings = Settings(data_dir=data)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with Assistant(settings, SpeakingParts(settings)) as assistant:
        desk = Desk(assistant, data / "inbox", settings.folder.uploads)
        page = Page(create_api(assistant, desk), desk)
        token = new_token()
        print(json.dumps({"url": f"http://127.0.0.1:{port}/?token={token}"}), flush=True)
        application = LocalOnly(page, port=port, token=token)
        config = uvicorn.Config(application, log_config=None, ws="none", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--idle", type=float, default=60, metavar="S", help="seconds without use")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--speak", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.speak:
        speak(arguments.speak)
        return
    from playwright.sync_api import sync_playwright

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as driver:
        data = Path(scratch) / "data"
        subprocess.run(docent(data, "sync", str(resource("samples"))), check=True, stdout=subprocess.DEVNULL)
        chat = fill(data)
        browser = driver.chromium.launch(executable_path=arguments.chromium, args=list(_FLAGS))
        if "start" in arguments.parts:
            measure_start(browser, data)
        if "chat" in arguments.parts:
            measure_chat(browser, data, chat, arguments.idle)
        if "stream" in arguments.parts:
            measure_stream(browser, data, chat)
        if "many" in arguments.parts:
            fill_many(data)
            measure_many(browser, data)
        browser.close()


if __name__ == "__main__":
    main()
