"""Gives resident pages of a mapped file back to the system: Linux only, elsewhere it does nothing.

Runtimes keep a model's weights mapped after they have packed copies of them, so they count as memory of the process
although nothing reads them again. A page given back is read from the file once more should it be needed.
"""

import ctypes
import sys
from pathlib import Path

_MADV_PAGEOUT = 21  # madvise(2), Linux 5.4: reclaim these pages, without losing what was written to them


def release_pages(path: Path) -> None:
    """Takes the pages of every mapping of ``path`` out of this process's resident memory."""
    if not sys.platform.startswith("linux"):
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        addresses, *rest = line.split(maxsplit=5)
        if len(rest) == 5 and rest[-1] == str(path.resolve()):
            start, end = (int(address, 16) for address in addresses.split("-"))
            madvise(start, end - start, _MADV_PAGEOUT)
