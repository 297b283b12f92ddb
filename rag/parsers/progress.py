"""Lets a parser say how far it is within a file, to whoever runs it and listens."""

from collections.abc import Callable

Listener = Callable[[int, int], None]
"""Takes how many parts (pages, say) are done, and how many there are."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """From now on the one listener of this process."""
    _listeners[:] = [listener]


def tell(done: int, total: int) -> None:
    for listener in _listeners:
        listener(done, total)
