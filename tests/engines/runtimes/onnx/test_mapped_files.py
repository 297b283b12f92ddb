"""What release_pages gives back, read from the kernel's own account of this process."""

import sys
from pathlib import Path

import numpy as np
import pytest

from engines.runtimes.onnx.mapped_files import release_pages

SIZE = 8 << 20


def resident(path: Path) -> int:
    """Bytes of ``path``'s mappings that are in memory."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and words[0] == "Rss:":
            total += int(words[1]) * 1024
    return total


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc, which Linux alone has")
@pytest.mark.parametrize("mode", ["r", "c"])
def test_pages_leave_memory_and_their_content_stays(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "weights of a model.bin"
    path.write_bytes(np.arange(SIZE, dtype=np.uint64).astype(np.uint8).tobytes())
    mapped = np.memmap(path, np.uint8, mode=mode)  # type: ignore[call-overload]
    if mode == "c":
        mapped[5000] = 77  # a private change, which must outlive the release
    before = int(mapped[:4000].sum()) + int(mapped[6000:].sum())
    assert resident(path) > SIZE // 2
    release_pages(path)
    assert resident(path) < SIZE // 2
    assert int(mapped[:4000].sum()) + int(mapped[6000:].sum()) == before
    assert mapped[5000] == (77 if mode == "c" else 5000 % 256)
