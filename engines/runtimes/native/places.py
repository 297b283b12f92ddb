"""Where values lie in memory, as the operations of a program name it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.runtimes.native.kernels.layout import ROWS


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of float32 in memory: ``features`` of them begin ``stride`` elements apart. ``count`` is the place of their
    number among the step's words."""

    address: int
    stride: int
    features: int
    count: int = ROWS

    def parts(self, starts: Sequence[int], sizes: Sequence[int]) -> list["Rows"]:
        """Those of several projections that one product computed."""
        return [
            replace(self, address=self.address + 4 * start, features=size)
            for start, size in zip(starts, sizes, strict=False)
        ]


def places(**rows: Rows) -> dict[str, int]:
    """Where rows lie, as operations name it: ``x`` gives the fields x and x_stride."""
    addresses = {name: value.address for name, value in rows.items()}
    return addresses | {f"{name}_stride": value.stride for name, value in rows.items()}


def zeros(size: int) -> NDArray[np.uint8]:
    """That many bytes, aligned to a cache line."""
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]
