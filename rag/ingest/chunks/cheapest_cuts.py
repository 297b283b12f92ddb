"""Finds the cheapest division of a sequence of units into runs by dynamic programming, while the units come in.

A run costs the square of its distance from the target size, the ``seam`` of its first unit and the ``join`` of its
others. What the cheapest divisions of everything so far have in common is settled and given away, so that a few
thousand units are held at a time and the result is that of one search over all (Viterbi's algorithm with a traceback
that merges).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

_SETTLE = 2048  # units between two looks at what is settled
_HOLD = 4 * _SETTLE  # units held at most: then the division that is cheapest so far is taken


class Unit(Protocol):
    """What is never divided: ``seam`` prices a cut in front of it, ``join`` none."""

    @property
    def tokens(self) -> int: ...

    @property
    def seam(self) -> float: ...

    @property
    def join(self) -> float: ...


U = TypeVar("U", bound=Unit)


def runs(units: Iterable[U], target: int) -> Iterator[list[U]]:
    """Yields the runs of the cheapest division. One is at most a fifth larger than ``target``, or a single unit."""
    search: _Search[U] = _Search(target)
    for unit in units:
        search.take(unit)
        if len(search.units) >= search.look_at:
            yield from search.settled()
    yield from search.rest()


class _Search(Generic[U]):
    """The units that are not given away yet. ``best[n]`` is the price of the cheapest division of the first n of them
    (and of all before), ``begins[n]`` where its last run begins."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._longest = target * 6 // 5
        self.units: list[U] = []
        self.look_at = _SETTLE
        self._best = [0.0]
        self._begins = [0]

    def take(self, unit: U) -> None:
        self.units.append(unit)
        stop = len(self.units)
        tokens, joins = 0, 0.0
        cheapest, begin = float("inf"), stop - 1
        for start in range(stop - 1, -1, -1):
            unit = self.units[start]
            tokens += unit.tokens
            if tokens > self._longest and start < stop - 1:
                break
            price = self._best[start] + unit.seam + joins + ((tokens - self._target) / self._target) ** 2
            if price < cheapest:
                cheapest, begin = price, start
            joins += unit.join
        self._best.append(cheapest)
        self._begins.append(begin)

    def settled(self) -> Iterator[list[U]]:
        """Yields the runs in front of the cut that every division that can still win has in common."""
        first = self._first_open()
        frontier = set(range(first, len(self.units) + 1))
        while len(frontier) > 1:
            last = max(frontier)
            frontier.remove(last)
            frontier.add(self._begins[last])
        common = frontier.pop()
        if not common and len(self.units) >= _HOLD:
            common = self._cuts(len(self.units))[-2]
        if common:
            yield from self._runs(common)
            self._drop(common)
        self.look_at = len(self.units) + _SETTLE

    def rest(self) -> Iterator[list[U]]:
        yield from self._runs(len(self.units))

    def _first_open(self) -> int:
        """The first unit that a coming run could begin with."""
        first = len(self.units)
        tokens = 0
        while first > 0 and tokens <= self._longest:
            first -= 1
            tokens += self.units[first].tokens
        return first

    def _cuts(self, end: int) -> list[int]:
        cuts = [end]
        while cuts[-1] > 0:
            cuts.append(self._begins[cuts[-1]])
        return cuts[::-1]

    def _runs(self, end: int) -> Iterator[list[U]]:
        cuts = self._cuts(end) if end else []
        for first, last in pairwise(cuts):
            yield self.units[first:last]

    def _drop(self, count: int) -> None:
        """Forgets units; where the cut was forced, what stood on another division is priced anew."""
        kept = self.units[count:]
        price = self._best[count]
        self.units, self._best, self._begins = [], [price], [0]
        for unit in kept:
            self.take(unit)
