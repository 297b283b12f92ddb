"""8-bit weights with a scale for each output, and SmoothQuant's way of making INT8 activations possible (Xiao et al.,
2022): channels of the input that are large become smaller, and their weights larger."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.model import fp8
from engines.model.weights import Float
from files import replacing

_STRENGTH = 0.5  # of the input's part in the scale, as published
_LEAST = 1e-5
_COPIED = 16 << 20  # bytes at a time


@dataclass(frozen=True, slots=True)
class EightBit:
    """``codes`` [out, in], int8 or (as uint8) E4M3; ``scale`` float32 [out, 1]."""

    codes: NDArray[np.int8] | NDArray[np.uint8]
    scale: Float


def smoothing_scale(x: Float, weights: Sequence[Float]) -> Float:
    """What weights that read the same ``x`` [rows, in] are multiplied with, and ``x`` divided by; [in]."""
    largest = np.maximum(np.abs(x).max(axis=0), _LEAST)
    weight = np.maximum(np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0), _LEAST)
    return np.asarray(np.maximum(largest**_STRENGTH / weight ** (1 - _STRENGTH), _LEAST), np.float32)


def round_eight_bit(weight: Float, kind: Literal["fp8", "int8"]) -> EightBit:
    """INT8's scales are numbers that float16 has, which runtimes keep them in."""
    most = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.float32(1e-12))
    if kind == "fp8":
        scale = most / np.float32(fp8.LARGEST)
        return EightBit(fp8.encode(weight / scale), scale)
    scale = np.maximum((most / 127).astype(np.float16).astype(np.float32), np.float32(2.0**-14))
    return EightBit(np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale)


def settings_of(kind: Literal["fp8", "int8"]) -> dict[str, Any]:
    """What config.json says of such a model, in the words of compressed-tensors. Whoever computes activations in 8
    bits, too, is told to find their scales token by token."""
    form = {"num_bits": 8, "type": "float" if kind == "fp8" else "int", "symmetric": True}
    return {
        "quant_method": "compressed-tensors",
        "format": "float-quantized" if kind == "fp8" else "int-quantized",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": form | {"strategy": "channel", "dynamic": False},
                "input_activations": form | {"strategy": "token", "dynamic": True},
            }
        },
    }


def call_fp8(path: Path) -> None:
    """Says of the bytes of a safetensors file that they are E4M3, which numpy has no type for."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for entry in header.values():
            if entry.get("dtype") == "U8":
                entry["dtype"] = "F8_E4M3"
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with replacing(path) as changed, changed.open("wb") as target:
            target.write(len(text).to_bytes(8, "little") + text)
            while piece := file.read(_COPIED):
                target.write(piece)
