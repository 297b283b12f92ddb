"""Tells what a model thinks before it answers from what it says."""

from collections.abc import Iterable, Iterator

from rag.types import ThoughtDelta

_BEGIN, _END = "<think>", "</think>"
Piece = str | ThoughtDelta


def thoughts_apart(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Makes a ``<think>`` block at the beginning, in which some models reason before they answer, a thought."""
    held, state = "", "start"
    for piece in pieces:
        if isinstance(piece, ThoughtDelta):
            yield piece
            continue
        held += piece
        if state == "start" and not _BEGIN.startswith(held.lstrip()[: len(_BEGIN)]):
            state = "answer"
        if state == "start" and held.lstrip().startswith(_BEGIN):
            held, state = held.lstrip().removeprefix(_BEGIN), "thinking"
        if state == "thinking":
            thought, end, rest = held.partition(_END)
            kept = "" if end else _begun_end(thought)
            if thought := thought.removesuffix(kept):
                yield ThoughtDelta(thought)
            held, state = (rest, "after") if end else (kept, state)
        if state == "after" and (held := held.lstrip()):
            state = "answer"
        if state == "answer":
            yield held
            held = ""
        else:
            yield ""  # so that a caller can stop it here too
    if held:
        yield ThoughtDelta(held) if state == "thinking" else held


def spoken(pieces: Iterable[Piece]) -> Iterator[str]:
    """What is said, without thoughts."""
    return (piece for piece in pieces if isinstance(piece, str))


def _begun_end(text: str) -> str:
    """What the text ends with that may become the end of a thought."""
    return next((_END[:size] for size in range(len(_END) - 1, 0, -1) if text.endswith(_END[:size])), "")
