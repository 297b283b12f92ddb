"""Stand-ins for what a desktop has: programs, pages that follow the news, windows and what opens them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ui.desktop.dialogs import Dialogs, Program
from ui.desktop.own_window import OwnWindow
from ui.desktop.place import Place


def a_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@dataclass
class Pages:
    """The pages that follow Docent's news."""

    count: int = 0

    def __call__(self) -> int:
        return self.count


@dataclass
class FakeWindow:
    pages: Pages
    failed: bool = False
    chosen: list[str] | None = None  # in a dialog of its own
    closed: threading.Event = field(default_factory=threading.Event)
    focused: int = 0

    def is_open(self) -> bool:
        return not self.closed.is_set()

    def has_failed(self) -> bool:
        return self.failed

    def wait(self) -> None:
        assert self.closed.wait(30)

    def focus(self) -> bool:
        self.focused += self.is_open()
        return self.is_open()

    def choose(self, wanted: str) -> list[str] | None:
        return self.chosen

    def close(self) -> None:
        self.closed.set()
        self.pages.count = 0


@dataclass
class FakeOpener:
    """Opens windows whose page comes at once; ``fails`` instead, or ends because another browser takes it over."""

    pages: Pages
    fails: bool = False
    hands_over: bool = False
    opened: list[tuple[str, FakeWindow]] = field(default_factory=list)

    def __call__(self, link: str, place: Place) -> FakeWindow:
        window = FakeWindow(self.pages, self.fails)
        self.opened.append((link, window))
        if self.fails or self.hands_over:
            window.closed.set()
        if not self.fails:
            self.pages.count += 1
        return window


def a_window(tmp_path: Path, pages: Pages, *chosen: FakeOpener, dialogs: Sequence[Program] = ()) -> OwnWindow:
    codes = iter(range(100))
    return OwnWindow(chosen, lambda: f"code {next(codes)}", pages, tmp_path / "window.json", Dialogs(dialogs))
