"""GGUF files of tiny models, written by the format's own library, named and ordered as llama.cpp has them."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engines.small_tokenizer import EOS, small_tokenizer

gguf = pytest.importorskip("gguf", reason="GGUF files are written by gguf: pip install -e .[oracle]")

ROUNDED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")  # that the library can make of floats
RANDOM = ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS")
ARCHITECTURES = {
    "Llama": "llama",
    "Mistral": "llama",
    "Qwen2": "qwen2",
    "Qwen3": "qwen3",
    "Phi3": "phi3",
    "Gemma2": "gemma2",
    "Gemma3": "gemma3",
    "SmolLM3": "smollm3",
    "Granite": "granite",
    "Olmo2": "olmo2",
    "Mixtral": "llama",
    "Qwen3Moe": "qwen3moe",
}
_PAIRED = ("llama", "smollm3", "granite")  # whose rotated pairs are stored side by side
# Where a block's float16 factors stand.
_HALVES = {
    "Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,), "IQ4_XS": (0,),
    "Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,),
}  # fmt: skip


def random_blocks(kind: str, rows: int, inputs: int, seed: int = 0, size: float = 1.0) -> NDArray[np.uint8]:
    """Rows [rows, bytes] of a type: any integers, and factors below ``size`` times what makes weights of about 1."""
    elements, width = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (rows, inputs // elements, width), np.uint8)
    largest = np.abs(gguf.dequantize(_with_factors(blocks, kind, np.float16(1)).reshape(rows, -1), _type(kind))).max()
    factors = (rng.uniform(0.2, 1, (rows, inputs // elements, len(_HALVES[kind]))) * size / largest).astype(np.float16)
    return _with_factors(blocks, kind, factors).reshape(rows, -1)


def _with_factors(blocks: NDArray[np.uint8], kind: str, factors: Any) -> NDArray[np.uint8]:
    halves = np.broadcast_to(factors, (*blocks.shape[:2], len(_HALVES[kind])))
    changed = blocks.copy()
    for i, at in enumerate(_HALVES[kind]):
        changed[:, :, at : at + 2] = np.ascontiguousarray(halves[:, :, i : i + 1]).view(np.uint8)
    return changed


def _type(kind: str) -> Any:
    return gguf.GGMLQuantizationType[kind]


def write_model(
    model: Any, path: Path, kind: str = "F32", table: str = "F32", others: Mapping[str, str] = MappingProxyType({})
) -> None:
    """A model of transformers as GGUF, its projections of one type, its embedding and output layer of another, single
    tensors of the types in ``others``, by their names.

    The model's weights become what the file holds, so that both compute the same."""
    config = model.config
    name = config.architectures[0].removesuffix("ForCausalLM") if config.architectures else ""
    name = name or type(model).__name__.removesuffix("ForCausalLM")
    writer = gguf.GGUFWriter(path, ARCHITECTURES[name])
    _describe(writer, config, name)
    _vocabulary(writer)
    names = gguf.get_tensor_name_map(_architecture(name), config.num_hidden_layers)
    weights = _apart(model.state_dict())
    for at, tensor in weights.items():
        if at == "lm_head.weight" and config.tie_word_embeddings:
            continue
        own = others.get(at) or (kind if "_proj.weight" in at else table if at in _TABLES else "F32")
        stored, lossy = _stored(_ordered(tensor.numpy(), at, config, name), own)
        inner = names.get_name(at, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(inner, stored, raw_dtype=None if own in ("F32", "F16") else _type(own))
        tensor.copy_(tensor.new_tensor(_ordered_back(lossy, at, config, name)))
    for inner, factors in _rope_factors(config).items():
        writer.add_tensor(inner, factors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _apart(weights: dict[str, Any]) -> dict[str, Any]:
    """Gates and ups of experts as two tensors, which share memory with the model's one."""
    parts = {}
    for name, tensor in weights.items():
        stem, _, last = name.rpartition(".")
        if last == "gate_up_proj":
            gate, up = tensor.chunk(2, dim=1)
            parts |= {f"{stem}.gate_proj.weight": gate, f"{stem}.up_proj.weight": up}
        else:
            parts[f"{name}.weight" if last == "down_proj" else name] = tensor
    return parts


_TABLES = ("model.embed_tokens.weight", "lm_head.weight")


def _architecture(name: str) -> Any:
    return gguf.MODEL_ARCH[ARCHITECTURES[name].upper()]


def _stored(weight: NDArray[np.float32], kind: str) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """As it is written, and what it is worth."""
    if kind == "F32":
        return weight, weight
    if kind == "F16":
        return weight.astype(np.float16), weight.astype(np.float16).astype(np.float32)
    if kind in RANDOM:
        raw = random_blocks(kind, weight.size // weight.shape[-1], weight.shape[-1], seed=weight.size % 97, size=0.2)
        raw = raw.reshape(*weight.shape[:-1], -1)
    else:
        raw = gguf.quantize(weight, _type(kind))
    return raw, gguf.dequantize(raw, _type(kind))


def _ordered(weight: NDArray[np.float32], name: str, config: Any, family: str) -> NDArray[np.float32]:
    """As llama.cpp's converter stores it: rotated pairs side by side, Gemma's norms with their 1."""
    heads = _heads(name, config, family)
    if heads:
        shape = weight.shape
        return weight.reshape(heads, 2, -1, *shape[1:]).swapaxes(1, 2).reshape(shape)
    return weight + 1 if family.startswith("Gemma") and "norm" in name else weight


def _ordered_back(weight: NDArray[np.float32], name: str, config: Any, family: str) -> NDArray[np.float32]:
    heads = _heads(name, config, family)
    if heads:
        shape = weight.shape
        return weight.reshape(heads, -1, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
    return weight - 1 if family.startswith("Gemma") and "norm" in name else weight


def _heads(name: str, config: Any, family: str) -> int:
    if ARCHITECTURES[family] not in _PAIRED or "_norm" in name:
        return 0
    return config.num_attention_heads if "q_proj" in name else config.num_key_value_heads if "k_proj" in name else 0


def _describe(writer: Any, config: Any, name: str) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if name in ("Mixtral", "Qwen3Moe"):
        writer.add_expert_count(config.num_local_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if name == "Qwen3Moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    rope = _rope(config)
    writer.add_rope_freq_base(rope["rope_theta"])
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
    if getattr(config, "sliding_window", None) and name in ("Phi3", "Gemma2", "Gemma3"):
        writer.add_sliding_window(config.sliding_window)
    if name == "Gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if name == "Gemma3" and config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if name == "Granite":
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if rope["rope_type"] in ("longrope", "yarn"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn" and rope.get("attention_factor"):  # a factor on top of YaRN's own
        writer.add_rope_scaling_attn_factors(rope["attention_factor"] / (1 + 0.1 * math.log(rope["factor"])))


def _rope(config: Any) -> dict[str, Any]:
    """That of the layers that see the whole context."""
    found: dict[str, Any] = config.rope_parameters.get("full_attention", config.rope_parameters)
    return found


def _rope_factors(config: Any) -> dict[str, NDArray[np.float32]]:
    rope = _rope(config)
    if rope["rope_type"] == "longrope":
        return {
            f"rope_factors_{name}.weight": np.array(rope[f"{name}_factor"], np.float32) for name in ("long", "short")
        }
    if rope["rope_type"] != "llama3":
        return {}
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    factors = []
    for i in range(0, head_dim, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (i / head_dim)
        turns = rope["original_max_position_embeddings"] / wave
        low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
        smooth = (turns - low) / (high - low)
        inner = 1 / ((1 - smooth) / factor + smooth)
        factors.append(1.0 if turns > high else factor if turns < low else inner)
    return {"rope_freqs.weight": np.array(factors, np.float32)}


def _vocabulary(writer: Any) -> None:
    """That of the small tokenizer."""
    tokenizer = small_tokenizer()
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    merges = [" ".join(pair) for pair in _merges(tokenizer)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([text for text, _ in vocabulary])
    writer.add_token_types([3 if number in special else 1 for _, number in vocabulary])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokenizer.token_to_id(EOS))


def _merges(tokenizer: Any) -> list[list[str]]:
    found: list[list[str]] = json.loads(tokenizer.to_str())["model"]["merges"]
    return found
