"""The few calls of NVIDIA's driver that Docent needs, their errors as exceptions: memory, streams, kernels, graphs.

Addresses on the card are plain integers. Everything is queued on one stream in the order of the calls. Knows no model.
"""

import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docent import install_extra
from engines.errors import EngineError, RuntimeUnavailable

INSTALL = f"Install it with: {install_extra('gpu')}"
_MORE_MEMORY = (
    "Close other programs that use the card, lower model.cache_mb or model.context, set model.gpu_layers to fewer "
    "layers (the processor computes the others), or choose a smaller model."
)
_FALL_BACK = "Docent uses the processor instead."
_MULTIPROCESSORS, _SHARED, _SHARED_OPT_IN = 16, 81, 97  # numbers of device attributes
_MAJOR, _MINOR = 75, 76
_COOPERATIVE, _CLUSTER, _PROGRAMMATIC_STREAM_SERIALIZATION = 2, 4, 6  # kinds of launch attributes

Dim = tuple[int, int, int]


class _LaunchAttribute(ctypes.Structure):
    """CUlaunchAttribute: how a kernel is launched."""

    _fields_ = (
        ("id", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("value", ctypes.c_int * 3),
        ("rest", ctypes.c_byte * 52),
    )

    def __init__(self, number: int, *value: int) -> None:
        super().__init__(number, 0, value)


class _LaunchConfig(ctypes.Structure):
    """CUlaunchConfig. Kernels are launched through ctypes: the bindings take ten times as long for it."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_LaunchAttribute)),
        ("count", ctypes.c_uint),
    )


class OutOfMemory(EngineError):
    """The card's memory does not suffice."""


class Device:
    """A card (the first one), its context and a stream. ``close`` frees what was allocated and loaded here."""

    def __init__(self, ordinal: int = 0) -> None:
        self._api, self.ordinal = _driver(), ordinal
        _check(self._api.cuInit(0))
        self._device = _check(self._api.cuDeviceGet(ordinal))
        self._context = _check(self._api.cuDevicePrimaryCtxRetain(self._device))
        self.activate()
        self.name = _check(self._api.cuDeviceGetName(128, self._device)).split(b"\0")[0].decode()
        self.capability = (self._attribute(_MAJOR), self._attribute(_MINOR))
        self.multiprocessors, self.shared_bytes = (self._attribute(kind) for kind in (_MULTIPROCESSORS, _SHARED))
        self.shared_bytes_of_block = self._attribute(_SHARED_OPT_IN)
        self.stream = _check(self._api.cuStreamCreate(1))
        self._allocations: dict[int, int] = {}
        self._pinned: dict[int, int] = {}
        self._modules: list[Module] = []
        library = _library()
        self._launch, self._count_clusters = library.cuLaunchKernelEx, library.cuOccupancyMaxActiveClusters
        self._configs: dict[int, _LaunchConfig] = {}  # by the blocks of a cluster
        self._together = self._new_config(_LaunchAttribute(_COOPERATIVE, 1))

    def activate(self) -> None:
        """Makes the context this thread's; the first call of a thread."""
        _check(self._api.cuCtxSetCurrent(self._context))

    def close(self) -> None:
        if self._context is None:
            return
        self.activate()
        _check(self._api.cuStreamSynchronize(self.stream))
        for address in self._allocations:
            _check(self._api.cuMemFree(address))
        for address in self._pinned:
            _check(self._api.cuMemFreeHost(address))
        for module in self._modules:
            module.close()
        _check(self._api.cuStreamDestroy(self.stream))
        self._allocations, self._pinned, self._modules, self._context = {}, {}, [], None
        _check(self._api.cuDevicePrimaryCtxRelease(self._device))

    def enable_peer(self, other: "Device") -> None:
        """Kernels here may use the other card's memory; this card's context is active. Raises RuntimeUnavailable where
        the computer does not let them."""
        status = self._api.cuCtxEnablePeerAccess(other._context, 0)[0]
        if "PEER_ACCESS_UNSUPPORTED" in status.name:
            raise RuntimeUnavailable(
                f"{self.name} and {other.name} cannot reach each other's memory here.", "Set model.gpus to 1."
            )
        if "ALREADY_ENABLED" not in status.name:
            _check((status,))

    def wait_for(self, event: "Event") -> None:
        """What is queued from now on waits for a place in another card's queue."""
        _check(self._api.cuStreamWaitEvent(self.stream, event.handle, 0))

    @property
    def free_bytes(self) -> int:
        return int(_check(self._api.cuMemGetInfo())[0])

    def allocate(self, size: int, *, zero: bool = False) -> int:
        """The address of ``size`` bytes. Raises OutOfMemory that says how much is missing."""
        size = max(size, 16)
        if size > (free := self.free_bytes):
            raise _lack(size, free)
        status, address = self._api.cuMemAlloc(size)
        if int(status) == 2:
            raise _lack(size, free)
        _check((status,))
        self._allocations[int(address)] = size
        if zero:
            _check(self._api.cuMemsetD8Async(address, 0, size, self.stream))
        return int(address)

    def free(self, address: int) -> None:
        self.synchronize()
        del self._allocations[address]
        _check(self._api.cuMemFree(address))

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """Memory of the host that the card reads and writes at full speed, [size]."""
        address = int(_check(self._api.cuMemHostAlloc(max(size, 16), 0)))
        self._pinned[address] = size
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def upload(self, values: NDArray[Any], address: int) -> None:
        """Queued; ``values`` must stay as they are until then if they lie in pinned memory."""
        _check(self._api.cuMemcpyHtoDAsync(address, values.ctypes.data, values.nbytes, self.stream))

    def download(self, address: int, target: NDArray[Any]) -> None:
        _check(self._api.cuMemcpyDtoHAsync(target.ctypes.data, address, target.nbytes, self.stream))

    def copy(self, source: int, target: int, size: int) -> None:
        _check(self._api.cuMemcpyDtoDAsync(target, source, size, self.stream))

    def copy_rows(self, source: int, target: int, size: int, rows: int, stride: int) -> None:
        """Queues the copy of ``rows`` stretches of ``size`` bytes that lie ``stride`` bytes apart, 2 GB at most."""
        copy = self._api.CUDA_MEMCPY2D()
        copy.srcMemoryType = copy.dstMemoryType = self._api.CUmemorytype.CU_MEMORYTYPE_DEVICE
        copy.srcDevice, copy.dstDevice, copy.srcPitch, copy.dstPitch = source, target, stride, stride
        copy.WidthInBytes, copy.Height = size, rows
        _check(self._api.cuMemcpy2DAsync(copy, self.stream))

    def array(self, values: NDArray[Any]) -> int:
        """A copy on the card; returns its address."""
        values = np.ascontiguousarray(values)
        address = self.allocate(values.nbytes)
        self.upload(values, address)
        self.synchronize()
        return address

    def synchronize(self) -> None:
        _check(self._api.cuStreamSynchronize(self.stream))

    def load(self, binary: bytes) -> "Module":
        self._modules.append(Module(self._api, _check(self._api.cuModuleLoadData(binary))))
        return self._modules[-1]

    def launch(
        self,
        kernel: "Kernel",
        grid: Dim,
        threads: int,
        shared: int,
        *arguments: Any,
        together: bool = False,
        cluster: int = 1,
    ) -> None:
        """Queues a kernel, which from capability 9.0 on may start before the one ahead of it has ended. ``arguments``
        are ctypes values. ``together``: all its blocks run at once, or none. ``cluster``: so many neighbours along the
        grid's first side share their memory."""
        self._allow_shared(kernel, shared)
        pointers = (ctypes.c_void_p * len(arguments))(*[ctypes.addressof(argument) for argument in arguments])
        config = self._together if together else self._early(cluster)
        config.grid[:], config.block[0], config.shared = grid, threads, shared
        status = self._launch(ctypes.byref(config), kernel.address, pointers, None)
        if status:
            _check((self._api.CUresult(status),))

    def clusters_at_once(self, kernel: "Kernel", threads: int, shared: int, cluster: int) -> int:
        """Clusters of so many blocks that the card has room for at the same time."""
        self._allow_shared(kernel, shared)
        config = self._new_config(_LaunchAttribute(_CLUSTER, cluster, 1, 1))
        config.grid[:], config.block[0], config.shared = (cluster, 1, 1), threads, shared
        found = ctypes.c_int()
        status = self._count_clusters(ctypes.byref(found), kernel.address, ctypes.byref(config))
        if status:
            _check((self._api.CUresult(status),))
        return found.value

    @contextmanager
    def capture(self) -> Iterator["Graph"]:
        """What is queued inside becomes a graph instead of being run."""
        graph = Graph(self._api, self.stream)
        _check(
            self._api.cuStreamBeginCapture(self.stream, self._api.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
        )
        try:
            yield graph
        finally:
            graph.end()

    def free_pinned(self, memory: NDArray[np.uint8]) -> None:
        self.synchronize()
        del self._pinned[memory.ctypes.data]
        _check(self._api.cuMemFreeHost(memory.ctypes.data))

    def event(self) -> "Event":
        return Event(self._api, self.stream)

    def timer(self) -> "Timer":
        return Timer(self._api, self.stream)

    def _allow_shared(self, kernel: "Kernel", shared: int) -> None:
        if shared > kernel.shared:
            kind = self._api.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            _check(self._api.cuFuncSetAttribute(kernel.handle, kind, shared))
            kernel.shared = shared

    def _early(self, cluster: int) -> _LaunchConfig:
        if cluster not in self._configs:
            attributes = [_LaunchAttribute(_PROGRAMMATIC_STREAM_SERIALIZATION, 1)]
            if cluster > 1:
                attributes.append(_LaunchAttribute(_CLUSTER, cluster, 1, 1))
            self._configs[cluster] = self._new_config(*attributes if self.capability >= (9, 0) else ())
        return self._configs[cluster]

    def _new_config(self, *attributes: _LaunchAttribute) -> _LaunchConfig:
        listed = (_LaunchAttribute * max(1, len(attributes)))(*attributes)
        return _LaunchConfig((1, 1, 1), (1, 1, 1), 0, int(self.stream), listed, len(attributes))

    def _attribute(self, number: int) -> int:
        kind = self._api.CUdevice_attribute(number)
        return int(_check(self._api.cuDeviceGetAttribute(kind, self._device)))


class Kernel:
    """A function of a module. ``shared`` is the dynamic shared memory that it was allowed: else 48 KB less its own."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.address = ctypes.c_void_p(int(handle))
        self.shared = 0


class Module:
    """Compiled kernels on the card."""

    def __init__(self, api: Any, handle: Any) -> None:
        self._api, self._handle = api, handle
        self._kernels: dict[str, Kernel] = {}

    def __getitem__(self, name: str) -> Kernel:
        if name not in self._kernels:
            handle = _check(self._api.cuModuleGetFunction(self._handle, name.encode()))
            _check(self._api.cuFuncLoad(handle))  # else it takes memory at its first launch
            self._kernels[name] = Kernel(handle)
        return self._kernels[name]

    def close(self) -> None:
        _check(self._api.cuModuleUnload(self._handle))


class Graph:
    """Queued work that is launched as a whole."""

    def __init__(self, api: Any, stream: Any) -> None:
        self._api, self._stream = api, stream
        self._executable: Any = None

    def end(self) -> None:
        graph = _check(self._api.cuStreamEndCapture(self._stream))
        try:
            self._executable = _check(self._api.cuGraphInstantiate(graph, 0))
        finally:
            _check(self._api.cuGraphDestroy(graph))

    def launch(self) -> None:
        _check(self._api.cuGraphLaunch(self._executable, self._stream))

    def close(self) -> None:
        _check(self._api.cuGraphExecDestroy(self._executable))


class Event:
    """A place in the queue. Before it is recorded nothing waits for it."""

    def __init__(self, api: Any, stream: Any) -> None:
        self._api, self._stream = api, stream
        self.handle = _check(api.cuEventCreate(0))

    def record(self) -> None:
        _check(self._api.cuEventRecord(self.handle, self._stream))

    def wait(self) -> None:
        """Until all that was queued before it is done. Raises what went wrong with it."""
        _check(self._api.cuEventSynchronize(self.handle))

    def seconds_since(self, earlier: "Event") -> float:
        """As the card counts them; both have passed."""
        return float(_check(self._api.cuEventElapsedTime(earlier.handle, self.handle))) / 1000

    def close(self) -> None:
        _check(self._api.cuEventDestroy(self.handle))


class Timer:
    """Seconds between ``start`` and ``stop`` as the card counts them."""

    def __init__(self, api: Any, stream: Any) -> None:
        self._first, self._last = Event(api, stream), Event(api, stream)

    def start(self) -> None:
        self._first.record()

    def stop(self) -> float:
        self._last.record()
        self._last.wait()
        return self._last.seconds_since(self._first)


def find_cards() -> list[tuple[str, tuple[int, int]]]:
    """Name and compute capability of every card that the driver names; empty where there is none. Raises
    RuntimeUnavailable without a driver or the package for talking to it."""
    api = _driver()
    if int(api.cuInit(0)[0]) != 0:
        return []
    cards = []
    for ordinal in range(int(_check(api.cuDeviceGetCount()))):
        device = _check(api.cuDeviceGet(ordinal))
        name = _check(api.cuDeviceGetName(128, device)).split(b"\0")[0].decode()
        kinds = (api.CUdevice_attribute(number) for number in (_MAJOR, _MINOR))
        major, minor = (int(_check(api.cuDeviceGetAttribute(kind, device))) for kind in kinds)
        cards.append((name, (major, minor)))
    return cards


def _driver() -> Any:
    if find_spec("cuda") is None or find_spec("cuda.bindings") is None:
        raise RuntimeUnavailable("Running on an NVIDIA card needs the package cuda-bindings.", INSTALL)
    from cuda.bindings import driver

    try:
        driver.cuInit(0)
    except RuntimeError as error:  # the library of the driver is not there
        raise RuntimeUnavailable("No NVIDIA card with a working driver was found.", _FALL_BACK) from error
    return driver


def _library() -> ctypes.CDLL:
    """The driver's library itself, which the bindings have loaded."""
    library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    library.cuLaunchKernelEx.argtypes = [ctypes.c_void_p] * 4
    library.cuOccupancyMaxActiveClusters.argtypes = [ctypes.c_void_p] * 3
    return library


def _check(result: Sequence[Any]) -> Any:
    """What a call returned beside its status. Raises EngineError for a failure."""
    status, *values = result
    if int(status) != 0:
        if "OUT_OF_MEMORY" in status.name:
            raise OutOfMemory("The card has no memory left.", _MORE_MEMORY)
        if "NO_DEVICE" in status.name or "NOT_INITIALIZED" in status.name:
            raise RuntimeUnavailable("No NVIDIA card with a working driver was found.", _FALL_BACK)
        raise EngineError(
            f"The NVIDIA driver refused: {status.name}.", "Start Docent again; if it stays, update the driver."
        )
    return values[0] if len(values) == 1 else tuple(values)


def _lack(size: int, free: int) -> OutOfMemory:
    return OutOfMemory(
        f"The card lacks {(size - free) / 1e9:.2f} GB of memory: {size / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB "
        "are free.",
        _MORE_MEMORY,
    )
