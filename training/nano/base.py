"""python -m training.nano.base --gguf SmolLM2-135M-Instruct.Q4_1.gguf --data DATA --out out/base

Makes the model to be tuned of SmolLM2's GGUF file: the vocabulary is cut to what English documents need, the weights
are widened to float16. Kept are every byte and the tokens that a sample of the corpus uses most, each with the tokens
it is merged from, so that any text can still be written; rarer words become more, shorter tokens. SmolLM2's own
special tokens make room for those of the chat template, which begin with their vectors. Deterministic for the same
data.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers

from engines.model.checkpoint import PROJECTIONS, Checkpoint
from engines.model.checkpoint import Norm as NormName
from engines.model.config import ModelConfig
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import write_folder
from training.nano.model import Nano, NanoConfig, save_nano
from training.nano.tokenizer import SAMPLE, SPECIAL, sample_texts, save_tokenizer

VOCABULARY = 16_384
CONTEXT = 2048
_BEGIN = {  # the vectors whose mean a special token begins with
    "<|bos|>": ("<|endoftext|>",),
    "<|eos|>": ("<|endoftext|>",),
    "<|pad|>": ("<|endoftext|>",),
    "<|system|>": ("<|im_start|>", "system"),
    "<|user|>": ("<|im_start|>", "user"),
    "<|assistant|>": ("<|im_start|>", "assistant"),
    "<|end|>": ("<|im_end|>",),
    "<|blank|>": ("_",),
}


def uses(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """How often the texts need each token."""
    counts: Counter[int] = Counter()
    rest = iter(texts)
    while block := list(islice(rest, 256)):
        for encoded in tokenizer.encode_batch(block):
            counts.update(encoded.ids)
    tokens = {number: token for token, number in tokenizer.get_vocab().items()}
    return Counter({tokens[number]: count for number, count in counts.items()})


def kept_tokens(merges: Sequence[tuple[str, str]], counts: Mapping[str, int], size: int) -> list[str]:
    """At most ``size`` tokens: special ones, bytes, then the most used in the order of their merges, each with all that
    it is merged from."""
    made = {left + right: (left, right) for left, right in merges}
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    kept = {*SPECIAL, *alphabet}
    for token in sorted(made, key=lambda token: (-counts.get(token, 0), token)):
        needed: set[str] = set()
        waiting = [token]
        while waiting:
            one = waiting.pop()
            if one not in kept and one not in needed:
                needed.add(one)
                waiting += made[one]
        if len(kept) + len(needed) <= size:
            kept |= needed
    return [*SPECIAL, *alphabet, *(token for token in made if token in kept)]


def trimmed(tokenizer: Tokenizer, tokens: Sequence[str]) -> Tokenizer:
    """The tokenizer with these tokens alone."""
    settings = json.loads(tokenizer.to_str())
    numbers = {token: number for number, token in enumerate(tokens)}
    merges = [
        (left, right) for left, right in settings["model"]["merges"] if {left, right, left + right} <= numbers.keys()
    ]
    out = Tokenizer(models.BPE(vocab=numbers, merges=merges))
    out.pre_tokenizer, out.decoder = tokenizer.pre_tokenizer, tokenizer.decoder
    out.add_special_tokens(SPECIAL)
    return out


def embedding(old: Tokenizer, vectors: NDArray[np.float32], tokens: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of ``tokens`` [tokens, hidden]; a byte that the old vocabulary lacks begins with the mean of all."""
    rows = np.empty((len(tokens), vectors.shape[1]), np.float32)
    mean = vectors.mean(0)
    for row, token in enumerate(tokens):
        numbers = [old.token_to_id(one) for one in _BEGIN.get(token, (token,))]
        known = [number for number in numbers if number is not None]
        rows[row] = vectors[known].mean(0) if known else mean
    return rows


def widened(checkpoint: Checkpoint, rows: NDArray[np.float32]) -> Nano:
    """The checkpoint's layers under another embedding."""
    c: ModelConfig = checkpoint.config
    settings = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    model = Nano(
        NanoConfig(
            len(rows),
            c.hidden_size,
            c.num_layers,
            settings["num_attention_heads"],
            settings["num_key_value_heads"],
            settings["intermediate_size"],
            CONTEXT,
            settings["rope_theta"],
            settings["rms_norm_eps"],
        )
    )
    state = {"embed_tokens.weight": rows, "norm.weight": checkpoint.final_norm()}
    norms: tuple[tuple[NormName, str], ...] = (("input", "input_layernorm"), ("mlp_input", "post_attention_layernorm"))
    for number in range(c.num_layers):
        for name in PROJECTIONS:
            state[f"layers.{number}.{name}_proj.weight"] = checkpoint.linear(number, name).dense()
        for norm, tensor in norms:
            weight = checkpoint.norm(number, norm)
            assert weight is not None
            state[f"layers.{number}.{tensor}.weight"] = weight
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    parser.add_argument("--share", type=float, default=0.2, help="of the sample of texts, whose tokens are counted")
    args = parser.parse_args()
    whole = args.out / "whole"
    whole.mkdir(parents=True, exist_ok=True)
    write_folder(GgufFile(args.gguf), whole)
    link = whole / args.gguf.name
    if not link.exists():
        link.symlink_to(args.gguf.resolve())
    old = Tokenizer.from_file(str(whole / "tokenizer.json"))
    merges = [(left, right) for left, right in json.loads(old.to_str())["model"]["merges"]]
    sample = {name: int(characters * args.share) for name, characters in SAMPLE.items()}
    tokens = kept_tokens(merges, uses(old, sample_texts(args.data, sample)), args.vocabulary)
    new = trimmed(old, tokens)
    checkpoint = Checkpoint(whole)
    model = widened(checkpoint, embedding(old, checkpoint.embedding().whole(), tokens))
    save_nano(model, args.out)
    save_tokenizer(new, args.out)
    text = "".join(sample_texts(args.data, {name: n // 200 for name, n in sample.items()}))
    before, after = len(old.encode(text).ids), len(new.encode(text).ids)
    print(f"{len(tokens)} of {old.get_vocab_size()} tokens; {len(text)} characters: {before} -> {after} tokens")


if __name__ == "__main__":
    main()
