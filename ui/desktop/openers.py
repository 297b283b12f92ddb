"""The programs that can show Docent in a window of its own, the best first: pywebview, then a browser's app mode."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ui.desktop.devtools import DevTools
from ui.desktop.dialogs import Wanted
from ui.desktop.place import Place

_LINUX = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("microsoft-edge", "microsoft-edge-stable", "brave-browser"),
)
_MAC = ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
_WINDOWS = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
_FLAGS = (  # a window for one page of this computer, which calls nobody and asks nothing
    *("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--no-pings"),
    *("--disable-breakpad", "--disable-features=Translate,MediaRouter,OptimizationHints"),
)
# A browser takes commands from its descriptors 3 and 4; the shell puts them there, then the browser takes its place.
_WITH_PIPE = ("/bin/sh", "-c", 'exec "$@" --remote-debugging-pipe 3<&0 4>&1 </dev/null >/dev/null', "docent")


class Shown(Protocol):
    """A window that was opened by this process."""

    def is_open(self) -> bool: ...

    def has_failed(self) -> bool:
        """Whether its program has ended with an error."""
        ...

    def wait(self) -> None:
        """Returns when it is closed."""
        ...

    def focus(self) -> bool:
        """Brings it before the others; false where that cannot be done."""
        ...

    def choose(self, wanted: Wanted) -> list[str] | None:
        """Asks for a folder or files in a dialog of the window; the paths, or None where it has no dialog."""
        ...

    def close(self) -> None: ...


Opener = Callable[[str, Place], Shown]
"""Opens a window on an address. Raises OSError where its program cannot be started."""


def openers(profile: Path, place_file: Path, environ: Mapping[str, str] = os.environ) -> list[Opener]:
    """The ways to open a window here, best first; none where there is no desktop. ``profile`` is the folder for what
    a browser keeps for this window alone."""
    if sys.platform not in ("win32", "darwin") and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return []
    found: list[Opener] = [WebviewOpener(place_file)] if importlib.util.find_spec("webview") else []
    return found + [AppModeOpener((str(browser),), profile / "browser") for browser in browsers(sys.platform, environ)]


def browsers(platform: str, environ: Mapping[str, str]) -> list[Path]:
    """The browsers with an app mode that are installed."""
    if platform == "darwin":
        folders = [Path("/Applications"), Path.home() / "Applications"]
        places = [folder / f"{name}.app" / "Contents" / "MacOS" / name for name in _MAC for folder in folders]
        return [place for place in places if place.is_file()]
    if platform == "win32":
        roots = [environ[name] for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA") if name in environ]
        return [place for name in _WINDOWS for root in roots if (place := Path(root) / name).is_file()]
    found = [shutil.which(name, path=environ.get("PATH")) for name in _LINUX]
    return [Path(place) for place in found if place is not None]


@dataclass(frozen=True)
class AppModeOpener:
    """A Chromium, Chrome or Edge that shows one page without tabs and address bar, with a profile of its own."""

    command: Sequence[str]
    profile: Path

    def __call__(self, link: str, place: Place) -> Shown:
        self.profile.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = [f"--window-size={place.width},{place.height}"]
        if place.x is not None and place.y is not None:
            size.append(f"--window-position={place.x},{place.y}")
        line = [*self.command, *_FLAGS, f"--user-data-dir={self.profile}", *size, f"--app={link}"]
        if os.name != "posix":
            process = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            return AppMode(process, link)
        process = subprocess.Popen(
            [*_WITH_PIPE, *line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for Docent, which closes the window then
        )
        assert process.stdin is not None
        assert process.stdout is not None
        return AppMode(process, link, DevTools(process.stdin, process.stdout))


@dataclass(frozen=True)
class AppMode:
    """A running browser window. The browser ends when its pipe is closed, also where Docent is killed."""

    process: "subprocess.Popen[bytes]"
    link: str
    devtools: DevTools | None = None

    def is_open(self) -> bool:
        return self.process.poll() is None

    def has_failed(self) -> bool:
        return bool(self.process.poll())

    def wait(self) -> None:
        self.process.wait()

    def focus(self) -> bool:
        if self.devtools is None or not self.is_open():
            return False
        address = self.link.partition("?")[0]
        return self.devtools.bring_forward(address)

    def choose(self, wanted: Wanted) -> list[str] | None:
        return None  # a page of a browser gets files without their paths

    def close(self) -> None:
        if self.devtools is not None:
            self.devtools.close()
        if self.is_open() and self.devtools is None:
            self.process.terminate()


@dataclass(frozen=True)
class WebviewOpener:
    """pywebview in a process of its own, which is told the address where no other user can read it."""

    place_file: Path
    command: Sequence[str] = field(default=(sys.executable, "-m", "ui.desktop.webview"))

    def __call__(self, link: str, place: Place) -> Shown:
        process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        shown = Webview(process)
        storage = str(self.place_file.with_name("webview"))
        shown.tell(
            json.dumps(
                {
                    "link": link,
                    "file": str(self.place_file),
                    "storage": storage,
                    "width": place.width,
                    "height": place.height,
                    "x": place.x,
                    "y": place.y,
                }
            )
        )
        return shown


@dataclass(frozen=True)
class Webview:
    """A running pywebview window; it is closed when its standard input ends."""

    process: "subprocess.Popen[str]"
    asking: threading.Lock = field(default_factory=threading.Lock)

    def is_open(self) -> bool:
        return self.process.poll() is None

    def has_failed(self) -> bool:
        return bool(self.process.poll())

    def wait(self) -> None:
        self.process.wait()
        with self.asking:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def focus(self) -> bool:
        return self.is_open() and self.tell("focus")

    def choose(self, wanted: Wanted) -> list[str] | None:
        assert self.process.stdout is not None
        with self.asking:
            if not self.is_open() or not self.tell(f"choose {wanted}"):
                return None
            for line in self.process.stdout:
                with suppress(ValueError):  # something that its libraries print
                    if isinstance(paths := json.loads(line), list):
                        return [str(path) for path in paths]
        return None  # it has ended

    def tell(self, line: str) -> bool:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):  # it has ended
            return False
        return True

    def close(self) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except OSError:
            return
