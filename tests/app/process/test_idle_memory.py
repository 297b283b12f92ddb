"""Memory is given back when work has ended, and only then."""

import ctypes
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from app.process.idle_memory import IdleMemory, heap_trimmer

ROOT = Path(__file__).resolve().parents[3]


def given_back(used: list[float]) -> list[int]:
    """At which of the looks, from 1, memory is given back; ``used`` is the processor time at the start and at each."""
    looks: Iterator[float] = chain(used, repeat(used[-1]))
    seen = 0
    at: list[int] = []
    ended = threading.Event()

    def processor_s() -> float:
        nonlocal seen
        seen += 1
        if seen > len(used) + len(at) + 3:
            ended.set()
        return next(looks)

    memory = IdleMemory(lambda: at.append(seen - 1 - len(at)), look_s=0.001, worth_s=1.0, processor_s=processor_s)
    with memory:
        assert ended.wait(10)
    return at


def test_work_that_has_ended() -> None:
    assert given_back([0.0, 2.0, 4.0, 4.0]) == [3]


def test_an_idle_process_is_left_alone() -> None:
    assert given_back([5.0, 5.0, 5.0]) == []


def test_a_little_work_is_not_worth_it() -> None:
    assert given_back([0.0, 0.5, 0.5]) == []


@pytest.mark.skipif(heap_trimmer() is None, reason="another C library than glibc")
def test_holes_between_what_is_in_use_are_given_back() -> None:
    program = """
import ctypes, psutil
from app.process.idle_memory import heap_trimmer
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
blocks = [libc.malloc(60_000) for _ in range(2000)]
for block in blocks:
    ctypes.memset(block, 1, 60_000)
for number, block in enumerate(blocks):
    if number % 20:
        libc.free(block)
before = psutil.Process().memory_info().rss
heap_trimmer()()
print((before - psutil.Process().memory_info().rss) >> 20)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60  # MiB of 108


_LARGE_AFTER_LARGER = """
import ctypes

from app.process.idle_memory import keep_heaps_small


class Heaps(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd a b c d e".split()]


libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
libc.mallinfo2.restype = Heaps
{call}
libc.free(libc.malloc(8 << 20))
before = libc.mallinfo2().hblkhd
libc.malloc(4 << 20)
print(libc.mallinfo2().hblkhd - before >= 4 << 20)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="the C library is not glibc of 2.33 or later",
)
@pytest.mark.parametrize(("call", "has_mapping"), [("keep_heaps_small()", "True"), ("", "False")])
def test_a_large_piece_goes_back_when_it_is_freed(call: str, has_mapping: str) -> None:
    """It has a mapping of its own also after a larger one was freed; glibc left alone would put it into its heap."""
    code = _LARGE_AFTER_LARGER.replace("{call}", call)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == has_mapping
