"""The configuration of a decoder: the numbers and switches that tell Llama, Mistral, Qwen, Phi-3 and Gemma 2 apart.

``ModelConfig.from_dict`` reads a Hugging Face ``config.json``. Everything else works from the ModelConfig and never
asks for a model's name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.json_file import read_object

Family = Literal["llama", "mistral", "qwen2", "qwen3", "phi3", "gemma2"]

ARCHITECTURES: dict[str, Family] = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "Phi3ForCausalLM": "phi3",
    "Gemma2ForCausalLM": "gemma2",
}

# Far above those of any model that is read.
_LARGEST = {
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 12,
    "num_key_value_heads": 1 << 12,
    "hidden_size": 1 << 18,
    "head_dim": 1 << 14,
    "intermediate_size": 1 << 20,
    "vocab_size": 1 << 24,
    "max_position_embeddings": 1 << 24,
}
_REMEDY = "Download the model again."


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary position embedding. ``inverse_frequencies`` [rotary_dim / 2] are radians a position; queries and keys are
    multiplied by ``magnitude`` as well (LongRoPE, YaRN; 1 otherwise).

    LongRoPE (Phi-3) has two sets: ``long_inverse_frequencies`` hold where the context exceeds ``original_context``.
    """

    rotary_dim: int
    inverse_frequencies: tuple[float, ...]
    long_inverse_frequencies: tuple[float, ...] | None = None
    original_context: int = 0
    magnitude: float = 1.0

    def tables(self, positions: int, context: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosine and sine [positions, rotary_dim / 2] for a model that is to serve contexts up to ``context``."""
        use_long = self.long_inverse_frequencies is not None and context > self.original_context
        frequencies = self.long_inverse_frequencies if use_long else self.inverse_frequencies
        angles = np.arange(positions, dtype=np.float64)[:, None] * np.asarray(frequencies, dtype=np.float64)
        return (np.cos(angles) * self.magnitude).astype(np.float32), (np.sin(angles) * self.magnitude).astype(
            np.float32
        )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes count elements. ``sliding_window`` tokens are visible in the layers that ``sliding_layers`` marks, the
    token itself included. ``norm_offset`` is added to every norm weight (1 in Gemma). ``post_norms``: Gemma 2
    normalises the outputs of attention and MLP as well."""

    family: Family
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    norm_eps: float
    rope: RopeConfig
    max_context: int
    activation: Literal["silu", "gelu_tanh"]
    tie_embeddings: bool
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    sliding_window: int | None
    sliding_layers: tuple[bool, ...]
    embedding_scale: float
    attention_scale: float
    attention_softcap: float | None
    logit_softcap: float | None
    norm_offset: float
    post_norms: bool
    bos_id: int | None
    eos_ids: tuple[int, ...]

    @property
    def q_size(self) -> int:
        return self.num_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.num_kv_heads * self.head_dim

    def linear_shape(self, name: str) -> tuple[int, int]:
        """[out, in] of a layer's projection: q, k, v, o, gate, up or down."""
        hidden, inner = self.hidden_size, self.intermediate_size
        return {
            "q": (self.q_size, hidden),
            "k": (self.kv_size, hidden),
            "v": (self.kv_size, hidden),
            "o": (hidden, self.q_size),
            "gate": (inner, hidden),
            "up": (inner, hidden),
            "down": (hidden, inner),
        }[name]

    @classmethod
    def from_folder(cls, folder: Path) -> "ModelConfig":
        """Reads ``config.json``. Raises CheckpointError where it is missing or no JSON."""
        path = folder / "config.json"
        if not path.exists():
            raise CheckpointError(f"{path} is missing.", "Name a folder with a Hugging Face model.")
        return cls.from_dict(read_object(path))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "ModelConfig":
        """Raises UnsupportedModel for an architecture or variant that is not read, CheckpointError for a setting that
        is lost, no number, or larger than that of any model."""
        names = settings.get("architectures")
        name = str(names[0]) if isinstance(names, list) and names else "(none)"
        family = ARCHITECTURES.get(name)
        if family is None:
            raise UnsupportedModel(
                f"The architecture {name[:64]!r} is not supported.", f"Use one of {', '.join(sorted(ARCHITECTURES))}."
            )
        for key, most in _LARGEST.items():
            _check_size(settings, key, most)
        try:
            return _model_config(family, settings)
        except KeyError as error:
            raise CheckpointError(f"config.json has no {error}.", _REMEDY) from error
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise CheckpointError(f"A setting in config.json is not what it should be: {error}.", _REMEDY) from error


def _check_size(settings: Mapping[str, Any], key: str, most: int) -> None:
    """A size that is there must be one: no room is made for what no model has."""
    value = settings.get(key)
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise CheckpointError(f"{key} in config.json is {str(value)[:40]!r}.", _REMEDY)


def _model_config(family: Family, settings: Mapping[str, Any]) -> ModelConfig:
    heads = int(settings["num_attention_heads"])
    hidden, layers = int(settings["hidden_size"]), int(settings["num_hidden_layers"])
    head_dim = int(settings.get("head_dim") or hidden // heads)
    gemma = family == "gemma2"
    window, sliding = _sliding(family, settings, layers)
    scale_base = float(settings.get("query_pre_attn_scalar", head_dim)) if gemma else float(head_dim)
    eos = settings.get("eos_token_id")
    return ModelConfig(
        family=family,
        vocab_size=int(settings["vocab_size"]),
        hidden_size=hidden,
        intermediate_size=int(settings["intermediate_size"]),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=int(settings.get("num_key_value_heads") or heads),
        head_dim=head_dim,
        norm_eps=float(settings["rms_norm_eps"]),
        rope=_rope(settings, head_dim),
        max_context=int(settings["max_position_embeddings"]),
        activation=_activation(settings),
        tie_embeddings=bool(settings.get("tie_word_embeddings", gemma)),
        qkv_bias=family == "qwen2" or bool(settings.get("attention_bias", False)),
        output_bias=family in ("llama", "gemma2", "qwen3") and bool(settings.get("attention_bias", False)),
        mlp_bias=bool(settings.get("mlp_bias", False)),
        qk_norm=family == "qwen3",
        sliding_window=window,
        sliding_layers=sliding,
        embedding_scale=math.sqrt(hidden) if gemma else 1.0,
        attention_scale=scale_base**-0.5,
        attention_softcap=settings.get("attn_logit_softcapping") if gemma else None,
        logit_softcap=settings.get("final_logit_softcapping") if gemma else None,
        norm_offset=float(settings.get("norm_offset", 1.0 if gemma else 0.0)),
        post_norms=gemma,
        bos_id=settings.get("bos_token_id"),
        eos_ids=tuple(eos) if isinstance(eos, list) else () if eos is None else (int(eos),),
    )


def _activation(settings: Mapping[str, Any]) -> Literal["silu", "gelu_tanh"]:
    name = settings.get("hidden_activation") or settings.get("hidden_act", "silu")
    if name == "silu":
        return "silu"
    if name in ("gelu_pytorch_tanh", "gelu_new"):
        return "gelu_tanh"
    raise UnsupportedModel(f"The activation {name} is not supported.", "Use a model with silu or tanh-gelu.")


def _sliding(family: Family, settings: Mapping[str, Any], layers: int) -> tuple[int | None, tuple[bool, ...]]:
    window = settings.get("sliding_window")
    if family in ("qwen2", "qwen3") and not settings.get("use_sliding_window", False):
        window = None
    if window is None:
        return None, (False,) * layers
    if kinds := settings.get("layer_types"):
        return int(window), tuple(kind == "sliding_attention" for kind in kinds)
    if family == "gemma2":
        return int(window), tuple(layer % 2 == 0 for layer in range(layers))
    first = int(settings.get("max_window_layers", 0)) if family in ("qwen2", "qwen3") else 0
    return int(window), tuple(layer >= first for layer in range(layers))


def _rope(settings: Mapping[str, Any], head_dim: int) -> RopeConfig:
    # transformers 5 writes one "rope_parameters" object, earlier versions rope_theta and rope_scaling.
    parameters = settings.get("rope_parameters") or {}
    scaling = parameters if parameters else (settings.get("rope_scaling") or {})
    theta = float(parameters.get("rope_theta") or settings.get("rope_theta") or 10000.0)
    partial = parameters.get("partial_rotary_factor") or settings.get("partial_rotary_factor") or 1.0
    rotary_dim = int(head_dim * float(partial))
    exponents = np.arange(0, rotary_dim, 2, dtype=np.float64) / rotary_dim
    base = theta**-exponents
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    if kind == "default":
        return RopeConfig(rotary_dim, tuple(base.tolist()))
    if kind == "linear":
        return RopeConfig(rotary_dim, tuple((base / float(scaling["factor"])).tolist()))
    if kind == "llama3":
        return RopeConfig(rotary_dim, tuple(_llama3(base, scaling).tolist()))
    if kind in ("longrope", "su"):
        return _longrope(settings, scaling, base, rotary_dim)
    raise UnsupportedModel(f"The rotary scaling {kind} is not supported.", "Use a model with llama3 or linear scaling.")


def _llama3(base: NDArray[np.float64], scaling: Mapping[str, Any]) -> NDArray[np.float64]:
    """Llama 3.1: low frequencies are divided by ``factor``, high ones kept, those between interpolated."""
    factor, low, high = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    turns = float(scaling["original_max_position_embeddings"]) * base / (2 * math.pi)
    blend = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return np.asarray((1 - blend) * base / factor + blend * base, dtype=np.float64)


def _longrope(
    settings: Mapping[str, Any], scaling: Mapping[str, Any], base: NDArray[np.float64], rotary_dim: int
) -> RopeConfig:
    """Phi-3: each frequency has a divisor of its own, one set for short and one for long contexts."""
    original = int(scaling.get("original_max_position_embeddings") or settings["original_max_position_embeddings"])
    extension = float(scaling.get("factor") or int(settings["max_position_embeddings"]) / original)
    magnitude = scaling.get("attention_factor")
    if magnitude is None:
        magnitude = math.sqrt(1 + math.log(extension) / math.log(original)) if extension > 1 else 1.0
    short, long = (np.asarray(scaling[key], dtype=np.float64) for key in ("short_factor", "long_factor"))
    return RopeConfig(
        rotary_dim,
        tuple((base / short).tolist()),
        tuple((base / long).tolist()),
        original,
        float(magnitude),
    )
