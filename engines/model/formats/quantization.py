"""Reads how a checkpoint is quantised from its config.json or hf_quant_config.json.

Whatever is neither 4-bit nor 8-bit weights is refused by name, so that nothing is silently misread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.json_file import read_object

Format = Literal["dense", "awq", "gptq", "compressed-tensors", "modelopt", "fp8", "int8", "gguf"]


@dataclass(frozen=True, slots=True)
class Quantization:
    """``group`` inputs share a scale. ``zero_plus_one``: GPTQ's first format stores each zero point less one. 8-bit
    weights share scales in ``block`` outputs by inputs, or each output has its own."""

    format: Format
    group: int = 0
    symmetric: bool = False
    zero_plus_one: bool = False
    block: tuple[int, int] | None = None


def read_quantization(folder: Path, config: Mapping[str, Any]) -> Quantization:
    """Raises UnsupportedModel that names method and bits when the weights are neither INT4 in groups nor FP8
    or INT8."""
    settings = config.get("quantization_config")
    beside = folder / "hf_quant_config.json"
    if settings is None and beside.exists():
        settings = {"quant_method": "modelopt", **read_object(beside)}
    if settings is None:
        return Quantization("dense")
    if not isinstance(settings, Mapping):
        raise CheckpointError("quantization_config in config.json is no object.", "Download the model again.")
    method = str(settings.get("quant_method"))
    readers = {
        "awq": _awq,
        "gptq": _gptq,
        "compressed-tensors": _compressed_tensors,
        "modelopt": _modelopt,
        "fp8": _fp8,
        "fbgemm_fp8": _fp8,
    }
    if method not in readers:
        raise UnsupportedModel(
            f"The quantisation {method} is not supported.", f"Use full precision or {', '.join(readers)}."
        )
    try:
        return readers[method](settings)
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise CheckpointError(
            f"The settings of the quantisation {method} are not what they should be: {error!r}.",
            "Download the model again.",
        ) from error


def _awq(settings: Mapping[str, Any]) -> Quantization:
    version = str(settings.get("version", "gemm")).lower()
    if version != "gemm":
        raise UnsupportedModel(f"AWQ in the {version} layout is not supported.", "Use a model in the GEMM layout.")
    _demand_bits("AWQ", settings.get("bits", settings.get("w_bit")))
    group = int(settings.get("group_size", settings.get("q_group_size", 128)))
    return Quantization("awq", group, not settings.get("zero_point", True))


def _gptq(settings: Mapping[str, Any]) -> Quantization:
    _demand_bits("GPTQ", settings.get("bits"))
    first = settings.get("checkpoint_format", "gptq") != "gptq_v2"
    return Quantization("gptq", int(settings["group_size"]), bool(settings.get("sym", True)), zero_plus_one=first)


def _compressed_tensors(settings: Mapping[str, Any]) -> Quantization:
    kind = settings.get("format")
    if kind not in ("pack-quantized", "float-quantized", "int-quantized"):
        raise UnsupportedModel(
            f"compressed-tensors in the format {kind} is not supported.",
            "Use pack-quantized, float-quantized or int-quantized.",
        )
    groups = list(settings.get("config_groups", {}).values())
    if len(groups) != 1:
        raise UnsupportedModel("Several quantisation schemes in one model are not supported.", "Use a uniform one.")
    weights = groups[0]["weights"]
    if kind != "pack-quantized":
        return _eight_bits("fp8" if kind == "float-quantized" else "int8", weights)
    _demand_bits("compressed-tensors", weights.get("num_bits"))
    if groups[0].get("input_activations"):
        raise UnsupportedModel("Quantised activations are not supported.", "Use a model with W4A16.")
    group = weights.get("group_size") or -1
    return Quantization("compressed-tensors", int(group), bool(weights.get("symmetric", True)))


def _modelopt(settings: Mapping[str, Any]) -> Quantization:
    inner = settings.get("quantization", settings)
    algorithm = inner.get("quant_algo")
    if algorithm == "FP8":
        return Quantization("fp8", symmetric=True)
    if algorithm not in ("W4A16_AWQ", "INT4_AWQ"):
        raise UnsupportedModel(f"ModelOpt's {algorithm} is not supported.", "Use a model quantised to INT4 AWQ or FP8.")
    return Quantization("modelopt", int(inner.get("group_size", 128)), symmetric=True)


def _eight_bits(kind: Literal["fp8", "int8"], weights: Mapping[str, Any]) -> Quantization:
    strategy = weights.get("strategy", "channel")
    if weights.get("num_bits") != 8 or not weights.get("symmetric", True):
        raise UnsupportedModel("8-bit weights with zero points are not supported.", "Use a symmetric model.")
    if strategy not in ("tensor", "channel", "block"):
        raise UnsupportedModel(f"8-bit weights with a scale for each {strategy} are not supported.", "Use channels.")
    block = weights.get("block_structure") if strategy == "block" else None
    return Quantization(kind, symmetric=True, block=(int(block[0]), int(block[1])) if block else None)


def _fp8(settings: Mapping[str, Any]) -> Quantization:
    """transformers' and FBGEMM's."""
    block = settings.get("weight_block_size")
    return Quantization("fp8", symmetric=True, block=(int(block[0]), int(block[1])) if block else None)


def _demand_bits(method: str, bits: object) -> None:
    if bits != 4:
        raise UnsupportedModel(f"{method} with {bits} bits is not supported.", "Use a model with 4 bits.")
