"""Reads from a model's settings which of its layers hold experts in place of one MLP, and how a token chooses among
them (Shazeer et al., 2017; Mixtral: Jiang et al., 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engines.errors import CheckpointError

_REMEDY = "Download the model again."


@dataclass(frozen=True, slots=True)
class ExpertsConfig:
    """Each of the ``layers`` that are marked has ``count`` MLPs of ``inner_size`` features. A router gives each of them
    a logit, a token passes the ``chosen`` likeliest, and their results are added up, weighted by their share of the
    softmax over all experts, or with ``normalised`` over the chosen ones."""

    count: int
    chosen: int
    inner_size: int
    normalised: bool
    layers: tuple[bool, ...]


def read_experts(settings: Mapping[str, Any], layers: int) -> ExpertsConfig:
    """Raises CheckpointError where a token would choose more experts than there are, KeyError for a lost setting."""
    count = int(settings.get("num_local_experts") or settings["num_experts"])
    chosen = int(settings["num_experts_per_tok"])
    if chosen > count:
        raise CheckpointError(f"config.json has {chosen} experts for each token, and {count} in all.", _REMEDY)
    mixtral = settings["architectures"][0] == "MixtralForCausalLM"
    step, dense = settings.get("decoder_sparse_step", 1), settings.get("mlp_only_layers") or []
    if not isinstance(step, int) or step < 1 or not isinstance(dense, list):
        raise CheckpointError("config.json does not say which layers hold experts.", _REMEDY)
    return ExpertsConfig(
        count=count,
        chosen=chosen,
        inner_size=int(settings["intermediate_size" if mixtral else "moe_intermediate_size"]),
        normalised=mixtral or bool(settings.get("norm_topk_prob", False)),
        layers=tuple(layer not in dense and (layer + 1) % step == 0 for layer in range(layers)),
    )
