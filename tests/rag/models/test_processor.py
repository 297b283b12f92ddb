"""Turns are taken in order, and so many at once as were allowed."""

import threading

from rag.models.processor import Turns


def test_no_more_than_allowed_are_at_it_and_all_get_there() -> None:
    turns = Turns(2)
    at_it, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        nonlocal at_it, most
        with turns.taken():
            with lock:
                at_it += 1
                most = max(most, at_it)
            both.wait(10)  # where fewer were let through, nobody would come
            with lock:
                at_it -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_who_comes_back_at_once_waits_behind_those_that_wait() -> None:
    turns = Turns(1)
    order: list[str] = []
    waits = threading.Event()

    def other() -> None:
        waits.set()
        with turns.taken():
            order.append("other")

    thread = threading.Thread(target=other)
    with turns.taken():
        thread.start()
        waits.wait(10)
        while not turns.waiting:
            pass
    with turns.taken():
        order.append("first again")
    thread.join()
    assert order == ["other", "first again"]


def test_an_error_ends_a_turn() -> None:
    turns = Turns(1)
    try:
        with turns.taken():
            raise ValueError
    except ValueError:
        pass
    with turns.taken():
        pass
