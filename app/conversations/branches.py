"""A conversation as a tree: exchanges that were asked in place of one another are its branches.

An exchange names the one that it was asked after, its parent; 0 is the beginning. Exchanges with the same parent are
versions of each other. Ids grow along a branch, so a branch is known by its last exchange.
"""

from collections.abc import Iterable, Mapping

Parents = Mapping[int, int]
"""The parent of each exchange, by id, in the order of ids; 0 for a first one."""


def parents_of(rows: Iterable[tuple[int, object]]) -> dict[int, int]:
    """The parents of exchanges, of (id, stored parent). One whose parent is gone or damaged follows the exchange before
    it, so that nothing is lost."""
    found: dict[int, int] = {}
    for id_, stored in sorted(rows, key=lambda row: row[0]):
        is_sound = isinstance(stored, int) and (stored == 0 or stored in found)
        found[id_] = stored if is_sound else next(reversed(found), 0)  # type: ignore[assignment]
    return found


def branch_to(parents: Parents, last: int) -> list[int]:
    """The exchanges from the beginning to ``last``, which is among them unless it is 0."""
    found = []
    while last:
        found.append(last)
        last = parents[last]
    return found[::-1]


def end_of(parents: Parents, exchange: int) -> int:
    """The newest exchange that follows ``exchange``, itself where none does."""
    below = {exchange}
    for id_, parent in parents.items():
        if parent in below:
            below.add(id_)
    return max(below)


def shown_branch(parents: Parents, shown: object) -> list[int]:
    """The branch that is shown: the one to ``shown``; the newest where that is no exchange of the conversation."""
    if not parents:
        return []
    return branch_to(parents, shown if isinstance(shown, int) and shown in parents else max(parents))


def versions_of(parents: Parents, exchange: int) -> tuple[int, ...]:
    """The exchanges that stand in place of one another, ``exchange`` among them, oldest first."""
    return tuple(id_ for id_, parent in parents.items() if parent == parents[exchange])
