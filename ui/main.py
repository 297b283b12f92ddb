"""Defines the ``docent`` entry point: the commands of app.cli.main and ``docent serve``, which needs the window.

The server listens on 127.0.0.1 alone, behind app.api.security; the link it prints carries the token of this launch, the
one it opens a browser with a code that works once.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.main import app
from app.cli.output import write_json, write_text
from app.cli.session import Session, session_of
from app.errors import AppError
from app.shutdown import EndSignals, run_and_leave
from docent import DocentError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.api.security import ASGIApp
    from app.assistant import Assistant
    from app.desk import Desk

_log = logging.getLogger(__name__)
_PORTS_TRIED = 20  # from the configured port on, when nobody asked for that very port
_PAGE_DRAWS_S = 3
_GOODBYE_S = 2  # seconds that open streams get when the server ends
_WORK_ENDS_S = 2  # that answers and a sync get after that
_ENDS_S = 15.0  # in which the process ends, whatever it does; nearly always it takes less than half of that


def main() -> None:
    run_and_leave(app)


@app.command()
def serve(
    context: typer.Context,
    folder: Annotated[
        list[str] | None, typer.Option("--folder", metavar="FOLDER|URL", help="Add this source; repeatable.")
    ] = None,
    samples: Annotated[bool, typer.Option("--samples", help="Add the sample documents to a new library.")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 = any free one.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")] = False,
    no_window: Annotated[bool, typer.Option("--no-window", help="Serve the HTTP API alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the link as JSON.")] = False,
) -> None:
    """Open the chat window and the HTTP API."""
    from app.api.security import LOOPBACK, LocalOnly, new_token

    session = session_of(context)
    settings = session.settings
    listener = _listen(session, port)
    bound = listener.getsockname()[1]
    is_new = not settings.folder.library.exists()
    with ExitStack() as stack:
        stack.enter_context(listener)
        assistant = stack.enter_context(session.open())
        api, desk = _application(assistant, session, window=not no_window)
        stack.callback(desk.end, _WORK_ENDS_S)
        token = new_token()
        guarded = LocalOnly(api, port=bound, token=token, browsers=None if no_window else desk.browsers)
        address = f"http://{LOOPBACK}:{bound}/"
        link = f"{address}?token={token}"

        def started() -> None:
            if settings.server.watch:
                stack.enter_context(assistant.watch(desk.syncing.note))
            first = _first_sync(folder or [], samples=samples and is_new)
            wait_s = 0 if no_window else _PAGE_DRAWS_S
            threading.Thread(target=_begin, args=(desk, first, wait_s), name="docent-warm-up", daemon=True).start()
            if as_json:
                write_json({"url": link, "port": bound, "token": token})
            else:
                write_text(f"Docent is open at {link}\nCtrl-C ends it.")
            if settings.server.browser and not no_browser and not no_window:
                _open_browser(f"{address}?code={guarded.launch_code()}")

        heard = _run(guarded, listener, desk, started, settings.folder.log)
    if heard == signal.SIGINT:
        raise KeyboardInterrupt


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


def _application(assistant: "Assistant", session: Session, *, window: bool) -> "tuple[FastAPI, Desk]":
    """Makes the application with its routes, and what its pages share."""
    from app.api.http import create_api
    from app.desk import Desk

    settings = session.settings
    uploads = _uploads(settings.folder.uploads)
    desk = Desk(assistant, settings.data_dir / "inbox", uploads, session.loaded, session.read_settings)
    api = create_api(assistant, desk)
    if window:
        from ui.page import add_page

        add_page(api, desk)
    return api, desk


def _uploads(wanted: Path) -> Path:
    """Makes the folder where files that pages hand over arrive."""
    try:
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:  # a full or read-only disk must not keep anyone from asking
        return Path(tempfile.mkdtemp(prefix="docent-"))
    return wanted


def _begin(desk: "Desk", first: list[str] | None, wait_s: float) -> None:
    """Reads documents and loads the models, once a page is drawn or after ``wait_s``. Errors of the models are reported
    when a question is asked."""
    desk.feed.wait(wait_s)
    desk.syncing.start(first)
    try:
        desk.assistant.warm_up()
    except DocentError as error:
        _log.warning("warming up: %s", error)
    except Exception:  # noqa: BLE001 - the thread's edge; Docent may have ended meanwhile
        _log.debug("warming up failed", exc_info=True)


def _first_sync(folders: list[str], *, samples: bool) -> list[str] | None:
    """Returns what to sync when the server starts: the sources that were named, else everything that is known."""
    from app.settings.paths import resource

    if samples and resource("samples").is_dir():
        folders = [*folders, str(resource("samples"))]
    return folders or None


def _open_browser(link: str) -> None:
    import webbrowser

    threading.Thread(
        target=webbrowser.open, args=(link,), daemon=True
    ).start()  # some browsers return only at their end


def _run(
    application: "ASGIApp", listener: socket.socket, desk: "Desk", started: Callable[[], None], log: Path
) -> signal.Signals | None:
    """Serves until a signal ends it, which is returned; calls ``started`` when requests are answered."""
    import uvicorn

    from app.api.connections import ImpatientProtocol

    class Server(uvicorn.Server):
        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
            return signals.listening()  # uvicorn's own ends the process before the library is closed

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

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
    server.run(sockets=[listener])
    return signals.heard


if __name__ == "__main__":
    main()
