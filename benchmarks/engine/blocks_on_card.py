"""Measures decoding on an NVIDIA card with weights in the blocks of GGUF, and mixtures of experts in INT4; all made up.

    python -m benchmarks.engine.blocks_on_card [--gpus 1 2]

With several numbers of cards each shape is measured on one after the other. Tokens are counted as the engine hands them
out. The share of the copy counts what a token reads of the weights, on all cards, with as many experts as it passes;
several requests pass other experts as well, so there it says nothing.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.model.block_types import BLOCK_TYPES
from engines.model.config import ModelConfig
from engines.runtimes.cuda.bench import config_of, measure_sources
from engines.runtimes.cuda.block_forms import BlockForm, Levels, form_of
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import TILE, chunks_of
from engines.runtimes.cuda.sharding import Shard
from engines.runtimes.cuda.weights import DeviceLayer, DeviceProduct, DeviceWeights, RandomSource, Source

_TYPES = {kind.name: kind for kind in BLOCK_TYPES.values()}
_MADE_TILES = 32  # that are made up; a product repeats them
_DEVIATIONS = {4: 4.6, 5: 9.2, 6: 18.5, 8: 74.0}  # of any integers of so many bits
_MEAN_LEVEL = 36
_LEVEL_ZERO, _LARGEST_LEVEL = 128, 63
_LOADS = ((1, 128), (1, 2048), (8, 128))
_MIXTURE = {
    "architectures": ["MixtralForCausalLM"], "num_attention_heads": 32, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
    "vocab_size": 32000,
}  # fmt: skip
_MIXTURES = {
    "Mixtral, 8 layers": {
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 8, "num_key_value_heads": 8,
        "num_local_experts": 8, "num_experts_per_tok": 2,
    },
    "Qwen3-30B-A3B, 24 layers": {
        "hidden_size": 2048, "intermediate_size": 768, "num_hidden_layers": 24, "num_key_value_heads": 4,
        "head_dim": 128, "num_local_experts": 128, "num_experts_per_tok": 8,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BlockSource:
    """All matrices of one type, or as Q4_K_M has them: V and down of every second layer and the output layer in
    Q6_K, the others in Q4_K."""

    config: ModelConfig
    kind: str | None = None

    def to_device(self, device: Device) -> DeviceWeights:
        config = self.config
        hidden, inner, attention = config.hidden_size, config.intermediate_size, config.q_size + 2 * config.kv_size
        one = device.array(np.ones(hidden, np.float32))

        def made(outputs: int, inputs: int, *kinds: str) -> DeviceProduct:
            names = kinds if self.kind is None else (self.kind,)
            return _made_up(device, form_of([_TYPES[name] for name in names]), outputs, inputs)

        layers = []
        for layer in range(config.num_layers):
            finer = ("Q6_K",) if layer % 2 == 0 else ()
            products = {
                "qkv": made(attention, hidden, "Q4_K", *finer),
                "o": made(hidden, config.q_size, "Q4_K"),
                "gate_up": made(2 * inner, hidden, "Q4_K"),
                "down": made(hidden, inner, *(finer or ("Q4_K",))),
            }
            layers.append(DeviceLayer(products, {"input": one, "mlp_input": one}))
        head, table = made(config.vocab_size, hidden, "Q6_K"), made(config.vocab_size, hidden, "Q4_K")
        return DeviceWeights(layers, 0, one, head, (), table)


def _made_up(device: Device, form: BlockForm, outputs: int, inputs: int) -> DeviceProduct:
    """Activations keep a variance near one."""
    tiles, chunks = -(-outputs // TILE), chunks_of(inputs)
    part = _units(form, min(tiles, _MADE_TILES), chunks, 1 / np.sqrt(inputs) / _DEVIATIONS[form.bits])
    size = tiles * chunks * form.unit_bytes
    units, first = device.allocate(size), device.array(part)
    for at in range(0, size, part.nbytes):
        device.copy(first, units + at, min(part.nbytes, size - at))
    device.synchronize()
    device.free(first)
    return DeviceProduct(units, tiles, chunks, form.code, inputs, outputs)


def _units(form: BlockForm, tiles: int, chunks: int, scale: float) -> NDArray[np.uint8]:
    units = np.random.default_rng(chunks).integers(0, 256, (tiles, chunks, form.unit_bytes), np.uint8)
    if form.levels is not Levels.BYTES:
        number = np.float16 if form.levels is Levels.NONE else np.float32
        count = form.scale_bytes // np.dtype(number).itemsize
        units[:, :, : form.scale_bytes] = np.full((tiles, chunks, count), scale, number).view(np.uint8)
        return units
    numbers = 4 if form.minimum else 2
    factors = np.full((tiles, chunks, 8, numbers), scale / _MEAN_LEVEL, np.float16)
    factors[..., 2:] *= 1 << (form.bits - 1)  # so that minimums take the mean off
    at = 16 * numbers
    units[:, :, :at] = factors.reshape(tiles, chunks, -1).view(np.uint8)
    units[:, :, at : form.scale_bytes] = _LEVEL_ZERO + (units[:, :, at : form.scale_bytes] & _LARGEST_LEVEL)
    return units


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1], help="cards that share a shape")
    parser.add_argument("--shapes", nargs="+", default=[""], help="beginnings of the names of shapes")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    given = parser.parse_args()
    shape = config_of("mistral-7b")
    shapes: dict[str, tuple[ModelConfig, Callable[[ModelConfig], Source]]] = {
        "7B, Q4_K_M": (shape, BlockSource),
        "7B, Q8_0": (shape, lambda config: BlockSource(config, "Q8_0")),
    }
    for name, settings in _MIXTURES.items():
        shapes[f"{name}, INT4"] = ModelConfig.from_dict(_MIXTURE | settings), RandomSource
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (config, source_of) in shapes.items():
            if not name.startswith(tuple(given.shapes)):
                continue
            for gpus in given.gpus:
                shares = [config] if gpus == 1 else [Shard(rank, gpus, True).of(config) for rank in range(gpus)]
                sources = [source_of(share) for share in shares]
                for copied, row in measure_sources(name, config, sources, Path(folder), _LOADS):
                    rows.append(asdict(row) | {"copy_gb_s": round(copied)})
                    print(
                        f"{row.shape}, {gpus} cards: {row.batch} of {row.prompt_tokens}: first token "
                        f"{row.ttft_ms:.1f} ms, {row.engine_tok_s:.0f} tokens/s, {row.share_of_copy:.0%} of "
                        f"{copied:.0f} GB/s",
                        flush=True,
                    )
                    if given.out is not None:
                        given.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
