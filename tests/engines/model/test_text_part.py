"""Models that see pictures, too: their language model alone agrees with transformers on text."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from engines.errors import CheckpointError
from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.model.text_part import text_tensor
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.runtimes.steps import EXACT, assert_close, some_tokens

TEXT = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-6,
}
PICTURES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}


def gemma3() -> Any:
    text = {**TEXT, "sliding_window": 24, "query_pre_attn_scalar": 16}
    pictures = {**PICTURES, "image_size": 28, "patch_size": 14, "model_type": "siglip_vision_model"}
    config = transformers.Gemma3Config(text_config=text, vision_config=pictures, mm_tokens_per_image=4)
    return transformers.Gemma3ForConditionalGeneration(config)


def mistral3() -> Any:
    text = {**TEXT, "model_type": "mistral", "tie_word_embeddings": False}
    pictures = {**PICTURES, "image_size": 28, "patch_size": 14, "head_dim": 16, "model_type": "pixtral"}
    config = transformers.Mistral3Config(text_config=text, vision_config=pictures, tie_word_embeddings=False)
    return transformers.Mistral3ForConditionalGeneration(config)


@pytest.mark.parametrize("make", [gemma3, mistral3])
def test_the_text_agrees_with_transformers(make: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make().float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.1 if "norm" in name else 0.08)
    model.save_pretrained(tmp_path, safe_serialization=True)
    tokens = some_tokens(60)
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    assert expected.std() > 0.01
    assert_close(ReferenceRuntime(Checkpoint(tmp_path), 8).step(flat_batch(tokens)), expected, EXACT)


def test_settings_that_a_published_file_leaves_out_are_those_of_the_family() -> None:
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}
    whole = {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": text, "eos_token_id": [1, 106]}
    config = ModelConfig.from_dict(whole)
    assert (config.num_heads, config.num_kv_heads, config.head_dim, config.vocab_size) == (8, 4, 256, 262_208)
    assert config.tie_embeddings and config.eos_ids == (1, 106)
    assert [layer for layer, slides in enumerate(config.sliding_layers) if not slides] == [5, 11, 17, 23, 29]


def test_a_model_without_settings_for_its_text_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["Gemma3ForConditionalGeneration"]}))
    with pytest.raises(CheckpointError, match="no text_config"):
        ModelConfig.from_folder(tmp_path)


@pytest.mark.parametrize(
    "name", ["language_model.model.norm.weight", "model.language_model.norm.weight", "model.norm.weight"]
)
def test_names_of_tensors_have_changed_over_time(name: str) -> None:
    assert text_tensor(name) == "model.norm.weight"
    assert text_tensor("language_model.lm_head.weight") == "lm_head.weight"
