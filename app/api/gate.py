"""Bounds how many requests of a kind run at once and how many wait for their turn; the rest are told to come again."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from anyio import CapacityLimiter, to_thread

from rag.errors import BusyError

T = TypeVar("T")


class Gate:
    """``running`` requests at once, ``waiting`` behind them in the order in which they came."""

    def __init__(self, running: int, waiting: int) -> None:
        self._turns = asyncio.Semaphore(running)
        self._threads = CapacityLimiter(running)
        self._room = running + waiting
        self._inside = 0

    def enter(self) -> "Ticket":
        """Takes a place in the queue. Raises BusyError where there is none."""
        if self._inside >= self._room:
            raise BusyError(f"{self._inside} requests of this kind are waiting already.", "Try again in a moment.")
        self._inside += 1
        return Ticket(self._turns, self._left)

    async def run(self, work: Callable[[], T]) -> T:
        """Waits for a turn and works on a thread. Raises BusyError where there is no place in the queue."""
        ticket = self.enter()
        try:
            async with ticket:
                return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            ticket.give_back()

    def _left(self) -> None:
        self._inside -= 1


class Ticket:
    """A place in the queue: ``async with`` waits for the turn, ``give_back`` (once or more often) ends the place."""

    def __init__(self, turns: asyncio.Semaphore, left: Callable[[], None]) -> None:
        self._turns = turns
        self._left = left
        self._is_held = True

    async def __aenter__(self) -> Self:
        await self._turns.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.release()

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._left()
