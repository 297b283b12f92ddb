"""Loads compiled kernels into executable memory, and keeps them in a file so that the next start needs no LLVM."""

import contextlib
import ctypes
import hashlib
import json
import logging
import mmap
import os
import struct
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.files.seal import is_sealed, seal
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.layout import ALL_FIELDS, ROWS, STEP, SYNC_WORDS, WORDS
from engines.runtimes.native.kernels.linker import Linked
from files import is_ours, replace_bytes

# The kernels of a decoder, those of products with weights in the blocks of GGUF, and those that pack such weights. Most
# models need the first alone, and the last are needed once.
Part = Literal["decoder", "blocks", "packing"]

_log = logging.getLogger(__name__)


class Library:
    """``addresses`` of the kernels by name, and ``run``, the driver (engines/runtimes/native/kernels/program.py)."""

    def __init__(self, linked: Linked) -> None:
        size = -(-len(linked.code) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, size)
        self._memory.write(linked.code)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        system = ctypes.CDLL(None, use_errno=True)
        if system.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
            raise RuntimeUnavailable(
                f"The system does not let Docent run compiled kernels: {os.strerror(ctypes.get_errno())}.",
                'Set model.runtime to "onnx".',
            )
        self.addresses = {name: start + linked.functions[name] for name in ALL_FIELDS if name in linked.functions}
        words, number = ctypes.c_void_p, ctypes.c_int64
        self.run = ctypes.CFUNCTYPE(None, words, number, words, words, number, number, number)(
            start + linked.functions["run"]
        )

    def words(self, kernel: str, **fields: int | float) -> NDArray[np.int64]:
        """An operation, [WORDS]; fields are named as in engines/runtimes/native/kernels/layout.py, floats become
        float32."""
        names = ALL_FIELDS[kernel]
        assert set(fields) == set(names), f"{kernel} takes {names}"
        operation = np.zeros(WORDS, np.int64)
        operation[0] = self.addresses[kernel]
        for i, name in enumerate(names, 1):
            value = fields[name]
            operation[i] = value if isinstance(value, int) else struct.unpack("<i", struct.pack("<f", value))[0]
        return operation

    def do(self, operation: NDArray[np.int64], rows: int) -> None:
        """Runs one operation that needs nothing of a step but its number of rows, in the calling thread alone."""
        step, sync = np.zeros(len(STEP), np.int64), np.zeros(SYNC_WORDS, np.int64)
        step[ROWS] = rows
        self.run(operation.ctypes.data, 1, step.ctypes.data, sync.ctypes.data, 0, 1, 0)


def kernel_version(instructions: Instructions) -> str:
    """A hash over everything that the code depends on: the source of this package, the compiler, the processor."""
    try:
        whole = hashlib.sha256(metadata.version("llvmlite").encode())
    except metadata.PackageNotFoundError:
        raise RuntimeUnavailable("llvmlite is not installed.", 'Install it, or set model.runtime to "onnx".') from None
    for source in sorted(Path(__file__).parent.glob("*.py")):
        whole.update(source.read_bytes())
    if not instructions.processor:
        with contextlib.suppress(OSError):
            lines = Path("/proc/cpuinfo").read_bytes().split(b"\n\n")[0].splitlines()
            whole.update(b"\n".join(line for line in lines if line.startswith((b"flags", b"model name"))))
    return whole.hexdigest()[:24]


def read_kernels(path: Path) -> Linked | None:
    """The kernels in a file that ``write_kernels`` made; None where there is no such file, or it is not what this
    user's Docent wrote, for it is run as it is."""
    try:
        ours = is_ours(path)
        head, code = path.read_bytes().split(b"\n", 1)
        found = json.loads(head)
        if ours and is_sealed(_sealed_part(path, found["functions"], code), found["seal"]):
            return Linked(code, found["functions"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    _log.warning("The compiled kernels in %s are damaged or not Docent's, and are made again", path)
    return None


def _sealed_part(path: Path, functions: Mapping[str, int], code: bytes) -> bytes:
    """The name says for which processor and version the code is."""
    return json.dumps([path.name, functions], sort_keys=True).encode() + b"\n" + code


def write_kernels(path: Path, linked: Linked) -> None:
    """Writes the file and deletes those of earlier versions. A failure costs the next start a second, nothing else."""
    head = {"seal": seal(_sealed_part(path, linked.functions, linked.code)), "functions": linked.functions}
    try:
        replace_bytes(path, json.dumps(head).encode() + b"\n" + linked.code)
        for earlier in path.parent.glob(f"{path.name.rpartition('-')[0]}-*"):
            if earlier != path:
                earlier.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("The compiled kernels could not be kept: %s", error)
