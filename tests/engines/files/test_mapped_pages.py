"""Pages of a mapped file are in memory before they are read, as the system's own account of this process says."""

import mmap
import sys
from pathlib import Path

import psutil
import pytest

from engines.files.mapped_pages import map_in_background
from tests.engines.files.mappings import resident

SIZE = (64 << 20) + (3 << 12) + 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is asked for pages")
def test_all_pages_come_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(SIZE))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert resident(path) < SIZE // 2
    thread = map_in_background(mapped)
    assert thread is not None
    thread.join()
    assert resident(path) >= SIZE
    mapped.close()  # nothing holds a view of it any more


def test_a_file_larger_than_free_memory_is_left_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    with path.open("wb") as file:
        file.truncate(psutil.virtual_memory().total + (1 << 30))  # a hole, which takes no room
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert map_in_background(mapped) is None
