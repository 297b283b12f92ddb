"""Writes checkpoints with random weights in any Llama shape within seconds, for benchmarks and builds.

The files are what AutoAWQ writes (GEMM layout), lm_head included. Scales keep activations near a variance of one, so
that no kernel meets values a real model would not give it.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from engines.model.checkpoint import MODULES, PROJECTIONS
from engines.model.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama decoder; embedding and lm_head are two matrices."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int = 32000
    context: int = 4096

    @property
    def parameters(self) -> int:
        head_dim = self.hidden // self.heads
        attention = 2 * self.hidden * (self.heads + self.kv_heads) * head_dim
        return self.layers * (attention + 3 * self.hidden * self.inner) + 2 * self.vocabulary * self.hidden


SHAPES: dict[str, Shape] = {
    "nano": Shape(512, 1536, 16, 8, 2, vocabulary=16384, context=2048),  # docent-nano
    "100M": Shape(768, 2048, 12, 12, 12),
    "1B": Shape(2048, 5632, 22, 32, 4),  # TinyLlama
    "3B": Shape(3072, 8192, 28, 24, 8),  # Llama 3.2 3B, with a smaller vocabulary
    "7B": Shape(4096, 14336, 32, 32, 8),  # Mistral 7B
}


def write_checkpoint(folder: Path, shape: Shape, *, group: int = 128, seed: int = 0) -> None:
    """Writes config.json and one safetensors file a layer to ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = _config(shape, group)
    (folder / "config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    config = ModelConfig.from_dict(settings)
    rng = np.random.default_rng(seed)
    embedding = rng.standard_normal((1024, shape.hidden), dtype=np.float32).astype(np.float16)
    tensors: dict[str, NDArray[np.generic]] = {
        "model.embed_tokens.weight": np.resize(embedding, (shape.vocabulary, shape.hidden)),
        "model.norm.weight": np.ones(shape.hidden, np.float16),
        **_linear(rng, "lm_head", (shape.vocabulary, shape.hidden), group),
    }
    index = _save(folder, 0, tensors)
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        tensors = {
            f"{prefix}{name}.weight": np.ones(shape.hidden, np.float16)
            for name in ("input_layernorm", "post_attention_layernorm")
        }
        for projection in PROJECTIONS:
            tensors |= _linear(rng, prefix + MODULES[projection], config.linear_shape(projection), group)
        index |= _save(folder, layer + 1, tensors)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}), encoding="utf-8")


def _save(folder: Path, number: int, tensors: dict[str, NDArray[np.generic]]) -> dict[str, str]:
    """Returns which file holds each tensor."""
    path = folder / f"model-{number:05}.safetensors"
    save_file(tensors, path)
    return dict.fromkeys(tensors, path.name)


def _linear(rng: np.random.Generator, name: str, shape: tuple[int, int], group: int) -> dict[str, NDArray[np.generic]]:
    out, inputs = shape
    words = np.iinfo(np.int32)
    # q and zero point are uniform over 0..15, their difference has a standard deviation of 6.5.
    spread = rng.uniform(0.8, 1.2, (inputs // group, out)) / (6.5 * math.sqrt(inputs))
    return {
        f"{name}.qweight": rng.integers(words.min, words.max, (inputs, out // 8), np.int32, endpoint=True),
        f"{name}.qzeros": rng.integers(words.min, words.max, (inputs // group, out // 8), np.int32, endpoint=True),
        f"{name}.scales": spread.astype(np.float16),
    }


def _config(shape: Shape, group: int) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "quantization_config": {
            "quant_method": "awq",
            "bits": 4,
            "group_size": group,
            "zero_point": True,
            "version": "gemm",
        },
    }
