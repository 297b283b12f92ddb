"""How a Hopper card's copies of boxes see memory."""

import ctypes
from collections.abc import Sequence

from engines.errors import EngineError

MAP_BYTES = 128


def tensor_map(address: int, sizes: Sequence[int], strides: Sequence[int], box: Sequence[int]) -> bytes:
    """Of 8-byte words; ``strides`` in bytes, without the first. What lies outside of ``sizes`` is read as zeros."""
    from cuda.bindings import driver

    status, found = driver.cuTensorMapEncodeTiled(
        driver.CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_UINT64,
        len(sizes),
        address,
        [driver.cuuint64_t(size) for size in sizes],
        [driver.cuuint64_t(stride) for stride in strides],
        [driver.cuuint32_t(size) for size in box],
        [driver.cuuint32_t(1)] * len(sizes),
        driver.CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE,
        driver.CUtensorMapSwizzle.CU_TENSOR_MAP_SWIZZLE_NONE,
        driver.CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
        driver.CUtensorMapFloatOOBfill.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
    )
    if int(status) != 0:
        raise EngineError(f"The NVIDIA driver refused a tensor map: {status.name}.", "Update the NVIDIA driver.")
    return ctypes.string_at(int(found.getPtr()), MAP_BYTES)
