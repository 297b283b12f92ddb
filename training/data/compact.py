"""python -m training.data.compact pack e5-small-q4.bin tokenizer.json --texts FILE... --out out/e5-compact
python -m training.data.compact unpack out/e5-compact out/e5-start
python -m training.data.compact stores out/e5-compact out/multi/*.npz

A multilingual word table is ten times as large as the network behind it, and training on English reads a fifth of it.
``pack`` keeps the rows of the words that occur in some texts, ``unpack`` makes a BERT folder of it to start from, and
``stores`` numbers tokenised stores anew. The tokens at both ends of a text get the numbers 0 and 1. The word table must
stay as it is in training (``--freeze``), so that the whole table fits the trained reader.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.data.corpus import read_squad
from training.data.store import Ragged, Store, load_tokenizer

SPECIAL = ("<s>", "</s>", "<mask>", "<pad>", "<unk>")
UNKNOWN = SPECIAL.index("<unk>")
VOCABULARY = 250_037  # rows of the model's word table, some beyond the tokenizer's last piece


def texts_of(path: Path) -> list[str]:
    """All texts of a SQuAD file, or all strings of another JSON file."""
    if path.name.startswith("squad"):
        return [
            t for a in read_squad(path) for p in a.paragraphs for t in (a.title, p.text, *(q.text for q in p.questions))
        ]
    found: list[str] = []

    def gather(value: object) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list | dict):
            for part in value.values() if isinstance(value, dict) else value:
                gather(part)

    gather(json.loads(path.read_text(encoding="utf-8")))
    return found


def used_tokens(tokenizer: Tokenizer, texts: list[str]) -> NDArray[np.int64]:
    """The special tokens, then every other one that occurs and every one made of digits."""
    special = [tokenizer.token_to_id(t) for t in SPECIAL]
    used = {i for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False) for i in e.ids}
    used |= {i for piece, i in tokenizer.get_vocab().items() if piece.lstrip("\u2581").isdecimal()}
    return np.array([*special, *sorted(used - set(special))], np.int64)


@dataclass(frozen=True)
class Encoded:
    """The part of a tokenizer's encoding that training reads."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class CompactTokenizer:
    """A tokenizer whose tokens are numbered as in a folder of ``pack``."""

    def __init__(self, tokenizer: Path, folder: Path) -> None:
        self._tokenizer = load_tokenizer(tokenizer)
        with np.load(folder / "packed.npz") as arrays:
            self._numbers = numbering(arrays["kept"])

    def encode_batch(self, texts: list[str], add_special_tokens: bool = True) -> list[Encoded]:
        found = self._tokenizer.encode_batch(texts, add_special_tokens=add_special_tokens)
        return [Encoded(self._numbers[e.ids].tolist() if e.ids else [], e.offsets) for e in found]


def numbering(kept: NDArray[np.int64], vocabulary: int = VOCABULARY) -> NDArray[np.int64]:
    """The new number of every old one."""
    numbers = np.full(vocabulary, UNKNOWN, np.int64)
    numbers[kept] = np.arange(len(kept))
    return numbers


def renumbered(store: Store, kept: NDArray[np.int64]) -> Store:
    numbers = numbering(kept)

    def moved(part: Ragged) -> Ragged:
        values = numbers[part.values]
        return Ragged(values.astype(np.uint16 if len(kept) < 1 << 16 else np.uint32), part.offsets)

    return replace(
        store, questions=moved(store.questions), contexts=moved(store.contexts), passages=moved(store.passages)
    )


def pack(weights: Path, tokenizer: Path, texts: list[Path], out: Path) -> None:
    from training.embedder.convert_multilingual import WORDS, read_packed

    model = read_packed(weights)
    kept = used_tokens(load_tokenizer(tokenizer), [t for path in texts for t in texts_of(path)])
    out.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.generic]] = {"kept": kept, **model.arrays}
    for name, blocks in model.blocks.items():
        values, scales = (blocks.values[kept], blocks.scales[kept]) if name == WORDS else (blocks.values, blocks.scales)
        arrays[f"{name}.values"], arrays[f"{name}.scales"] = values[:, 0::2] | values[:, 1::2] << 4, scales
    np.savez(out / "packed.npz", **arrays)  # type: ignore[arg-type]
    print(f"{len(kept)} of {len(model.blocks[WORDS].values)} words")


def unpack(folder: Path, out: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from training.embedder.convert_multilingual import WORDS, Blocks

    out.mkdir(parents=True, exist_ok=True)
    tensors = {}
    with np.load(folder / "packed.npz") as arrays:
        for name in arrays.files:
            if name.endswith(".values"):
                name = name.removesuffix(".values")
                packed = arrays[f"{name}.values"]
                values = np.stack([packed & 15, packed >> 4], 2).reshape(len(packed), -1)
                tensors[name] = torch.from_numpy(Blocks(values, arrays[f"{name}.scales"]).dense())
            elif name != "kept" and not name.endswith(".scales"):
                tensors[name] = torch.from_numpy(arrays[name])
    words, positions = tensors[WORDS], tensors["embeddings.position_embeddings.weight"]
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")}
    config = {
        "vocab_size": len(words),
        "hidden_size": words.shape[1],
        "num_hidden_layers": len(layers),
        "num_attention_heads": 12,
        "intermediate_size": len(tensors["encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(positions),
        "type_vocab_size": 2,
    }
    (out / "config.json").write_text(json.dumps(config) + "\n")
    save_file(tensors, out / "model.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("weights", type=Path)
    packing.add_argument("tokenizer", type=Path)
    packing.add_argument("--texts", type=Path, nargs="+", required=True)
    packing.add_argument("--out", type=Path, required=True)
    unpacking = commands.add_parser("unpack")
    unpacking.add_argument("folder", type=Path)
    unpacking.add_argument("out", type=Path)
    numbering = commands.add_parser("stores")
    numbering.add_argument("folder", type=Path)
    numbering.add_argument("stores", type=Path, nargs="+")
    args = parser.parse_args()
    if args.command == "pack":
        pack(args.weights, args.tokenizer, args.texts, args.out)
    elif args.command == "unpack":
        unpack(args.folder, args.out)
    else:
        with np.load(args.folder / "packed.npz") as arrays:
            kept = arrays["kept"]
        for path in args.stores:
            renumbered(Store.load(path), kept).save(path)


if __name__ == "__main__":
    main()
