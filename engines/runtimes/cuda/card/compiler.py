"""CUDA C++ to machine code for one kind of card, by NVRTC; needs no card and no toolkit.

What was compiled is kept on disk under a hash of the sources, the settings and the compiler's version.
"""

import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines.errors import EngineError, RuntimeUnavailable
from engines.runtimes.cuda.card.driver import INSTALL

_log = logging.getLogger(__name__)

KERNELS = Path(__file__).parents[1] / "kernels"
CAPABILITIES = ((8, 0), (8, 6), (8, 9), (9, 0), (12, 0))  # what users have; any later one is compiled for as well
_HEADERS = (
    "common.cuh", "product.cuh", "blocks.cuh", "ring.cuh", "planes.cuh", "handed.cuh", "peers.cuh", "kv.cuh",
    "attention.cuh", "attend_one.cuh", "shares.cuh", "warpgroup.cuh", "many.cuh", "many_outputs.cuh", "tiles.cuh",
)  # fmt: skip
Kernels = tuple[str, Mapping[str, int]]  # a file's name and its settings
HOPPER = (9, 0)  # whose instructions for four warps together no other card has


def compile_kernels(
    name: str, capability: tuple[int, int], settings: Mapping[str, int] | None = None, cache: Path | None = None
) -> bytes:
    """The machine code of ``kernels/<name>.cu``. ``settings`` are defined as macros."""
    nvrtc = _nvrtc()
    version = ".".join(str(part) for part in _check(nvrtc, nvrtc.nvrtcVersion()))
    architecture = f"sm_{capability[0]}{capability[1]}" + ("a" if capability == HOPPER else "")
    options = [f"--gpu-architecture={architecture}", "--std=c++17", "-default-device"]
    options.append("--no-cache")  # the driver's, beside ours
    options += [f"-D{key}={value}" for key, value in sorted((settings or {}).items())]
    source = (KERNELS / f"{name}.cu").read_bytes()
    headers = [(KERNELS / header).read_bytes() for header in _HEADERS]
    key = sha256(b"\0".join([version.encode(), " ".join(options).encode(), source, *headers])).hexdigest()[:32]
    kept = cache / f"{name}-{key}.cubin" if cache is not None else None
    if kept is not None and kept.exists():
        return kept.read_bytes()
    binary = _compile(nvrtc, name, source, headers, [option.encode() for option in options])
    if kept is not None:
        _keep(kept, binary)
    return binary


def compile_together(kernels: Iterable[Kernels], capability: tuple[int, int], cache: Path | None) -> None:
    """Compiles several at the same time and keeps them, so that ``compile_kernels`` finds them there. Without a place
    to keep them nothing is done."""
    if cache is None:
        return
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        for done in [pool.submit(compile_kernels, name, capability, settings, cache) for name, settings in kernels]:
            done.result()


def _compile(nvrtc: Any, name: str, source: bytes, headers: list[bytes], options: list[bytes]) -> bytes:
    names = [header.encode() for header in _HEADERS]
    program = _check(nvrtc, nvrtc.nvrtcCreateProgram(source, f"{name}.cu".encode(), len(headers), headers, names))
    status = nvrtc.nvrtcCompileProgram(program, len(options), options)[0]
    if int(status) != 0:
        size = _check(nvrtc, nvrtc.nvrtcGetProgramLogSize(program))
        log = bytes(size)
        _check(nvrtc, nvrtc.nvrtcGetProgramLog(program, log))
        raise EngineError(
            f"The kernels {name} cannot be compiled: {log.decode(errors='replace').strip()[:500]}",
            "Update the package nvidia-cuda-nvrtc.",
        )
    size = _check(nvrtc, nvrtc.nvrtcGetCUBINSize(program))
    binary = bytes(size)
    _check(nvrtc, nvrtc.nvrtcGetCUBIN(program, binary))
    _check(nvrtc, nvrtc.nvrtcDestroyProgram(program))
    return binary


def _keep(path: Path, binary: bytes) -> None:
    """Written elsewhere and renamed, so that what is found is complete. A disk that takes nothing more costs no more
    than compiling again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            (written := Path(folder) / path.name).write_bytes(binary)
            written.replace(path)
    except OSError as error:
        _log.warning("Compiled kernels are not kept, the next start compiles them again: %s", error)


def _nvrtc() -> Any:
    if find_spec("cuda") is None or find_spec("cuda.bindings") is None:
        raise RuntimeUnavailable("Compiling for an NVIDIA card needs the package cuda-bindings.", INSTALL)
    from cuda.bindings import nvrtc

    try:
        nvrtc.nvrtcVersion()
    except RuntimeError as error:
        raise RuntimeUnavailable(f"NVIDIA's compiler library is missing: {error}.", INSTALL) from error
    return nvrtc


def _check(nvrtc: Any, result: Any) -> Any:
    status, *values = result
    if int(status) != 0:
        raise EngineError(f"NVIDIA's compiler library refused: {status.name}.", "Update the package nvidia-cuda-nvrtc.")
    return values[0] if len(values) == 1 else tuple(values)
