"""Random weights made on the card, for measurements: a model of 7 billion weights stands in milliseconds."""

from ctypes import c_float, c_int, c_uint, c_ulonglong, c_void_p

from engines.runtimes.cuda.card.driver import Device, Module
from engines.runtimes.cuda.packing import CHUNK, unit_bytes

_THREADS, _BLOCKS = 256, 1024


class Fill:
    """Queues the filling; every call draws other numbers."""

    def __init__(self, device: Device, rows: Module) -> None:
        self._device, self._rows, self._seed = device, rows, 0

    def units(self, address: int, size: int, group: int, spread: float) -> None:
        """INT4 units of ``size`` bytes in all; ``spread`` is the mean scale."""
        words = (c_int(unit_bytes(group) // 4), c_int(16 * (CHUNK // group)))
        self._launch("fill_units", c_void_p(address), c_ulonglong(size // 4), *words, self._next(), c_float(spread))

    def halves(self, address: int, count: int, spread: float) -> None:
        self._launch("fill_halves", c_void_p(address), c_ulonglong(count), self._next(), c_float(spread))

    def _launch(self, name: str, *arguments: object) -> None:
        self._device.launch(self._rows[name], (_BLOCKS, 1, 1), _THREADS, 0, *arguments)

    def _next(self) -> c_uint:
        self._seed += 1
        return c_uint(self._seed * 7919)
