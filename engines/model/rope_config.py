"""Reads from a model's settings how its queries and keys are rotated, in its layers or in some of them.

Methods of longer contexts: linear (Chen et al., 2023), YaRN (Peng et al., 2023), LongRoPE (Ding et al., 2024) and Llama
3.1's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel

_GEMMA3_GLOBAL, _GEMMA3_LOCAL = 1_000_000.0, 10_000.0  # where a Gemma 3 does not say
_BETA_FAST, _BETA_SLOW = 32, 1  # turns within the original context, YaRN's defaults


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

    @property
    def still(self) -> "RopeConfig":
        """One that turns nothing (NoPE), so that layers without positions need no kernel of their own."""
        return RopeConfig(self.rotary_dim, (0.0,) * len(self.inverse_frequencies))


def read_rope(settings: Mapping[str, Any], head_dim: int) -> RopeConfig:
    """That of all layers, or of those that see the whole context where a model tells two kinds apart. Raises
    UnsupportedModel for a scaling that is not known, KeyError for a lost setting."""
    # transformers 5 writes one "rope_parameters" object, or one for each kind of layer; earlier versions rope_theta
    # and rope_scaling.
    parameters = settings.get("rope_parameters") or {}
    parameters = parameters.get("full_attention", parameters)
    scaling = parameters if parameters else (settings.get("rope_scaling") or {})
    theta = parameters.get("rope_theta") or settings.get("rope_theta")
    if theta is None:
        theta = _GEMMA3_GLOBAL if settings["architectures"][0] == "Gemma3ForCausalLM" else 10_000.0
    partial = parameters.get("partial_rotary_factor") or settings.get("partial_rotary_factor") or 1.0
    return _scaled(settings, scaling, float(theta), int(head_dim * float(partial)))


def read_local_rope(settings: Mapping[str, Any], head_dim: int) -> RopeConfig:
    """That of Gemma 3's layers with a sliding window."""
    parameters = (settings.get("rope_parameters") or {}).get("sliding_attention") or {}
    theta = parameters.get("rope_theta") or settings.get("rope_local_base_freq") or _GEMMA3_LOCAL
    return _scaled(settings, parameters, float(theta), head_dim)


def _scaled(settings: Mapping[str, Any], scaling: Mapping[str, Any], theta: float, rotary_dim: int) -> RopeConfig:
    exponents = np.arange(0, rotary_dim, 2, dtype=np.float64) / rotary_dim
    base = theta**-exponents
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    if kind == "default":
        return RopeConfig(rotary_dim, tuple(base.tolist()))
    if kind == "linear":
        return RopeConfig(rotary_dim, tuple((base / float(scaling["factor"])).tolist()))
    if kind == "llama3":
        return RopeConfig(rotary_dim, tuple(_llama3(base, scaling).tolist()))
    if kind == "yarn":
        return _yarn(settings, scaling, base, theta)
    if kind in ("longrope", "su"):
        return _longrope(settings, scaling, base, rotary_dim)
    raise UnsupportedModel(
        f"The rotary scaling {kind} is not supported.", "Use a model with linear, llama3, yarn or longrope scaling."
    )


def _llama3(base: NDArray[np.float64], scaling: Mapping[str, Any]) -> NDArray[np.float64]:
    """Llama 3.1: low frequencies are divided by ``factor``, high ones kept, those between interpolated."""
    factor, low, high = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    turns = float(scaling["original_max_position_embeddings"]) * base / (2 * math.pi)
    blend = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return np.asarray((1 - blend) * base / factor + blend * base, dtype=np.float64)


def _yarn(
    settings: Mapping[str, Any], scaling: Mapping[str, Any], base: NDArray[np.float64], theta: float
) -> RopeConfig:
    """Dimensions that turn often within the original context are kept, those that turn seldom divided by ``factor``,
    those between interpolated by their number; what is rotated grows with the logarithm of the factor."""
    dims = 2 * len(base)
    original = float(scaling.get("original_max_position_embeddings") or settings["max_position_embeddings"])
    factor = float(scaling.get("factor") or int(settings["max_position_embeddings"]) / original)

    def dimension(turns: float) -> float:
        """Which one turns so often within the original context."""
        return dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    low = dimension(float(scaling.get("beta_fast") or _BETA_FAST))
    high = dimension(float(scaling.get("beta_slow") or _BETA_SLOW))
    if scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dims - 1)
    width = high - low if high != low else 0.001
    divided = np.clip((np.arange(len(base)) - low) / width, 0.0, 1.0)
    frequencies = base / factor * divided + base * (1 - divided)
    return RopeConfig(dims, tuple(frequencies.tolist()), magnitude=_yarn_magnitude(scaling, factor))


def _yarn_magnitude(scaling: Mapping[str, Any], factor: float) -> float:
    def grown(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    if (stated := scaling.get("attention_factor")) is not None:
        return float(stated)
    above, below = scaling.get("mscale"), scaling.get("mscale_all_dim")
    return grown(float(above)) / grown(float(below)) if above and below else grown(1.0)


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
