"""Finds out which of the sets of instructions that kernels are written for this processor has."""

import sys
from dataclasses import dataclass
from pathlib import Path

from engines.errors import RuntimeUnavailable

NEEDED = "Docent's own kernels need Linux and an x86 processor with AVX2."
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Instructions:
    """``needs`` are the processor's flags as Linux names them. ``rows`` of activations, ``float_rows`` with weights in
    full precision, are multiplied at a time: as many as the registers hold sums of. LLVM may use what ``processor``
    has, the host's where empty, and ``features``."""

    name: str
    needs: frozenset[str]
    rows: int
    float_rows: int
    processor: str = ""
    features: str = ""


# Best first.
KNOWN = (
    Instructions("avx512_vnni", frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}), 8, 8),
    Instructions("avx_vnni", frozenset({"avx2", "fma", "f16c", "avx_vnni"}), 3, 3, "x86-64-v3", "+avxvnni"),
    Instructions("avx2", frozenset({"avx2", "fma", "f16c"}), 5, 3, "x86-64-v3"),
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
