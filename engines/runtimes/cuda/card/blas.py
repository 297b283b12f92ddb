"""Products of many rows by cuBLAS, through its C interface: y = x W^T in float16 with float32 sums."""

import ctypes
from importlib.util import find_spec
from typing import Any

from engines.errors import EngineError, RuntimeUnavailable
from engines.runtimes.cuda.card.driver import INSTALL, Device

_HALF, _FLOAT = 2, 0  # cudaDataType
_COMPUTE_FLOAT = 68  # CUBLAS_COMPUTE_32F
_TRANSPOSED, _PLAIN = 1, 0
_DEFAULT_ALGORITHM = -1
_WORKSPACE = 32 << 20


class Blas:
    """One handle on the device's stream, with a workspace of its own."""

    def __init__(self, device: Device) -> None:
        self._library = _load()
        self._handle = ctypes.c_void_p()
        self._call("cublasCreate_v2", ctypes.byref(self._handle))
        self._call("cublasSetStream_v2", self._handle, ctypes.c_void_p(int(device.stream)))
        workspace = device.allocate(_WORKSPACE)
        self._call("cublasSetWorkspace_v2", self._handle, ctypes.c_void_p(workspace), ctypes.c_size_t(_WORKSPACE))

    def multiply(
        self, weights: int, x: int, y: int, rows: int, outputs: int, inputs: int, stride: int, *, add: bool = False
    ) -> None:
        """``weights`` float16 [outputs, inputs], ``x`` float16 [rows, inputs] (rows ``inputs`` apart); ``y`` rows are
        ``stride`` apart, float16, or, where ``add``, float32 that the product is added to."""
        one, beta = ctypes.c_float(1), ctypes.c_float(1 if add else 0)
        self._call(
            "cublasGemmEx",
            self._handle, _TRANSPOSED, _PLAIN, outputs, rows, inputs, ctypes.byref(one),
            ctypes.c_void_p(weights), _HALF, inputs, ctypes.c_void_p(x), _HALF, inputs, ctypes.byref(beta),
            ctypes.c_void_p(y), _FLOAT if add else _HALF, stride, _COMPUTE_FLOAT, _DEFAULT_ALGORITHM,
        )  # fmt: skip

    def close(self) -> None:
        self._call("cublasDestroy_v2", self._handle)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status != 0:
            raise EngineError(f"cuBLAS refused {name}: status {status}.", "Update the NVIDIA driver.")


def _load() -> ctypes.CDLL:
    if find_spec("cuda") is None or find_spec("cuda.pathfinder") is None:
        raise RuntimeUnavailable("Prompts on an NVIDIA card need cuBLAS.", INSTALL)
    from cuda.pathfinder import load_nvidia_dynamic_lib

    try:
        loaded = load_nvidia_dynamic_lib("cublas")
    except RuntimeError as error:
        raise RuntimeUnavailable(f"cuBLAS is missing: {error}.", INSTALL) from error
    return ctypes.CDLL(loaded.abs_path)
