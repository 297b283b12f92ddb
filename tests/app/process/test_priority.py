"""Threads that compute stand behind those that answer requests."""

import os
import sys
import threading

import pytest

from app.process.priority import give_way, take_turns_quickly

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have no niceness there")


def own() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_and_those_that_it_begins_give_way_once() -> None:
    before = own()
    seen: list[int] = []

    def work(depth: int) -> None:
        give_way()
        seen.append(own())
        if depth:
            inner = threading.Thread(target=work, args=(depth - 1,))
            inner.start()
            inner.join()

    thread = threading.Thread(target=work, args=(2,))
    thread.start()
    thread.join()
    assert seen == [min(before + 4, 19)] * 3
    assert own() == before  # of the thread that answers requests


def test_the_interpreter_is_handed_on_sooner() -> None:
    before = sys.getswitchinterval()
    try:
        take_turns_quickly()
        assert sys.getswitchinterval() < before
    finally:
        sys.setswitchinterval(before)
