"""How much of the time the card is busy with steps, from marks before and after each one in its queue."""

from collections.abc import Iterator
from contextlib import contextmanager

from engines.runtimes.cuda.card.driver import Device, Event


class StepTimes:
    """Ask for ``busy`` when all steps are done."""

    def __init__(self) -> None:
        self._marks: list[tuple[Event, Event]] = []

    @contextmanager
    def step(self, device: Device) -> Iterator[None]:
        """What is queued inside is a step."""
        before, after = device.event(), device.event()
        before.record()
        yield
        after.record()
        self._marks.append((before, after))

    def busy(self, first: int = 0, last: int | None = None) -> tuple[float, float]:
        """The share of the time from the first to the last of these steps that was spent within steps, and the seconds
        of one of them on average, pauses included."""
        marks = self._marks[first:last]
        within = sum(after.seconds_since(before) for before, after in marks)
        whole = marks[-1][1].seconds_since(marks[0][0])
        return within / whole, whole / len(marks)

    def close(self) -> None:
        for before, after in self._marks:
            before.close()
            after.close()
        self._marks.clear()
