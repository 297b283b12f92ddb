"""Tells pages what happens, while it happens: answers that grow, syncs, and lists that have changed.

A follower gets all news in order from the moment it began to follow. One that does not keep up is told so (``Behind``)
and must read the state anew; nothing is kept for it. ``app.api.shapes.news`` makes JSON of them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKLOG = 2_000  # news; a page that is this far behind reads the state anew


class News:
    """What happened; of interest to the pages of one person."""


class SharedNews(News):
    """What happened to what all who use this Docent share."""


@dataclass(frozen=True, slots=True)
class Behind(News):
    """News were lost: read the state anew."""


@dataclass(frozen=True, slots=True)
class ConversationsChanged(News):
    """The list of conversations is another one; ``conversation`` has new contents, if it is given."""

    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class PromptsChanged(News):
    """A prompt has been made, changed or deleted."""


@dataclass(frozen=True, slots=True)
class DocumentsChanged(SharedNews):
    """The list of documents or sources is another one."""


@dataclass(frozen=True, slots=True)
class CollectionsChanged(SharedNews):
    """A collection has been made, changed or deleted."""


@dataclass(frozen=True, slots=True)
class SettingsChanged(SharedNews):
    """A setting has another value."""


@dataclass(frozen=True, slots=True)
class ModelsChanged(SharedNews):
    """The models that are there, or what they are doing, have changed."""


class Feed:
    """Any thread may publish; followers live on event loops. ``shared`` are the feeds of all who use this Docent, this
    one among them: each of them tells ``SharedNews`` of any."""

    def __init__(self, shared: "list[Feed] | None" = None) -> None:
        self.shared = [] if shared is None else shared
        self.shared.append(self)
        self._lock = threading.Lock()
        self._followers: list[_Follower] = []
        self._followed = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        """Waits until a page has begun to follow, so that work in the background does not keep it from being drawn.
        False where none has."""
        return self._followed.wait(timeout_s)

    def publish(self, news: News) -> None:
        for feed in list(self.shared) if isinstance(news, SharedNews) else [self]:
            feed._tell(news)

    def _tell(self, news: News) -> None:
        with self._lock:
            followers = list(self._followers)
        for follower in followers:
            follower.put(news)

    async def follow(self) -> AsyncIterator[list[News]]:
        """Yields what has happened since the last time, at least one item; the first list is empty, at once."""
        with self._following() as follower:
            yield []
            while True:
                yield await follower.take()

    @contextmanager
    def _following(self) -> "Iterator[_Follower]":
        follower = _Follower(asyncio.get_running_loop())
        with self._lock:
            self._followers.append(follower)
        self._followed.set()
        try:
            yield follower
        finally:
            with self._lock:
                self._followers.remove(follower)

    @property
    def followers(self) -> int:
        """How many pages follow."""
        with self._lock:
            return len(self._followers)


class _Follower:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[News] = deque()
        self._something = asyncio.Event()

    def put(self, news: News) -> None:
        with self._lock:
            if len(self._waiting) >= _BACKLOG:
                self._waiting.clear()
                news = Behind()
            self._waiting.append(news)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._something.set)

    async def take(self) -> list[News]:
        await self._something.wait()
        with self._lock:
            self._something.clear()
            taken = list(self._waiting)
            self._waiting.clear()
        return taken
