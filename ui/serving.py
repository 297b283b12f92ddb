"""Serves the window and the HTTP API, on 127.0.0.1 unless told otherwise, until a signal or a closed window ends it."""

import asyncio
import contextlib
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from app.cli.session import Session
from app.process.collector import set_apart
from app.process.priority import give_way, take_turns_quickly
from app.process.running import Announce
from app.process.shutdown import EndSignals
from docent import DocentError, install_extra

if TYPE_CHECKING:
    from app.api.access.keys import Keys
    from app.api.description import DescribedAPI
    from app.api.gate import Gates
    from app.api.kserve.rpc.server import RpcServer
    from app.api.security import ASGIApp
    from app.assistant import Assistant
    from app.pages.desk import Desk
    from app.settings.paths import DataFolder
    from ui.binding import Binding
    from ui.desktop.own_window import OwnWindow
    from ui.later import Later
    from ui.page import Page

_log = logging.getLogger(__name__)
_PAGE_COMES_S = 3.0
_PAGE_IS_DRAWN_S = 10.0  # with its data, from then on
_GOODBYE_S = 2  # seconds that open streams get when the server ends
_WORK_ENDS_S = 2  # that answers and a sync get after that
_ENDS_S = 15.0  # in which the process ends, whatever it does; nearly always it takes less than half of that


@dataclass(frozen=True)
class Wanted:
    """What a server is asked for. ``folders`` are added; without a ``page`` there is the HTTP API alone, and with
    ``api_key`` a key that stays the same opens that. ``host`` is the address to listen on and ``grpc_port`` the port of
    the models over gRPC, None for the settings'."""

    folders: tuple[str, ...] = ()
    samples: bool = False
    port: int | None = None
    page: bool = True
    api_key: bool = False
    host: str | None = None
    grpc_port: int | None = None


@dataclass(frozen=True)
class Server:
    """A server that answers requests, over gRPC too where it has a ``grpc_port``. ``launch_code`` opens one session;
    ``end`` lets it end soon."""

    binding: "Binding"
    port: int
    grpc_port: int | None
    token: str
    desk: "Desk"
    window: "OwnWindow | None"
    launch_code: Callable[[], str]
    end: Callable[[], None]

    @property
    def address(self) -> str:
        return f"{self.binding.scheme}://{self.binding.place(self.port)}/"

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
    from app.api.gate import Gates
    from app.api.security import LOOPBACK, LocalOnly, new_token
    from app.api_key import api_key
    from app.pages.inbox import sweep
    from app.process.idle_memory import IdleMemory, give_back_all, keep_heaps_small
    from ui.binding import binding, listen
    from ui.later import Later
    from ui.page import Page
    from ui.rooms import Rooms

    keep_heaps_small()
    gates = Gates()
    settings = session.settings
    has_key = wanted.api_key or settings.server.api_key
    where = binding(settings.server, wanted.host or settings.server.host, has_key=has_key)
    grpc_port = settings.server.grpc_port if wanted.grpc_port is None else wanted.grpc_port
    if grpc_port is not None:
        _check_grpc()
    is_wanted = wanted.port is not None or session.loaded.origins["server.port"] != "default"
    port = settings.server.port if wanted.port is None else wanted.port
    listener = listen(where, port, is_wanted=is_wanted)
    bound = listener.getsockname()[1]
    is_new = settings.library.url is None and not settings.folder.library.exists()
    with ExitStack() as stack:
        stack.enter_context(listener)
        if announce is not None:  # no other Docent is at work in the data folder
            sweep(settings.folder.uploads)
        assistant = stack.enter_context(session.open())
        stack.enter_context(IdleMemory(give_back_all))
        desk = _desk(assistant, session)
        stack.callback(desk.end, _WORK_ENDS_S)
        watching = stack.enter_context(_Watching(desk))
        window: OwnWindow | None = None
        page: Page | None
        if wanted.page:
            api = Later(lambda: _api(desk, gates, window, guarded.launch_code), "api")
            page = Page(api, desk)
        else:  # nothing is of use before the API
            whole = _api(desk, gates)
            api, page = Later(lambda: whole, "api"), None
        token = new_token()
        rooms = Rooms(desk, lambda one: _api(one, gates), has_page=wanted.page)
        stack.callback(rooms.end, _WORK_ENDS_S)
        guarded = LocalOnly(
            rooms.around(page or api),
            port=bound,
            token=token,
            browsers=desk.browsers if wanted.page else None,
            key=api_key(settings.folder.api_key) if has_key else None,
            hosts=[*where.hosts(bound), *settings.server.allowed_hosts],
            users=settings.server.users,
            tls=where.tls is not None,
        )
        rpc = None if grpc_port is None else _rpc(desk, gates, guarded.keys, where, grpc_port)
        if page is not None:
            window = _own_window(page, settings.folder, f"{where.scheme}://{LOOPBACK}:{bound}/", guarded.launch_code)
            stack.callback(window.close)

        async def started(end: Callable[[], None]) -> None:
            rpc_bound = None if rpc is None else await rpc.start()
            first = _first_sync(wanted.folders, samples=wanted.samples and is_new)
            threading.Thread(
                target=_begin, args=(desk, watching, first, page, api), name="docent-warm-up", daemon=True
            ).start()
            if page is None:
                api.begin()
            else:  # the page's first request makes the API; where no page comes, programs may ask for it
                asyncio.get_running_loop().call_later(_PAGE_COMES_S, api.begin)
            if announce is not None and wanted.page:
                announce(bound, token)
            ready(Server(where, bound, rpc_bound, token, desk, window, guarded.launch_code, end))

        async def stop() -> None:
            desk.stop()
            rooms.stop()
            if rpc is not None:
                await rpc.stop(_GOODBYE_S)

        return _run(guarded, listener, where, stop, started, settings.folder.log, has_lifespan=page is not None)


def _desk(assistant: "Assistant", session: Session) -> "Desk":
    """Makes what the pages share."""
    from app.pages.desk import Desk

    settings = session.settings
    return Desk(assistant, settings.data_dir / "inbox", settings.folder.uploads, session.loaded, session.read_settings)


def _api(
    desk: "Desk", gates: "Gates", window: "OwnWindow | None" = None, launch_code: Callable[[], str] = lambda: ""
) -> "DescribedAPI":
    """Makes the HTTP API; what it imports takes half as long as all that a page needs to be drawn."""
    from app.api.http import create_api

    api = create_api(desk.assistant, desk, gates)
    if window is not None:
        from ui.desktop.routes import add_window_routes

        add_window_routes(api, window, launch_code, desk.assistant.settings.folder.window_place)
    return api


def _check_grpc() -> None:
    """Raises UsageError where the packages are missing."""
    if importlib.util.find_spec("grpc") is None:
        from app.errors import UsageError

        raise UsageError("gRPC needs a package that is not installed.", f"To add it, run: {install_extra('grpc')}")


def _rpc(desk: "Desk", gates: "Gates", keys: "Keys", where: "Binding", port: int) -> "RpcServer":
    """Makes the server of gRPC, at the same address."""
    from app.api.kserve.models import Models
    from app.api.kserve.rpc.server import RpcServer

    return RpcServer(Models(desk.assistant, gates.work), keys, str(where.address), port, where.tls)


def _own_window(page: "Page", folder: "DataFolder", address: str, launch_code: Callable[[], str]) -> "OwnWindow":
    """The window of its own that may show the page."""
    from ui.desktop.dialogs import Dialogs, programs
    from ui.desktop.openers import openers
    from ui.desktop.own_window import OwnWindow

    return OwnWindow(
        openers(folder.window, folder.window_place),
        lambda: f"{address}?code={launch_code()}&window=own",
        lambda: page.stream.pages,
        folder.window_place,
        Dialogs(programs(sys.platform, os.environ)),
    )


class _Watching:
    """Keeps folders in sync, where the settings say so, from ``begin`` to the end of the context."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._open = ExitStack()
        self._has_ended = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Looks for the folders to watch, which takes long where there are many, or while a model is made."""
        with self._lock:
            if self._has_ended:
                return
            assistant = self._desk.assistant
            wanted = lambda: assistant.settings.server.watch  # noqa: E731
            self._open.enter_context(assistant.watch(self._desk.syncing.note, wanted))
            if self._has_ended:
                self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended = True
        if self._lock.acquire(timeout=_WORK_ENDS_S):  # else whoever begins closes it, or is told that Docent is closed
            self._open.close()
            self._lock.release()


def _begin(
    desk: "Desk",
    watching: _Watching,
    first: list[str] | None,
    page: "Page | None",
    api: "Later[DescribedAPI]",
) -> None:
    """Watches folders, reads documents and loads the models and what else is not there yet, once the ``page`` is drawn
    or none has come. Errors of the models are reported when a question is asked."""
    give_way()  # and the threads of the models that are opened here
    if page is not None and not desk.feed.wait(_PAGE_COMES_S) and page.is_asked_for:
        desk.feed.wait(_PAGE_IS_DRAWN_S)
    try:
        watching.begin()
        desk.syncing.start(first)
        api.made().include_all()
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
    where: "Binding",
    stop: Callable[[], Awaitable[None]],
    started: Callable[[Callable[[], None]], Awaitable[None]],
    log: Path,
    *,
    has_lifespan: bool,
) -> signal.Signals | None:
    """Serves until it is ended, and returns the signal that did it; calls ``started`` when requests are answered, with
    what ends it, and ``stop`` when it begins to end."""
    import uvicorn

    from app.api.connections import ImpatientProtocol

    class Server(uvicorn.Server):
        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
            return signals.listening()  # uvicorn's own ends the process before the library is closed

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            await started(asked)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await stop()
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it tells of each request that is cut off
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        http=ImpatientProtocol,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="on" if has_lifespan else "off",
        timeout_graceful_shutdown=_GOODBYE_S,
        ssl_certfile=None if where.tls is None else where.tls[0],
        ssl_keyfile=None if where.tls is None else where.tls[1],
    )
    server = Server(config)

    def asked() -> None:
        server.should_exit = True

    signals = EndSignals(asked, log, _ENDS_S)
    take_turns_quickly()
    server.run(sockets=[listener])
    return signals.heard
