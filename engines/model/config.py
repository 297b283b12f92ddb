"""The configuration of a decoder: the numbers and switches that tell Llama, Qwen, Gemma and the other families apart.

``ModelConfig.from_dict`` reads a Hugging Face ``config.json``. Everything else works from the ModelConfig and never
asks for a model's name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.experts_config import ExpertsConfig, read_experts
from engines.model.families import ARCHITECTURES, TEXT_PARTS, Family
from engines.model.json_file import read_object
from engines.model.rope_config import RopeConfig, read_local_rope, read_rope
from engines.model.text_part import text_settings

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
    "num_local_experts": 1 << 10,
    "num_experts": 1 << 10,
    "num_experts_per_tok": 1 << 6,
    "moe_intermediate_size": 1 << 20,
}
_REMEDY = "Download the model again."
_WHOLE_EVERY = {"gemma2": 2, "gemma3": 6}  # layers, of which the last sees the whole context
_NO_ROPE_EVERY = 4  # layers, of which the last is not rotated


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes count elements. ``sliding_window`` tokens are visible in the layers that ``sliding_layers`` marks, the
    token itself included. ``norm_offset`` is added to every norm weight (1 in Gemma). ``pre_norms`` stand in front of
    attention and MLP (not in OLMo 2), ``post_norms`` behind them (OLMo 2, Gemma). ``qk_norm`` normalises each head's
    queries and keys, with ``qk_norm_whole`` those of all heads at once (OLMo 2). The layers that ``second_rope_layers``
    marks are rotated by ``second_rope``: Gemma 3's with a sliding window by another base, some of SmolLM3's not at all.
    The last norm's weights are divided by ``logit_divisor``. Some layers may hold ``experts`` in place of one MLP."""

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
    pre_norms: bool = True
    qk_norm_whole: bool = False
    second_rope: RopeConfig | None = None
    second_rope_layers: tuple[bool, ...] = ()
    logit_divisor: float = 1.0
    experts: ExpertsConfig | None = None

    @property
    def q_size(self) -> int:
        return self.num_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.num_kv_heads * self.head_dim

    def rope_of(self, layer: int) -> RopeConfig:
        """How a layer's queries and keys are rotated."""
        second = self.second_rope is not None and self.second_rope_layers[layer]
        return self.second_rope if second and self.second_rope is not None else self.rope

    def experts_of(self, layer: int) -> ExpertsConfig | None:
        """None for a layer with one MLP, which every token passes."""
        return self.experts if self.experts is not None and self.experts.layers[layer] else None

    def for_processors_alone(self, *, mixtures: bool = False) -> tuple[str, ...]:
        """What the model has that a runtime for cards does not compute, in words for a person; ``mixtures``: one that
        takes mixtures of experts."""
        parts = {
            "layers that are rotated differently": self.second_rope is not None,
            "no norms in front of attention and MLP": not self.pre_norms,
            "queries and keys normalised over all heads": self.qk_norm_whole,
            "a mixture of experts": self.experts is not None and not mixtures,
        }
        return tuple(words for words, present in parts.items() if present)

    def linear_shape(self, name: str) -> tuple[int, int]:
        """[out, in] of a layer's projection: q, k, v, o, gate, up or down."""
        return self._shape(name, self.intermediate_size)

    def expert_shape(self, name: str) -> tuple[int, int]:
        """[out, in] of an expert's gate, up or down."""
        assert self.experts is not None, "this model has no experts"
        return self._shape(name, self.experts.inner_size)

    def layer_shapes(self, layer: int) -> list[tuple[int, int]]:
        """[out, in] of all matrices of a layer."""
        attention = [self.linear_shape(name) for name in ("q", "k", "v", "o")]
        inner = ("gate", "up", "down")
        if (experts := self.experts_of(layer)) is None:
            return attention + [self.linear_shape(name) for name in inner]
        return [*attention, (experts.count, self.hidden_size), *experts.count * [self.expert_shape(n) for n in inner]]

    def _shape(self, name: str, inner: int) -> tuple[int, int]:
        hidden = self.hidden_size
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
        settings = text_settings(settings)
        names = settings.get("architectures")
        name = str(names[0]) if isinstance(names, list) and names else "(none)"
        family = ARCHITECTURES.get(name)
        if family is None:
            raise UnsupportedModel(
                f"The architecture {name[:64]!r} is not supported.",
                f"Use one of {', '.join(sorted([*ARCHITECTURES, *TEXT_PARTS]))}.",
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
    gemma = family in ("gemma2", "gemma3")
    window, sliding = _sliding(family, settings, layers)
    second_rope, second_rope_layers = _second_rope(family, settings, head_dim, sliding)
    scales = _scales(family, settings, hidden, head_dim)
    eos = settings.get("eos_token_id")
    biases = bool(settings.get("attention_bias", False))
    mixture = family in ("mixtral", "qwen3_moe")
    return ModelConfig(
        family=family,
        vocab_size=int(settings["vocab_size"]),
        hidden_size=hidden,
        intermediate_size=int(settings["intermediate_size"]),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=int(settings.get("num_key_value_heads") or heads),
        head_dim=head_dim,
        norm_eps=float(settings["rms_norm_eps"]) / scales.residual**2,
        rope=read_rope(settings, head_dim),
        max_context=int(settings["max_position_embeddings"]),
        activation=_activation(settings),
        tie_embeddings=bool(settings.get("tie_word_embeddings", gemma or family == "smollm3")),
        qkv_bias=family == "qwen2" or biases,
        output_bias=biases and family not in ("mistral", "qwen2", "phi3"),
        mlp_bias=bool(settings.get("mlp_bias", False)),
        qk_norm=family in ("qwen3", "qwen3_moe", "gemma3", "olmo2"),
        sliding_window=window,
        sliding_layers=sliding,
        embedding_scale=scales.embedding / scales.residual,
        attention_scale=scales.attention,
        attention_softcap=settings.get("attn_logit_softcapping") if gemma else None,
        logit_softcap=settings.get("final_logit_softcapping") if gemma else None,
        norm_offset=float(settings.get("norm_offset", 1.0 if gemma else 0.0)),
        post_norms=gemma or family == "olmo2",
        bos_id=settings.get("bos_token_id"),
        eos_ids=tuple(eos) if isinstance(eos, list) else () if eos is None else (int(eos),),
        pre_norms=family != "olmo2",
        qk_norm_whole=family == "olmo2",
        second_rope=second_rope,
        second_rope_layers=second_rope_layers,
        logit_divisor=scales.logits,
        experts=read_experts(settings, layers) if mixture else None,
    )


class _Scales(NamedTuple):
    """What embeddings, attention's scores and the outputs of attention and MLP are multiplied by, and what logits are
    divided by.

    Docent's residual stream is the model's divided by ``residual``: so nothing is multiplied within the layers, since
    norms take the factor out again if their epsilon is divided by its square."""

    embedding: float = 1.0
    attention: float = 1.0
    residual: float = 1.0
    logits: float = 1.0


def _scales(family: Family, settings: Mapping[str, Any], hidden: int, head_dim: int) -> _Scales:
    if family == "granite":
        names = ("embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling")
        found = _Scales(*(float(settings.get(name, 1.0)) for name in names))
        if not all(math.isfinite(scale) and scale > 0 for scale in found):
            raise CheckpointError(f"config.json has a multiplier among {list(found)}.", _REMEDY)
        return found
    if family in ("gemma2", "gemma3"):
        return _Scales(math.sqrt(hidden), float(settings.get("query_pre_attn_scalar", head_dim)) ** -0.5)
    return _Scales(attention=head_dim**-0.5)


def _second_rope(
    family: Family, settings: Mapping[str, Any], head_dim: int, sliding: tuple[bool, ...]
) -> tuple[RopeConfig | None, tuple[bool, ...]]:
    if family == "gemma3":
        return read_local_rope(settings, head_dim), sliding
    if family == "smollm3":
        layers, step = len(sliding), int(settings.get("no_rope_layer_interval") or _NO_ROPE_EVERY)
        rotated = settings.get("no_rope_layers") or [(layer + 1) % step != 0 for layer in range(layers)]
        if len(rotated) != layers:
            raise CheckpointError(f"no_rope_layers in config.json is not {layers} long.", _REMEDY)
        return read_rope(settings, head_dim).still, tuple(not one for one in rotated)
    return None, ()


def _activation(settings: Mapping[str, Any]) -> Literal["silu", "gelu_tanh"]:
    name = settings.get("hidden_activation") or settings.get("hidden_act", "silu")
    if name == "silu":
        return "silu"
    if name in ("gelu_pytorch_tanh", "gelu_new"):
        return "gelu_tanh"
    raise UnsupportedModel(f"The activation {name} is not supported.", "Use a model with silu or tanh-gelu.")


def _sliding(family: Family, settings: Mapping[str, Any], layers: int) -> tuple[int | None, tuple[bool, ...]]:
    window = settings.get("sliding_window")
    if family in ("qwen2", "qwen3", "qwen3_moe", "smollm3") and not settings.get("use_sliding_window", False):
        window = None
    if window is None:
        return None, (False,) * layers
    if kinds := settings.get("layer_types"):
        return int(window), tuple(kind == "sliding_attention" for kind in kinds)
    if family in ("gemma2", "gemma3"):
        every = int(settings.get("sliding_window_pattern") or _WHOLE_EVERY[family])
        return int(window), tuple((layer + 1) % every != 0 for layer in range(layers))
    first = int(settings.get("max_window_layers", 0)) if family in ("qwen2", "qwen3") else 0
    return int(window), tuple(layer >= first for layer in range(layers))
