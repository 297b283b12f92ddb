"""Brings a mapped file's pages into a process before they are read: Linux only, elsewhere it does nothing.

The first read of each mapped page interrupts the program, also where the file is in memory already. For gigabytes of
weights that adds up to a second or two, which the first token would wait for.
"""

import ctypes
import mmap
import sys
import threading
import weakref

import numpy as np
import psutil

_MADV_POPULATE_READ = 22  # madvise(2), Linux 5.14; older kernels refuse it, and pages come when they are read
_PIECE = 64 << 20


def map_in_background(mapped: mmap.mmap) -> threading.Thread | None:
    """The thread that does it, which ends by itself and early when nobody holds ``mapped`` any more; None where it
    cannot be done or memory has no room for the whole file."""
    if not sys.platform.startswith("linux") or len(mapped) > psutil.virtual_memory().available:
        return None
    thread = threading.Thread(target=_map, args=(weakref.ref(mapped),), name="map weights", daemon=True)
    thread.start()
    return thread


def _map(holder: weakref.ref[mmap.mmap]) -> None:
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = 0
    while (mapped := holder()) is not None and start < len(mapped):
        piece = np.frombuffer(mapped, np.uint8, min(_PIECE, len(mapped) - start), start)
        if madvise(piece.ctypes.data, len(piece), _MADV_POPULATE_READ):
            return
        start += len(piece)
        del piece, mapped
