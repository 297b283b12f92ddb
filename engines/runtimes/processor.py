"""What this computer's processor can do, where the choice of a runtime depends on it."""

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_VNNI = {"avx512_vnni", "avx_vnni"}


def multiplies_bytes(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether it multiplies and adds bytes in one instruction (VNNI): without, OpenVINO computes INT4 products in
    float32 and is the slower one. False where that cannot be told, which is everywhere but on Linux."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    return any(_VNNI & set(line.split()) for line in lines if line.startswith("flags"))
