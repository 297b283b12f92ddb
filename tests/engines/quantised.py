"""A dense checkpoint written again as an AWQ one."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from engines.model.formats import awq
from engines.model.weights import QuantizedLinear


def quantise(folder: Path, target: Path, *, symmetric: bool, group: int = 32) -> None:
    """An AWQ checkpoint whose values are those of the dense one, rounded."""
    target.mkdir()
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "awq", "bits": 4, "group_size": group, "zero_point": not symmetric, "version": "gemm",
    }  # fmt: skip
    (target / "config.json").write_text(json.dumps(config))
    tensors: dict[str, np.ndarray] = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if "_proj.weight" not in name:
            tensors[name] = weight
            continue
        blocks = weight.reshape(len(weight), -1, group)
        if symmetric:
            scale = (np.abs(blocks).max(-1) / 7).astype(np.float16).astype(np.float32)
            zero = np.full(scale.shape, 8, np.uint8)
        else:
            low, high = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
            scale = ((high - low) / 15).astype(np.float16).astype(np.float32)
            zero = np.clip(np.rint(-low / scale), 0, 15).astype(np.uint8)
        q = np.clip(np.rint(blocks / scale[:, :, None]) + zero[:, :, None], 0, 15).astype(np.uint8)
        linear = QuantizedLinear(q.reshape(weight.shape), scale, zero, group)
        tensors |= awq.store(name.removesuffix(".weight"), linear)
    save_file(tensors, target / "model.safetensors")
