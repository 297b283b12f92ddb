"""A dense checkpoint written again as an AWQ one, or in 8 bits."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from engines.model.formats import awq
from engines.model.weights import QuantizedLinear

_PROJECTION = re.compile(r"(_proj|\.w[123])\.weight$")


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
        if not _PROJECTION.search(name):
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


def in_eight_bits(folder: Path, target: Path, kind: str) -> dict[str, Any]:
    """A checkpoint in "fp8" (a scale for each output), "fp8-tensor" (one for all), "fp8-block" or "int8", as torch
    rounds. Returns the weights that it stands for, as torch tensors."""
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    target.mkdir()
    weights = {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}
    settings: dict[str, Any] = {"quant_method": "compressed-tensors", "format": "float-quantized"}
    if kind == "fp8-block":
        settings = {"quant_method": "fp8", "weight_block_size": [_BLOCK, _BLOCK], "activation_scheme": "dynamic"}
    elif kind == "fp8-tensor":
        settings = {"quant_method": "modelopt", "quantization": {"quant_algo": "FP8"}}
    elif kind == "int8":
        settings["format"], weights["type"] = "int-quantized", "int"
    if settings["quant_method"] == "compressed-tensors":
        settings["config_groups"] = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": {}}}
    config = json.loads((folder / "config.json").read_text()) | {"quantization_config": settings}
    (target / "config.json").write_text(json.dumps(config))
    tensors, meant = {}, {}
    for name, weight in load(folder / "model.safetensors").items():
        if "_proj.weight" not in name:
            tensors[name] = weight
            continue
        out, inputs = weight.shape
        if kind == "fp8-block":
            rows, columns = -(-out // _BLOCK), -(-inputs // _BLOCK)
            parts = [
                weight[r * _BLOCK : (r + 1) * _BLOCK, c * _BLOCK : (c + 1) * _BLOCK].abs().max() / 448
                for r in range(rows)
                for c in range(columns)
            ]
            scale = torch.stack(parts).reshape(rows, columns)
            spread = scale.repeat_interleave(_BLOCK, 0)[:out].repeat_interleave(_BLOCK, 1)[:, :inputs]
        else:
            most = weight.abs().max() if kind == "fp8-tensor" else weight.abs().amax(1, keepdim=True)
            scale = most / (127 if kind == "int8" else 448)
            scale = scale.bfloat16() if kind == "int8" else scale
            spread = scale.float()
        kept = (
            (weight / spread).round().clamp(-127, 127).to(torch.int8)
            if kind == "int8"
            else (weight / spread).to(torch.float8_e4m3fn)
        )
        tensors[name] = kept
        tensors[f"{name}_scale_inv" if kind == "fp8-block" else f"{name}_scale"] = scale
        meant[name] = kept.float() * spread
    save(tensors, target / "model.safetensors")
    return meant


_BLOCK = 48
