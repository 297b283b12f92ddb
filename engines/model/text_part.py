"""Finds the language model in a checkpoint that sees pictures, too: its settings, and the names of its tensors.

What belongs to the pictures is left unread.
"""

import re
from collections.abc import Mapping
from typing import Any

from engines.errors import CheckpointError
from engines.model.families import TEXT_PARTS

# What a published config.json leaves out where it is as transformers has it.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Gemma3ForCausalLM": {
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh",
        "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-6,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
    }
}
_OF_THE_WHOLE = ("bos_token_id", "eos_token_id", "quantization_config")
_TENSOR = re.compile(r"(?:model\.language_model|language_model\.(model|lm_head))\.")


def text_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of the language model: those that are given where there is nothing else."""
    names = settings.get("architectures")
    inner = TEXT_PARTS.get(str(names[0])) if isinstance(names, list) and names else None
    if inner is None:
        return settings
    part = settings.get("text_config")
    if not isinstance(part, Mapping):
        raise CheckpointError("config.json has no text_config.", "Download the model again.")
    tied = {"tie_word_embeddings": settings["tie_word_embeddings"]} if "tie_word_embeddings" in settings else {}
    shared = {name: settings[name] for name in _OF_THE_WHOLE if settings.get(name) is not None}
    return {**_DEFAULTS.get(inner, {}), **tied, **shared, **part, **shared, "architectures": [inner]}


def text_tensor(name: str) -> str:
    """What a tensor of the language model is called where there is nothing else."""
    return _TENSOR.sub(lambda found: f"{found[1] or 'model'}.", name, count=1) if "language_model." in name else name
