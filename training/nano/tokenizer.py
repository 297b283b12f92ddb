"""python -m training.nano.tokenizer --data DATA --out out/nano

Trains docent-nano's byte-level BPE (16,384 entries) on a sample of the corpus and writes ``tokenizer.json`` and
``tokenizer_config.json`` with the chat template. Deterministic for the same data.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from training.data.corpus import read_jsonl

VOCABULARY = 16_384
SPECIAL = [
    "<|bos|>",
    "<|eos|>",
    "<|pad|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|blank|>",
]
# Words with their leading space, numbers in groups of at most three digits, punctuation, white space.
PIECES = r"'(?i:s|t|re|ve|m|ll|d)| ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CHAT_TEMPLATE = (
    "<|bos|>{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SAMPLE = {  # file: characters taken
    "wikipedia-0": 60_000_000,
    "books-0": 8_000_000,
    "technical-docs": 12_000_000,
    "medquad": 6_000_000,
    "meetings": 3_000_000,
    "law": 4_000_000,
}


def sample_texts(data: Path, sample: dict[str, int]) -> Iterator[str]:
    for name, budget in sample.items():
        for title, text in read_jsonl(data / "corpus" / f"{name}.jsonl.xz"):
            piece = f"{title}\n{text}"[:budget]
            yield piece
            budget -= len(piece)
            if budget <= 0:
                break


def train_tokenizer(texts: Iterator[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 2048,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    save_tokenizer(train_tokenizer(sample_texts(args.data, SAMPLE)), args.out)


if __name__ == "__main__":
    main()
