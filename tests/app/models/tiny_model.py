"""A Llama of a few thousand weights with a tokenizer and a chat template, written without any other library's help."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.engines.small_tokenizer import CHAT_TEMPLATE, EOS, VOCABULARY, small_tokenizer

HIDDEN, INNER, LAYERS, HEADS, KV_HEADS = 64, 128, 2, 4, 2


def write_tiny_model(folder: Path, seed: int = 0, context: int = 1024) -> Path:
    """Random weights: the model says nothing sensible, but always the same."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(seed)
    head = HIDDEN // HEADS
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "lm_head.weight": (VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        shapes |= {
            f"{prefix}self_attn.q_proj.weight": (HEADS * head, HIDDEN),
            f"{prefix}self_attn.k_proj.weight": (KV_HEADS * head, HIDDEN),
            f"{prefix}self_attn.v_proj.weight": (KV_HEADS * head, HIDDEN),
            f"{prefix}self_attn.o_proj.weight": (HIDDEN, HEADS * head),
            f"{prefix}mlp.gate_proj.weight": (INNER, HIDDEN),
            f"{prefix}mlp.up_proj.weight": (INNER, HIDDEN),
            f"{prefix}mlp.down_proj.weight": (HIDDEN, INNER),
        }
    tensors = {name: chance.normal(0, 0.3, shape).astype(np.float16) for name, shape in shapes.items()}
    norms = ["model.norm.weight"]
    norms += [f"model.layers.{n}.{k}_layernorm.weight" for n in range(LAYERS) for k in ("input", "post_attention")]
    save_file(tensors | {name: np.ones(HIDDEN, np.float16) for name in norms}, folder / "model.safetensors")
    tokenizer = small_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "eos_token_id": tokenizer.token_to_id(EOS),
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    settings = {"eos_token": EOS, "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder
