"""Bounds how many requests of a kind run at once and how many wait for their turn; the rest are told to come again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from rag.errors import BusyError

T = TypeVar("T")


MOST_WAITING = 256
"""Of a kind, as in the engine's queue."""


class Gate:
    """``running`` requests at once, ``waiting`` behind them in the order in which they came.

    What may wait for long (for a model, a sync, a disk, a network) goes through one, too: the threads that all requests
    share are forty, and who waits on one keeps others from being answered."""

    def __init__(self, running: int, waiting: int = MOST_WAITING) -> None:
        self._turns = asyncio.Semaphore(running)
        self._threads = CapacityLimiter(running)
        self._room = running + waiting
        self._inside = 0

    @property
    def is_full(self) -> bool:
        return self._inside >= self._room

    def enter(self) -> "Ticket":
        """Takes a place in the queue. Raises BusyError where there is none."""
        if self.is_full:
            raise BusyError(f"{self._inside} requests of this kind are waiting already.", "Try again in a moment.")
        self._inside += 1
        return Ticket(self._turns, self._left)

    async def run(self, work: Callable[[], T]) -> T:
        """Waits for a turn and works on a thread. Raises BusyError where there is no place in the queue."""
        ticket = self.enter()
        try:
            await ticket.turn()
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            ticket.give_back()

    def _left(self) -> None:
        self._inside -= 1


class Gates:
    """Those of the work for the models: questions, and everything else. Who serves several people gives all the same,
    so that they take turns with what one computer can do."""

    def __init__(self, at_once: int = 4) -> None:
        self.asks = Gate(at_once)
        self.work = Gate(at_once)


class Ticket:
    """A place in the queue, then a turn; ``give_back`` (once or more often) ends both.

    Work on a thread of its own outlives the request that began it: ``lent`` says that it, not the request, gives back.
    """

    def __init__(self, turns: asyncio.Semaphore, left: Callable[[], None]) -> None:
        self.lent = False
        self._turns = turns
        self._left = left
        self._has_turn = False
        self._is_held = True

    async def turn(self) -> None:
        await self._turns.acquire()
        self._has_turn = True

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._left()
            if self._has_turn:
                self._turns.release()
