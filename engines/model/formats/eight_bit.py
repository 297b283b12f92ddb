"""8-bit weights, ``weight`` [out, in] in E4M3 or int8, and what they are multiplied with: ``weight_scale``, one number,
[out] or [out, 1], or one for each block of outputs and inputs; some FP8 models call it ``weight_scale_inv``.

compressed-tensors ("float-quantized", "int-quantized", as SmoothQuant models are stored), FBGEMM, ModelOpt and the FP8
of transformers agree in this. Scales of activations are not used: activations stay as exact as the runtime keeps them.
"""

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model import fp8
from engines.model.block_types import BLOCK_TYPES
from engines.model.formats.quantization import Quantization
from engines.model.tensor_files import TensorFiles
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Float

_IN_BLOCKS = next(kind for kind in BLOCK_TYPES.values() if kind.name == "Q8_0")  # groups of 32 with a float16 scale
_LEAST_SCALE, _LARGEST_SCALE = 2.0**-14, 65504.0  # that float16 holds with all of its digits


def load(
    files: TensorFiles, name: str, quantization: Quantization, shape: tuple[int, int], bias: Float | None
) -> DenseLinear | BlockLinear:
    weight = files.take(f"{name}.weight", shape)
    scale = scale_of(files, name, shape, quantization.block)
    if files.dtype(f"{name}.weight") == "F8_E4M3":
        return DenseLinear(_spread(scale, shape, quantization.block) * fp8.decode(weight.astype(np.uint8)), bias)
    if files.dtype(f"{name}.weight") != "I8":
        raise UnsupportedModel(
            f"{name} is stored as {files.dtype(f'{name}.weight')}.", "Use a model in FP8 (E4M3) or INT8."
        )
    if scale.shape == (shape[0], 1) and (in_blocks := _in_blocks(weight.astype(np.int8), scale)) is not None:
        return BlockLinear(in_blocks, bias)
    return DenseLinear(_spread(scale, shape, quantization.block) * weight.astype(np.float32), bias)


def store(name: str, codes: NDArray[np.generic], scale: Float) -> dict[str, NDArray[np.generic]]:
    """The tensors of one layer; ``scale`` [out, 1]."""
    return {f"{name}.weight": codes, f"{name}.weight_scale": scale}


def scale_of(files: TensorFiles, name: str, shape: tuple[int, int], block: tuple[int, int] | None = None) -> Float:
    """[out, 1], or with a block [blocks of outputs, blocks of inputs]."""
    found = next((key for key in ("weight_scale", "weight_scale_inv") if f"{name}.{key}" in files), "weight_scale")
    scale = files[f"{name}.{found}"].astype(np.float32)
    out, inputs = shape
    if block is not None:
        return np.asarray(files.take(f"{name}.{found}", (-(-out // block[0]), -(-inputs // block[1]))), np.float32)
    if scale.size not in (1, out):
        raise UnsupportedModel(
            f"The scales of {name} have the shape {list(scale.shape)}.", "Use a model with a scale for each channel."
        )
    return np.broadcast_to(scale.reshape(-1, 1), (out, 1))


def _spread(scale: Float, shape: tuple[int, int], block: tuple[int, int] | None) -> Float:
    if block is None:
        return scale
    return np.repeat(np.repeat(scale, block[0], 0)[: shape[0]], block[1], 1)[:, : shape[1]]


def _in_blocks(weight: NDArray[np.int8], scale: Float) -> BlockRows | None:
    """As runtimes have kernels for; None where that would not be exact."""
    half = scale.astype(np.float16)
    exact = (half == scale).all() and (scale >= _LEAST_SCALE).all() and (scale <= _LARGEST_SCALE).all()
    out, inputs = weight.shape
    if inputs % _IN_BLOCKS.elements or not exact:
        return None
    count = inputs // _IN_BLOCKS.elements
    data = np.empty((out, count, _IN_BLOCKS.size), np.uint8)
    data[:, :, :2] = half.view(np.uint8).reshape(out, 1, 2)
    data[:, :, 2:] = weight.view(np.uint8).reshape(out, count, -1)
    return BlockRows(_IN_BLOCKS, data.reshape(out, -1))
