"""How long each step of a question takes, by name, in milliseconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Starts when it is made. Steps of the same name add up; one thread uses it."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._steps: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, (time.perf_counter() - started) * 1000)

    def add(self, name: str, milliseconds: float) -> None:
        self._steps[name] = self._steps.get(name, 0.0) + milliseconds

    def timings_ms(self) -> dict[str, float]:
        """The steps in the order in which they first ended, and ``total`` since the start."""
        return {**self._steps, "total": (time.perf_counter() - self._started) * 1000}
