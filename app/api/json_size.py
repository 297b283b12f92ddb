"""Looks at how much a JSON body holds before it is parsed: the parser keeps the interpreter until it is done, and what
it makes is looked at value by value."""

from collections.abc import Iterator

_MOST_VALUES = 300_000
"""Numbers, texts and so on: more than there are tokens in a prompt of any model that runs here."""

_MOST_CONTAINERS = 20_000
"""Lists and objects: a chat of the most messages holds a few for each of them."""

_PIECE = 64 << 10  # bytes that are looked at before others have a turn


def check_size(body: bytes) -> None:
    """Raises ValueError, a sentence without its full stop, for more values or more lists and objects than any request
    needs. What stands within texts does not count."""
    if body.count(b",") < _MOST_VALUES and body.count(b"[") + body.count(b"{") <= _MOST_CONTAINERS:
        return
    values, containers = 1, 0
    for piece in _outside_texts(body):
        values += piece.count(b",")
        containers += piece.count(b"[") + piece.count(b"{")
        if values > _MOST_VALUES:
            raise ValueError(f"The body holds too many values, more than {_MOST_VALUES:,}")
        if containers > _MOST_CONTAINERS:
            raise ValueError(f"The body holds too many lists and objects, more than {_MOST_CONTAINERS:,}")


def _outside_texts(body: bytes) -> Iterator[bytes]:
    """Yields what is not within quotes; right up to where the body is no JSON any more."""
    inside = 0
    kept = b""  # of the piece before: half of an escape
    for at in range(0, len(body), _PIECE):
        piece = kept + body[at : at + _PIECE]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        kept = piece[len(piece) - backslashes % 2 :] if backslashes % 2 else b""
        parts = piece.removesuffix(kept).replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        yield b" ".join(parts[inside::2])
        inside = (inside + len(parts) - 1) % 2
