"""What a server has loaded is not looked at by each full collection, and is collected when it is given up."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.process.collector import search_all, set_apart


class Part:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_full_collection_looks_at_new_objects_alone() -> None:
    loaded = Part()
    set_apart()
    new = Part()
    looked_at = [id(each) for each in gc.get_objects()]
    assert id(new) in looked_at
    assert id(loaded) not in looked_at


def test_what_was_set_apart_is_collected_when_it_is_given_up() -> None:
    loaded = Part()
    there = weakref.ref(loaded)
    set_apart()
    del loaded
    search_all()
    assert there() is None
    assert gc.get_freeze_count() > 0


def test_nothing_is_set_apart_where_nothing_was() -> None:
    search_all()
    assert gc.get_freeze_count() == 0
