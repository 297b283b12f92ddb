"""Streams a file to the card: threads read stretches of it into pinned memory, from where the card copies them, while
the next ones are read. No pass through other memory, and never more than a few stretches at once."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from docent import cause_of
from engines.errors import EngineError

STRETCH = 16 << 20  # bytes
_READERS = 6
_STAGES = 2 * _READERS


class Mark(Protocol):
    """A place in the queue."""

    def record(self) -> None: ...

    def wait(self) -> None: ...

    def close(self) -> None: ...


class Card(Protocol):
    """What of ``Device`` is needed."""

    def pinned(self, size: int) -> NDArray[np.uint8]: ...

    def free_pinned(self, memory: NDArray[np.uint8]) -> None: ...

    def event(self) -> Mark: ...

    def upload(self, values: NDArray[np.uint8], address: int) -> None: ...

    def synchronize(self) -> None: ...


def stream_to_card(device: Card, path: Path, address: int, start: int = 0, stop: int | None = None) -> None:
    """The bytes ``start`` to ``stop`` of the file (all of it), which is at least as long, to ``address``. Raises
    EngineError where it cannot be read."""
    stop = path.stat().st_size if stop is None else stop
    firsts = range(start, stop, STRETCH)
    stages = [device.pinned(STRETCH) for _ in range(min(_STAGES, len(firsts)))]
    copied = [device.event() for _ in stages]
    try:
        with ThreadPoolExecutor(_READERS, "docent-weights") as readers:
            under_way: deque[tuple[int, int, Future[NDArray[np.uint8]]]] = deque()  # stage, first byte, its reading

            def upload() -> int:
                stage, first, reading = under_way.popleft()
                device.upload(reading.result(), address - start + first)
                copied[stage].record()
                return stage

            for number, first in enumerate(firsts):
                stage = number if number < len(stages) else upload()
                copied[stage].wait()
                target = stages[stage][: min(STRETCH, stop - first)]
                under_way.append((stage, first, readers.submit(_read, path, first, target)))
            while under_way:
                upload()
        device.synchronize()
    except OSError as error:
        raise EngineError(
            f"The packed weights {path} cannot be read: {cause_of(error)}.", "Delete them; they are made again."
        ) from error
    finally:
        for memory in stages:
            device.free_pinned(memory)
        for event in copied:
            event.close()


def _read(path: Path, first: int, target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    with path.open("rb", buffering=0) as file:
        file.seek(first)
        done = 0
        while done < len(target):
            got = file.readinto(target[done:].data)
            if not got:
                raise OSError(f"it ends at byte {first + done}")
            done += got
    return target
