"""Which processors count as multiplying bytes, by what Linux says of them."""

from pathlib import Path

import pytest

from engines.runtimes.processor import multiplies_bytes


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ("fpu sse2 avx2 avx512f avx512_vnni", True),  # Ice Lake, Zen 4
        ("fpu sse2 avx2 avx_vnni", True),  # Alder Lake
        ("fpu sse2 avx2 fma", False),  # Zen 3
        ("fpu avx512f not_avx512_vnni", False),
    ],
)
def test_flags(tmp_path: Path, flags: str, found: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: avx_vnni\nflags\t\t: {flags}\n", "ascii")
    assert multiplies_bytes(tmp_path / "cpuinfo") is found


def test_elsewhere_nothing_is_known(tmp_path: Path) -> None:
    assert multiplies_bytes(tmp_path / "missing") is False
