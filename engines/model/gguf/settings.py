"""Translates a GGUF file's metadata to the config.json that a model of Hugging Face has."""

import math
from collections.abc import Mapping
from typing import Any

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.families import GGUF_ARCHITECTURES
from engines.model.gguf.file import GgufFile, Value

_KEYS = {
    "num_hidden_layers": "block_count",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "max_position_embeddings": "context_length",
}
_GEMMA_27B_LAYERS = {"gemma2": 46, "gemma3": 62}  # the two Gemmas whose queries are not scaled by the size of a head
_MIXTURES = {"llama": "MixtralForCausalLM", "qwen3moe": "Qwen3MoeForCausalLM"}
# Multipliers of Granite, which llama.cpp calls scales.
_GRANITE = {
    "embedding_multiplier": "embedding_scale",
    "attention_multiplier": "attention.scale",
    "residual_multiplier": "residual_scale",
    "logits_scaling": "logit_scale",
}
# Of YaRN.
_YARN = {
    "beta_fast": "rope.scaling.yarn_beta_fast",
    "beta_slow": "rope.scaling.yarn_beta_slow",
}


def read_settings(file: GgufFile) -> dict[str, Any]:
    """What ``ModelConfig.from_dict`` takes. Raises UnsupportedModel for an architecture that is not read, and
    CheckpointError where a setting is missing or not what it should be."""
    architecture = file.metadata.get("general.architecture")
    if architecture not in GGUF_ARCHITECTURES:
        raise UnsupportedModel(
            f"{file.path.name} is a model of the architecture {str(architecture)[:40]!r}, which is not supported.",
            f"Use one of {', '.join(sorted(GGUF_ARCHITECTURES))}.",
        )
    values = _Values(file, str(architecture))
    settings: dict[str, Any] = {key: values.number(name) for key, name in _KEYS.items()}
    heads, hidden = settings["num_attention_heads"], settings["hidden_size"]
    head_dim = values.number("attention.key_length", hidden // heads if heads else 0)
    settings |= {
        "architectures": [GGUF_ARCHITECTURES[str(architecture)]],
        "num_key_value_heads": values.number("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "vocab_size": file.tensor("token_embd.weight").shape[0],
        "rope_theta": values.number("rope.freq_base", 10000.0),
        "partial_rotary_factor": values.number("rope.dimension_count", head_dim) / head_dim if head_dim else 1.0,
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in file.tensors,
        "bos_token_id": file.metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": file.metadata.get("tokenizer.ggml.eos_token_id"),
    }
    if (window := values.optional("attention.sliding_window")) is not None:
        settings["sliding_window"] = window
    if architecture in _GEMMA_27B_LAYERS:
        settings |= _gemma(str(architecture), values, settings)
    if experts := values.optional("expert_count"):
        settings |= _experts(str(architecture), experts, values, settings)
    if architecture == "granite":
        settings |= {name: values.number(key, 1.0) for name, key in _GRANITE.items()}
    if scaling := _rope_scaling(values, settings):
        settings["rope_scaling"] = scaling
    return settings


def _experts(architecture: str, count: float, values: "_Values", settings: Mapping[str, Any]) -> dict[str, Any]:
    """Mixtral's files call themselves llama."""
    if architecture not in _MIXTURES:
        raise UnsupportedModel(
            f"The model is a mixture of {count} experts of the architecture {architecture!r}, which is not supported.",
            "Use Mixtral, a Qwen 3 MoE or a model without experts.",
        )
    return {
        "architectures": [_MIXTURES[architecture]],
        "num_local_experts": count,
        "num_experts_per_tok": values.number("expert_used_count"),
        "moe_intermediate_size": values.number("expert_feed_forward_length", settings["intermediate_size"]),
        "norm_topk_prob": True,  # of both, as llama.cpp has it
    }


def _gemma(architecture: str, values: "_Values", settings: Mapping[str, Any]) -> dict[str, Any]:
    head_dim = settings["head_dim"]
    if settings["num_hidden_layers"] == _GEMMA_27B_LAYERS[architecture]:
        head_dim = settings["hidden_size"] // settings["num_attention_heads"]
    found = {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": head_dim,
        "attn_logit_softcapping": values.optional("attn_logit_softcapping"),
        "final_logit_softcapping": values.optional("final_logit_softcapping"),
        "norm_offset": 0.0,  # the file's norms have it in them
    }
    if (local := values.optional("rope.freq_base_swa")) is not None:
        found["rope_local_base_freq"] = local
    return found


def _rope_scaling(values: "_Values", settings: Mapping[str, Any]) -> dict[str, Any] | None:
    original = values.optional("rope.scaling.original_context_length")
    if (factors := values.factors("rope_freqs.weight")) is not None:  # Llama 3, its divisors worked out
        return {
            "rope_type": "longrope",
            "short_factor": factors,
            "long_factor": factors,
            "original_max_position_embeddings": settings["max_position_embeddings"],
            "attention_factor": 1.0,
        }
    long, short = (values.factors(f"rope_factors_{name}.weight") for name in ("long", "short"))
    if long is not None and short is not None:
        scaling = {
            "rope_type": "longrope",
            "short_factor": short,
            "long_factor": long,
            "original_max_position_embeddings": original or settings["max_position_embeddings"],
        }
        magnitude = values.optional("rope.scaling.attn_factor")
        return scaling if magnitude is None else scaling | {"attention_factor": magnitude}
    kind = values.text("rope.scaling.type", "none")
    factor = values.optional("rope.scaling.factor")
    if kind == "none" or factor is None:
        return None
    scaling = {"rope_type": kind, "factor": factor}
    if original is not None:
        scaling["original_max_position_embeddings"] = original
    if kind == "yarn":
        scaling |= {name: found for name, key in _YARN.items() if (found := values.optional(key)) is not None}
        if (further := values.optional("rope.scaling.attn_factor")) is not None:
            # llama.cpp multiplies YaRN's own magnitude by it (llama_context's yarn_attn_factor, ggml's rope_yarn).
            scaling["attention_factor"] = further * (0.1 * math.log(factor) + 1 if factor > 1 else 1)
    return scaling


class _Values:
    """An architecture's settings by name."""

    def __init__(self, file: GgufFile, architecture: str) -> None:
        self._file, self._architecture = file, architecture

    def optional(self, name: str) -> int | float | None:
        value = self._get(name)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]  # the same for every layer
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        if isinstance(value, list):
            raise UnsupportedModel(
                f"The layers of {self._file.path.name} differ in {name}, which is not supported.", "Use another model."
            )
        raise CheckpointError(f"{self._architecture}.{name} in {self._file.path} is no number.", "Download it again.")

    def number(self, name: str, default: float | None = None) -> Any:
        value = self.optional(name)
        if value is None:
            value = default
        if value is None or value <= 0:
            problem = "missing" if value is None else value
            raise CheckpointError(
                f"{self._architecture}.{name} in {self._file.path} is {problem}.", "Download it again."
            )
        return value

    def text(self, name: str, default: str) -> str:
        value = self._get(name)
        return value if isinstance(value, str) else default

    def factors(self, tensor: str) -> list[float] | None:
        """A small tensor of float32."""
        if tensor not in self._file.tensors:
            return None
        stored = self._file.tensor(tensor)
        if stored.type.name != "F32" or len(stored.shape) != 1:
            raise CheckpointError(f"{tensor} in {self._file.path} is no list of float32.", "Download it again.")
        numbers: list[float] = stored.data.copy().view("<f4")[0].tolist()
        return numbers

    def _get(self, name: str) -> Value | None:
        return self._file.metadata.get(f"{self._architecture}.{name}")
