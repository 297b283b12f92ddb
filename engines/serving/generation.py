"""Defines what ``Engine.submit`` returns: the answer as it grows, for a thread or an event loop, and its timings.

The engine's thread fills it and one consumer reads it.
"""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from engines.errors import EngineError
from engines.serving.sampling import SampledToken

FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Delta:
    """The newest part of the answer: final text, and the tokens sampled since the last delta."""

    text: str
    tokens: tuple[SampledToken, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Times in seconds. TTFT counts from ``submit``; TPOT is the mean time of each token after the first."""

    prompt_tokens: int
    cached_tokens: int  # prompt tokens found in shared pages
    generated_tokens: int
    queue_s: float
    ttft_s: float
    tpot_s: float
    latency_s: float
    steps: int  # model steps that sampled for this request
    drafted_tokens: int
    accepted_tokens: int
    preemptions: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """A finished answer of a beam search. ``logprob`` is the sum over its tokens."""

    text: str
    tokens: tuple[int, ...]
    logprob: float
    reason: FinishReason


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer. ``alternatives`` are what a beam search found, the best one, which is the answer, first."""

    reason: FinishReason
    metrics: Metrics
    alternatives: tuple[Alternative, ...] = ()


@dataclass(slots=True)
class Generation:
    """Iterate over it once, with ``for`` or ``async for``; ``finished`` holds reason and metrics afterwards.

    Leaving the loop early does not stop the engine: call ``cancel`` (closing a ``with`` block does).
    """

    id: int
    _cancel: Callable[[int], None]
    _items: "queue.SimpleQueue[Delta | Finished | EngineError]" = field(default_factory=queue.SimpleQueue)
    _wake: Callable[[], None] | None = None  # tells an event loop that there is something to read
    finished: Finished | None = None

    def cancel(self) -> None:
        """Stops the request at the next step and frees its pages. Does nothing after the end."""
        self._cancel(self.id)

    def put(self, item: Delta | Finished | EngineError) -> None:
        """For the engine alone."""
        self._items.put(item)
        wake = self._wake
        if wake is not None:
            wake()

    def __iter__(self) -> Iterator[Delta]:
        """Raises EngineError when the engine failed underneath the request."""
        while self.finished is None:
            delta = self._taken(self._items.get())
            if delta is not None:
                yield delta

    def deltas(self, heartbeat_s: float) -> Iterator[Delta | None]:
        """Like iterating, with None whenever ``heartbeat_s`` went by and nothing came: a chance to stop waiting."""
        while self.finished is None:
            try:
                delta = self._taken(self._items.get(timeout=heartbeat_s))
            except queue.Empty:
                yield None
                continue
            if delta is not None:
                yield delta

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """Takes no thread, however many there are: the engine's own wakes the event loop."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(arrived.set)

        self._wake = wake
        try:
            while self.finished is None:
                arrived.clear()  # before looking, so that nothing that comes while we look is missed
                try:
                    delta = self._taken(self._items.get_nowait())
                except queue.Empty:
                    await arrived.wait()
                    continue
                if delta is not None:
                    yield delta
        finally:
            self._wake = None

    def _taken(self, item: Delta | Finished | EngineError) -> Delta | None:
        if isinstance(item, EngineError):
            raise item
        if isinstance(item, Finished):
            self.finished = item
            return None
        return item

    def text(self) -> str:
        """Waits for the end and returns the whole answer."""
        return "".join(delta.text for delta in self)

    def __enter__(self) -> "Generation":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()
