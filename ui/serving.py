"""Serves the window and the HTTP API on 127.0.0.1 alone, until a signal or the closed window ends it."""

import contextlib
import errno
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.session import Session
from app.collector import set_apart
from app.errors import AppError
from app.priority import give_way, take_turns_quickly
from app.running import Announce
from app.shutdown import EndSignals
from docent import DocentError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.api.description import DescribedAPI
    from app.api.security import ASGIApp
    from app.assistant import Assistant
    from app.desk import Desk
    from ui.desktop.own_window import OwnWindow

_log = logging.getLogger(__name__)
_PORTS_TRIED = 20  # from the configured port on, when nobody asked for that very port
_PAGE_DRAWS_S = 3
_GOODBYE_S = 2  # seconds that open streams get when the server ends
_WORK_ENDS_S = 2  # that answers and a sync get after that
_ENDS_S = 15.0  # in which the process ends, whatever it does; nearly always it takes less than half of that


@dataclass(frozen=True)
class Wanted:
    """What a server is asked for. ``folders`` are added; without a ``page`` there is the HTTP API alone, and with
    ``api_key`` a key that stays the same opens that."""

    folders: tuple[str, ...] = ()
    samples: bool = False
    port: int | None = None
    page: bool = True
    api_key: bool = False


@dataclass(frozen=True)
class Server:
    """A server that answers requests. ``launch_code`` opens one session; ``end`` lets it end soon."""

    port: int
    token: str
    desk: "Desk"
    window: "OwnWindow | None"
    launch_code: Callable[[], str]
    end: Callable[[], None]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def link(self) -> str:
        """Opens the page as long as this server runs; to be given to nobody."""
        return f"{self.address}?token={self.token}"


def serve_until_ended(
    session: Session, wanted: Wanted, announce: Announce | None, ready: Callable[[Server], None]
) -> signal.Signals | None:
    """Serves, and calls ``ready`` when requests are answered. Returns the signal that ended it, None for another end.

    ``announce`` tells later starts of this one, where it is the only one on its data folder.
    """
    from app.api.security import LOOPBACK, LocalOnly, new_token
    from app.api_key import api_key
    from app.idle_memory import IdleMemory, heap_trimmer, keep_heaps_small

    keep_heaps_small()
    settings = session.settings
    listener = _listen(session, wanted.port)
    bound = listener.getsockname()[1]
    is_new = settings.library.url is None and not settings.folder.library.exists()
    with ExitStack() as stack:
        stack.enter_context(listener)
        assistant = stack.enter_context(session.open())
        stack.enter_context(IdleMemory(heap_trimmer()))
        api, desk = _application(assistant, session)
        stack.callback(desk.end, _WORK_ENDS_S)
        token = new_token()
        guarded = LocalOnly(
            api,
            port=bound,
            token=token,
            browsers=desk.browsers if wanted.page else None,
            key=api_key(settings.folder.api_key) if wanted.api_key or settings.server.api_key else None,
            hosts=settings.server.allowed_hosts,
        )
        window = None
        if wanted.page:
            window = _add_window(api, desk, guarded.launch_code, f"http://{LOOPBACK}:{bound}/")
            stack.callback(window.close)

        def started(end: Callable[[], None]) -> None:
            if settings.server.watch:
                stack.enter_context(assistant.watch(desk.syncing.note))
            first = _first_sync(wanted.folders, samples=wanted.samples and is_new)
            wait_s = _PAGE_DRAWS_S if wanted.page else 0
            threading.Thread(
                target=_begin, args=(desk, first, wait_s, api.include_all), name="docent-warm-up", daemon=True
            ).start()
            if announce is not None and wanted.page:
                announce(bound, token)
            ready(Server(bound, token, desk, window, guarded.launch_code, end))

        return _run(guarded, listener, desk, started, settings.folder.log)


def _listen(session: Session, port: int | None) -> socket.socket:
    """Opens a socket on the wanted port; on one of the next where it is taken and nobody asked for it explicitly."""
    chosen = session.settings.server.port if port is None else port
    explicit = port is not None or session.loaded.origins["server.port"] != "default"
    for candidate in [chosen] if explicit else range(chosen, chosen + _PORTS_TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # on Windows this option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return listener
    raise AppError(f"Port {chosen} cannot be used.", "Choose another with --port, or --port 0 for any free one.")


def _application(assistant: "Assistant", session: Session) -> "tuple[DescribedAPI, Desk]":
    """Makes the application with its routes, and what its pages share."""
    from app.api.http import create_api
    from app.desk import Desk

    settings = session.settings
    uploads = _uploads(settings.folder.uploads)
    desk = Desk(assistant, settings.data_dir / "inbox", uploads, session.loaded, session.read_settings)
    return create_api(assistant, desk), desk


def _add_window(api: "FastAPI", desk: "Desk", launch_code: Callable[[], str], address: str) -> "OwnWindow":
    """Adds the page, and the window of its own that may show it."""
    from ui.desktop.openers import openers
    from ui.desktop.own_window import OwnWindow
    from ui.desktop.routes import add_window_routes
    from ui.page import add_page

    stream = add_page(api, desk)
    folder = desk.assistant.settings.folder
    window = OwnWindow(
        openers(folder.window, folder.window_place),
        lambda: f"{address}?code={launch_code()}&window=own",
        lambda: stream.pages,
        folder.window_place,
    )
    add_window_routes(api, window, launch_code, folder.window_place)
    return window


def _uploads(wanted: Path) -> Path:
    """Makes the folder where files that pages hand over arrive."""
    try:
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:  # a full or read-only disk must not keep anyone from asking
        return Path(tempfile.mkdtemp(prefix="docent-"))
    return wanted


def _begin(desk: "Desk", first: list[str] | None, wait_s: float, load: Callable[[], None]) -> None:
    """Reads documents and loads the models and what else is not there yet, once a page is drawn or after ``wait_s``.
    Errors of the models are reported when a question is asked."""
    give_way()  # and the threads of the models that are opened here
    desk.feed.wait(wait_s)
    desk.syncing.start(first)
    try:
        load()
        set_apart()
        desk.assistant.warm_up()
        set_apart()
    except DocentError as error:
        _log.warning("warming up: %s", error)
    except Exception:  # noqa: BLE001 - the thread's edge; Docent may have ended meanwhile
        _log.debug("warming up failed", exc_info=True)


def _first_sync(folders: Sequence[str], *, samples: bool) -> list[str] | None:
    """Returns what to sync when the server starts: the sources that were named, else everything that is known."""
    from app.settings.paths import resource

    if samples and resource("samples").is_dir():
        folders = [*folders, str(resource("samples"))]
    return list(folders) or None


def _run(
    application: "ASGIApp",
    listener: socket.socket,
    desk: "Desk",
    started: Callable[[Callable[[], None]], None],
    log: Path,
) -> signal.Signals | None:
    """Serves until it is ended, and returns the signal that did it; calls ``started`` when requests are answered, with
    what ends it."""
    import uvicorn

    from app.api.connections import ImpatientProtocol

    class Server(uvicorn.Server):
        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
            return signals.listening()  # uvicorn's own ends the process before the library is closed

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started(asked)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            desk.stop()
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it tells of each request that is cut off
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        http=ImpatientProtocol,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    server = Server(config)

    def asked() -> None:
        server.should_exit = True

    signals = EndSignals(asked, log, _ENDS_S)
    take_turns_quickly()
    server.run(sockets=[listener])
    return signals.heard
