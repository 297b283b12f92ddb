"""An application that is made on a thread while the server answers already; requests for it wait until it is there."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

_log = logging.getLogger(__name__)
_WAIT_S = 60.0

App = TypeVar("App", bound=Starlette)


class Later(Generic[App]):
    """``make`` loads what it needs and returns the application; called once, by ``begin`` or the first request."""

    def __init__(self, make: Callable[[], App], name: str) -> None:
        self._make = make
        self._name = name
        self._made: Future[App] = Future()
        self._alive: asyncio.Task[None] | None = None  # from the first request on
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()

    def begin(self) -> None:
        """Begins to make the application. To be called in the server's event loop; again, it does nothing."""
        if self._alive is None:
            self._made.set_running_or_notify_cancel()  # the end of the server's loop must not cancel it
            self._alive = asyncio.get_running_loop().create_task(self._live())
            threading.Thread(target=self._load, name=f"docent-{self._name}", daemon=True).start()

    def made(self) -> App:
        """Waits for the application, on another thread than the server's. Raises what its making raised."""
        return self._made.result()

    def end(self) -> None:
        """Lets the application end, so that it can tidy up."""
        self._leave.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begin()
        try:
            await asyncio.wait_for(self._ready.wait(), _WAIT_S)
        except TimeoutError:
            await _refuse("Docent is still loading.", "Try again.")(scope, receive, send)
            return
        if self._made.exception() is not None:
            await _refuse("Docent could not be loaded.", "The log holds the reason.")(scope, receive, send)
            return
        await self._made.result()(scope, receive, send)

    def _load(self) -> None:
        try:
            self._made.set_result(self._make())
        except Exception as error:  # noqa: BLE001 - the thread's edge
            _log.exception("%s could not be loaded", self._name)
            self._made.set_exception(error)

    async def _live(self) -> None:
        made = asyncio.wrap_future(self._made)
        await asyncio.wait((made,))
        if made.exception() is not None:  # which requests are told
            self._ready.set()
            return
        app = made.result()
        async with app.router.lifespan_context(app):
            self._ready.set()
            await self._leave.wait()


def _refuse(message: str, remedy: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "remedy": remedy}}, 503)
