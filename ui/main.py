"""Defines the ``docent`` entry point: the commands of app.cli.main, and those that need the window.

``docent`` alone and ``docent open`` show Docent in a window of its own, ``docent serve`` in the browser. A browser is
opened with a code that works once; the link that is printed carries the token of this launch.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, TextIO

import typer

from app.cli.main import app
from app.cli.output import write_json, write_text
from app.cli.session import Session, session_of
from app.process.running import Running, alone, find
from app.process.shutdown import run_and_leave
from files import LockHeld
from ui.desktop.commands import shortcuts
from ui.desktop.own_window import wait_until_left
from ui.serving import Server, Wanted, serve_until_ended

_LOOPBACK = "127.0.0.1"  # a window of its own shows what this computer serves
_BROWSER_STARTS_S = 10.0
_LEFT_S = 600.0  # without a page, after which a Docent that nobody could end otherwise ends itself

Folders = Annotated[
    list[str] | None, typer.Option("--folder", metavar="FOLDER|URL", help="Add this source; repeatable.")
]
Samples = Annotated[bool, typer.Option("--samples", help="Add the sample documents to a new library.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 = any free one.")]


app.add_typer(shortcuts, name="shortcut")


def main() -> None:
    _give_streams()
    run_and_leave(app)


def _give_streams() -> None:
    """A program that was started without a terminal on Windows has none."""
    streams: dict[str, TextIO | None] = {"stdout": sys.stdout, "stderr": sys.stderr}
    for name, stream in streams.items():
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for the whole process


@app.command("open")
def open_window(context: typer.Context, folder: Folders = None, samples: Samples = False, port: Port = None) -> None:
    """Open Docent in a window of its own; `docent` alone does the same.

    Where it is open on the same data folder, its window comes to the front. Closing the window ends it. Without
    pywebview and without a Chromium, Chrome or Edge the page opens in the browser.
    """
    session = session_of(context)
    wanted = Wanted(tuple(folder or ()), samples, port, host=_LOOPBACK)
    while True:
        with ExitStack() as stack:
            announce = None
            try:
                with suppress(OSError):  # of a read-only disk
                    announce = stack.enter_context(alone(_running_file(session)))
            except LockHeld:
                running = find(_running_file(session))
                if running is None:  # it has ended meanwhile
                    continue
                _show_again(running, wanted.folders)
                return
            _leave(serve_until_ended(session, wanted, announce, _show))
            return


@app.command()
def serve(
    context: typer.Context,
    folder: Folders = None,
    samples: Samples = False,
    port: Port = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Listen on this address; beyond this computer users or a key are needed."),
    ] = None,
    grpc_port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="N", help="Serve the models over gRPC, too; 0 = any port.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")] = False,
    no_window: Annotated[bool, typer.Option("--no-window", help="Serve the HTTP API alone.")] = False,
    api_key: Annotated[
        bool, typer.Option("--api-key", help="Let programs use the key that `docent config --show-key` shows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the link as JSON.")] = False,
) -> None:
    """Open the chat window in the browser, and the HTTP API."""
    session = session_of(context)

    def ready(server: Server) -> None:
        if as_json:
            grpc = {} if server.grpc_port is None else {"grpc_port": server.grpc_port}
            write_json({"url": server.link, "port": server.port, "token": server.token} | grpc)
        else:
            known = session.settings.server.users or not server.binding.is_local  # who signs in needs no link
            write_text(f"Docent is open at {server.address if known else server.link}\nCtrl-C ends it.")
        if session.settings.server.browser and not no_browser and not no_window:
            _open_browser(f"{server.address}?code={server.launch_code()}")

    with ExitStack() as stack:
        announce = None
        if not no_window:
            with suppress(LockHeld, OSError):  # two servers may share a data folder, and it may be on a read-only disk
                announce = stack.enter_context(alone(_running_file(session)))
        wanted = Wanted(
            tuple(folder or ()), samples, port, page=not no_window, api_key=api_key, host=host, grpc_port=grpc_port
        )
        _leave(serve_until_ended(session, wanted, announce, ready))


def _running_file(session: Session) -> Path:
    session.settings.folder.create()
    return session.settings.folder.running


def _leave(heard: signal.Signals | None) -> None:
    if heard == signal.SIGINT:
        raise KeyboardInterrupt


def _show(server: Server) -> None:
    """Shows the window of a server that has just begun, on a thread, and ends the server with it."""
    write_text("Docent is open. Closing its window ends it, and so does Ctrl-C.")
    threading.Thread(target=_show_until_closed, args=(server,), name="window", daemon=True).start()


def _show_until_closed(server: Server) -> None:
    assert server.window is not None
    if server.window.show():
        server.window.wait()
        server.end()
        return
    write_text(f"No window of its own can be opened here. Docent is open at {server.link}")
    _open_browser(f"{server.address}?code={server.launch_code()}")
    if not sys.stdin or not sys.stdin.isatty():  # nobody can press Ctrl-C
        wait_until_left(server.window.pages, _LEFT_S)
        server.end()


def _show_again(running: Running, folders: Sequence[str]) -> None:
    """Brings the window of a Docent that runs to the front."""
    for folder in folders:
        running.post("/api/sources", {"location": folder})
    reply = running.post("/desktop/window", {})
    if reply.get("shown"):
        write_text("Docent is open already; its window is in front.")
        return
    write_text(f"Docent is open already, at {running.address}")
    _open_browser(f"{running.address}?code={reply.get('code')}", wait=True)


def _open_browser(link: str, *, wait: bool = False) -> None:
    """Some browsers return only at their end; who ends before must wait for them to begin."""
    import webbrowser

    opening = threading.Thread(target=webbrowser.open, args=(link,), daemon=True)
    opening.start()
    if wait:
        opening.join(_BROWSER_STARTS_S)


if __name__ == "__main__":
    main()
