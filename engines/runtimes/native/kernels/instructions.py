"""Finds out which of the sets of instructions that kernels are written for this processor has."""

import sys
from dataclasses import dataclass
from pathlib import Path

from engines.errors import RuntimeUnavailable

NEEDED = "Docent's own kernels need Linux and an x86 processor with AVX2."
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Instructions:
    """``needs`` are the processor's flags as Linux names them. ``rows`` are the numbers of rows of activations that are
    multiplied at a time, ``float_rows`` those with weights in full precision, from 1 to as many as the registers hold
    sums of; each is compiled by itself. LLVM may use what ``processor`` has, the host's where empty, and
    ``features``."""

    name: str
    needs: frozenset[str]
    rows: tuple[int, ...]
    float_rows: tuple[int, ...]
    processor: str = ""
    features: str = ""


_ALL, _THREE = (1, 2, 3, 4, 5, 6, 7, 8), (1, 2, 3)
# Best first.
KNOWN = (
    Instructions("avx512_vnni", frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}), _ALL, _ALL),
    Instructions("avx_vnni", frozenset({"avx2", "fma", "f16c", "avx_vnni"}), _THREE, _THREE, "x86-64-v3", "+avxvnni"),
    Instructions("avx2", frozenset({"avx2", "fma", "f16c"}), (1, 2, 5), _THREE, "x86-64-v3"),
)


def usable(cpuinfo: Path = _CPUINFO) -> list[Instructions]:
    """What this processor has, best first; nothing where that cannot be told, which is everywhere but on Linux."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return [known for known in KNOWN if known.needs <= flags]


def best() -> Instructions:
    """Raises RuntimeUnavailable where none is usable."""
    found = usable()
    if not found:
        raise RuntimeUnavailable(NEEDED, 'Set model.runtime to "onnx".')
    return found[0]
