"""The window of its own that a running Docent has: opened once, brought forward when Docent is started again."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ui.desktop.dialogs import Dialogs, Wanted
from ui.desktop.openers import Opener, Shown
from ui.desktop.place import read_place

_log = logging.getLogger(__name__)
_DRAWS_S = 30.0  # until a page in the window asks for news
_LOOKS_S = 0.1
_LEFT_S = 3.0  # without a page, after which nobody looks at Docent any more; a page that is loaded anew takes less


class OwnWindow:
    """``link`` makes an address that opens one window, ``pages`` counts the pages that are open, in whatever browser.
    ``place_file`` tells where the window stood before, ``dialogs`` are for windows that have none of their own."""

    def __init__(
        self,
        openers: Sequence[Opener],
        link: Callable[[], str],
        pages: Callable[[], int],
        place_file: Path,
        dialogs: Dialogs,
    ) -> None:
        self._openers = list(openers)
        self._link = link
        self.pages = pages
        self._place_file = place_file
        self._dialogs = dialogs
        self._lock = threading.Lock()
        self._shown: Shown | None = None

    def show(self) -> bool:
        """Brings the window forward, or opens one. Returns false where no program can show it."""
        with self._lock:
            if self._shown is not None and self._shown.focus():
                return True
            for opener in list(self._openers):
                shown = self._opened(opener)
                if shown is not None:
                    self._shown = shown
                    return True
                self._openers.remove(opener)  # it would fail again
            return False

    def choose(self, wanted: Wanted) -> list[str] | None:
        """Asks for a folder or files in a dialog of the desktop, and returns their paths, none where a person chooses
        nothing; None where there is no dialog, or no window that it belongs to."""
        with self._lock:
            shown = self._shown
        if shown is None:
            return None
        chosen = shown.choose(wanted)
        return self._dialogs.ask(wanted) if chosen is None else chosen

    def wait(self) -> None:
        """Returns when the window is closed and no other page is open."""
        while True:
            with self._lock:
                shown = self._shown
            if shown is None:
                return
            shown.wait()  # a browser that was running already ends at once, and shows the page all the same
            wait_until_left(self.pages, _LEFT_S)
            with self._lock:
                if self._shown is shown:
                    return

    def close(self) -> None:
        self._dialogs.close()
        with self._lock:
            if self._shown is not None:
                self._shown.close()

    def _opened(self, opener: Opener) -> Shown | None:
        before = self.pages()
        try:
            shown = opener(self._link(), read_place(self._place_file))
        except OSError as error:
            _log.warning("a window cannot be opened: %s", error)
            return None
        until = time.monotonic() + _DRAWS_S
        while self.pages() == before and shown.is_open() and time.monotonic() < until:
            time.sleep(_LOOKS_S)
        if self.pages() == before and shown.has_failed():
            _log.warning("the program for a window of its own ended with an error")
            return None
        return shown  # one that ended without an error was closed, or a browser that ran already shows the page


def wait_until_left(pages: Callable[[], int], for_s: float) -> None:
    """Returns when no page has been open for ``for_s`` seconds."""
    since = time.monotonic()
    while time.monotonic() - since < for_s:
        if pages():
            since = time.monotonic()
        time.sleep(min(1.0, for_s / 3))
