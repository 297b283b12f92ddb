"""Closes connections that keep the server waiting, so that idle and slow ones cannot deafen it.

A client has some seconds to send the head of a request, must go on sending its body and go on reading its reply. Beyond
a number of connections the one that has been idle for longest makes room for a new one. A request that is being
answered is never interrupted.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """uvicorn's HTTP protocol with these limits."""

    head_s = 10.0  # seconds until the head of a request has come
    body_pause_s = 20.0  # between two pieces of a body
    body_s = 600.0  # for a whole body
    reading_pause_s = 120.0  # in which a client reads nothing of its reply
    most = 384  # connections: 256 questions at once, and pages with their streams beside them

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.waiting_since = 0.0  # the loop's time at which the last reply ended
        self._heard = 0.0
        self._unread_since: float | None = None
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = self._heard = self.loop.time()
        self._look()
        if len(self.connections) > self.most:
            idle = [one for one in self.connections if isinstance(one, ImpatientProtocol) and one.is_waiting]
            min(idle, key=lambda one: one.waiting_since).transport.abort()  # this one is among them

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self.waiting_since = self.loop.time()
        super().on_response_complete()

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being answered or received, but perhaps a part of its head."""
        return self.cycle is None or self.cycle.response_complete

    def _look(self) -> None:
        if self._is_overdue(self.loop.time()):
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(min(1.0, self.head_s / 4), self._look)

    def _is_overdue(self, now: float) -> bool:
        if self.is_waiting:
            return now - self.waiting_since > self.head_s
        if self.cycle.more_body and not self.cycle.response_started:
            reading = not self.flow.read_paused  # the application has not taken what came
            return reading and (now - self._heard > self.body_pause_s or now - self.waiting_since > self.body_s)
        if not self.flow.write_paused:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        return self._unread_since is not None and now - self._unread_since > self.reading_pause_s
