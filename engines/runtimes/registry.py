"""Lists the runtimes for the settings, the choice of a runtime, builds, ``docent doctor`` and the benchmarks.

To add a runtime, make a folder with an ``entry.py`` and add its ENTRY here.
"""

from typing import Literal

from engines.runtimes.entry import RuntimeEntry
from engines.runtimes.native.entry import ENTRY as NATIVE
from engines.runtimes.onnx.entry import ENTRY as ONNX
from engines.runtimes.reference.entry import ENTRY as REFERENCE
from engines.runtimes.split.entry import ENTRY as CUDA
from engines.runtimes.tensorrt.entry import ENTRY as TENSORRT

RUNTIMES: dict[str, RuntimeEntry] = {entry.name: entry for entry in (NATIVE, ONNX, CUDA, TENSORRT, REFERENCE)}


def automatic(device: Literal["cpu", "gpu"]) -> list[RuntimeEntry]:
    """The runtimes that "auto" may take on this computer, the first to try first."""
    ranked = [(entry.priority, entry) for entry in RUNTIMES.values() if entry.priority is not None]
    ranked.sort(key=lambda pair: -pair[0])
    return [entry for _, entry in ranked if entry.device == device and entry.unavailable() is None]
