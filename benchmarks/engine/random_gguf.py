"""Writes GGUF files with random weights of the mixture that llama.cpp calls Q4_K_M, with another file's vocabulary or
none."""

from pathlib import Path
from typing import Any

import numpy as np

from engines.model.synthetic import Shape

_Q4_K_STD = 4.6 * 40  # of (q - 7.5) times a level of 40


def write_q4_k_m(path: Path, shape: Shape, vocabulary_of: Path | None = None) -> None:
    """Output, and half of the layers' V and down projections, have 6 bits, everything else 4."""
    from gguf import GGUFWriter

    rng = np.random.default_rng(0)
    head_dim = shape.hidden // shape.heads
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    if vocabulary_of is None:
        writer.add_tokenizer_model("no_vocab")
    else:
        _copy_vocabulary(writer, vocabulary_of)
    _add(writer, rng, "token_embd", shape.vocabulary, shape.hidden, six=False)
    _add(writer, rng, "output", shape.vocabulary, shape.hidden, six=True)
    writer.add_tensor("output_norm.weight", np.ones(shape.hidden, np.float32))
    kv = shape.kv_heads * head_dim
    for layer in range(shape.layers):
        six = layer < shape.layers // 8 or layer >= 7 * shape.layers // 8 or layer % 3 == 2
        for name, out, inputs, more in (
            ("attn_q", shape.hidden, shape.hidden, False),
            ("attn_k", kv, shape.hidden, False),
            ("attn_v", kv, shape.hidden, six),
            ("attn_output", shape.hidden, shape.hidden, False),
            ("ffn_gate", shape.inner, shape.hidden, False),
            ("ffn_up", shape.inner, shape.hidden, False),
            ("ffn_down", shape.hidden, shape.inner, six),
        ):
            _add(writer, rng, f"blk.{layer}.{name}", out, inputs, six=more)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(shape.hidden, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_vocabulary(writer: Any, path: Path) -> None:
    from gguf import GGUFReader

    for name, field in GGUFReader(path).fields.items():
        if name.startswith("tokenizer."):
            kinds = [*field.types, None]
            writer.add_key_value(name, field.contents(), kinds[0], sub_type=kinds[1])


def _add(writer: Any, rng: np.random.Generator, name: str, out: int, inputs: int, *, six: bool) -> None:
    from gguf import GGMLQuantizationType

    blocks = (_q6_k if six else _q4_k)(rng, out * inputs // 256, inputs)
    kind = GGMLQuantizationType.Q6_K if six else GGMLQuantizationType.Q4_K
    writer.add_tensor(f"{name}.weight", blocks.reshape(out, -1), raw_dtype=kind)


def _q4_k(rng: np.random.Generator, count: int, inputs: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """144 bytes: factor and factor of minimums, 12 bytes of eight scales and minimums each, 128 of nibbles. All levels
    are 40 and the minimums 7.5 of them, so that weights are around 0."""
    data = rng.integers(0, 256, (count, 144), np.uint8)
    factors = np.array((1, 7.5), np.float32) / (_Q4_K_STD * inputs**0.5)
    data[:, :4] = factors.astype(np.float16).view(np.uint8)
    data[:, 4:16] = np.array([40] * 8 + [(40 & 15) | (40 & 15) << 4] * 4, np.uint8)
    data[:, 4:12] |= (40 >> 4) << 6
    data[:, 4:12] &= 0b10111111 | ((40 >> 4) << 6)
    return data


def _q6_k(rng: np.random.Generator, count: int, inputs: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """210 bytes: 128 of low halves, 64 of high quarters, 16 levels, a factor."""
    data = rng.integers(0, 256, (count, 210), np.uint8)
    data[:, 192:208] = 40
    data[:, 208:] = np.array([1 / (18.5 * 40 * inputs**0.5)], np.float16).view(np.uint8)
    return data
