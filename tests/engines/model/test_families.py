"""The table of families says of each what its models are."""

import math
from pathlib import Path
from typing import Any

import pytest

from engines.errors import CheckpointError, RuntimeUnavailable, UnsupportedModel
from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.model.families import FAMILIES as KNOWN
from engines.runtimes.cards import check_model
from engines.runtimes.cuda.packed_weights import build
from engines.runtimes.onnx.runtime import OnnxRuntime
from engines.runtimes.tensorrt.build import build_model
from tests.engines.models import FAMILIES, random_model, write_model


def settings_of(name: str) -> dict[str, Any]:
    """As a model's config.json has them."""
    return random_model(name, vocab_size=8).config.to_dict() | {"architectures": [f"{FAMILIES[name][0]}ForCausalLM"]}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_known_and_cards_take_it_or_say_why_not(name: str) -> None:
    config = ModelConfig.from_dict(settings_of(name))
    known = KNOWN[config.family]
    assert known.architecture == f"{FAMILIES[name][0]}ForCausalLM"
    if known.cards:
        check_model(config, mixtures=True)
    else:
        with pytest.raises(RuntimeUnavailable, match=f"{config.family}.*runs on processors alone: it has "):
            check_model(config, mixtures=True)


def test_tensorrt_refuses_experts_in_words(tmp_path: Path) -> None:
    write_model("mixtral", tmp_path / "model")
    with pytest.raises(RuntimeUnavailable, match=r"\(mixtral\) is not computed here: it has a mixture of experts"):
        build_model(tmp_path / "model", tmp_path / "builds")


def test_builds_for_cards_are_refused_before_they_begin(tmp_path: Path) -> None:
    write_model("olmo2", tmp_path / "model")
    with pytest.raises(RuntimeUnavailable, match="olmo2"):
        build(Checkpoint(tmp_path / "model"), tmp_path / "builds")
    with pytest.raises(RuntimeUnavailable, match="olmo2"):
        build_model(tmp_path / "model", tmp_path / "builds")


def test_onnx_runtime_refuses_experts_in_words(tmp_path: Path) -> None:
    write_model("mixtral", tmp_path / "model")
    with pytest.raises(RuntimeUnavailable, match=r"\(mixtral\) is a mixture of experts"):
        OnnxRuntime(Checkpoint(tmp_path / "model"), 4)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"num_experts_per_tok": 17}, "17 experts for each token, and 16 in all"),
        ({"num_experts_per_tok": 0}, "num_experts_per_tok"),
        ({"num_experts_per_tok": "two"}, "num_experts_per_tok"),
        ({"num_local_experts": 1 << 40}, "num_local_experts"),
        ({"moe_intermediate_size": -1}, "moe_intermediate_size"),
        ({"moe_intermediate_size": None}, "not what it should be|moe_intermediate_size"),
        ({"decoder_sparse_step": 0}, "which layers hold experts"),
        ({"mlp_only_layers": 3}, "which layers hold experts"),
    ],
)
def test_wrong_settings_of_experts_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        ModelConfig.from_dict(settings_of("qwen3-moe") | wrong)


def test_layers_with_experts_are_those_of_transformers() -> None:
    changes = {"decoder_sparse_step": 2, "mlp_only_layers": [3], "num_hidden_layers": 7}
    model = random_model("qwen3-moe", vocab_size=8, **changes)
    config = ModelConfig.from_dict(model.config.to_dict() | {"architectures": ["Qwen3MoeForCausalLM"]})
    assert config.experts is not None
    assert config.experts.layers == tuple(hasattr(layer.mlp, "experts") for layer in model.model.layers)
    matrices = sum(math.prod(shape) for layer in range(7) for shape in config.layer_shapes(layer))
    assert matrices == sum(p.numel() for name, p in model.model.layers.named_parameters() if "norm" not in name)


def test_wrong_settings_are_named() -> None:
    settings = settings_of("smollm3")
    with pytest.raises(CheckpointError, match="no_rope_layers"):
        ModelConfig.from_dict({**settings, "no_rope_layers": [1]})
    with pytest.raises(UnsupportedModel, match="odd"):
        ModelConfig.from_dict({**settings, "rope_parameters": {"rope_type": "odd", "rope_theta": 1e4}})
    settings = settings_of("granite")
    with pytest.raises(CheckpointError, match="multiplier"):
        ModelConfig.from_dict({**settings, "residual_multiplier": 0})


def test_settings_of_earlier_versions_mean_the_same() -> None:
    """As the models on the hub have them: the base of each kind of layer, the pattern of layers, the scaling."""
    now = settings_of("gemma3")
    before = {name: value for name, value in now.items() if name not in ("rope_parameters", "layer_types")} | {
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        "sliding_window_pattern": 6,
    }
    assert ModelConfig.from_dict(before) == ModelConfig.from_dict(now)
