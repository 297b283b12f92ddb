"""Vocabularies in GGUF files: how each cuts text. The pieces and tokens below are those of llama.cpp."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.gguf.file import GgufFile
from engines.model.gguf.tokenizer import Vocabulary, read_tokenizer
from tests.engines.gguf_files import gguf

BYTES = pre_tokenizers.ByteLevel.alphabet()
TEXT = "I'M HelloWorld 12345,x\n\n  naïve"
LINES = ["the keeper of the lighthouse lit the lamp at dusk", "a lamp is lit at dusk", "lighthouse keeper"] * 4


def stored(path: Path, kind: str, architecture: str = "llama", **metadata: Any) -> GgufFile:
    """A file with nothing in it but a vocabulary: of bytes, or of ``tokens``."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_tokenizer_model(kind)
    writer.add_token_list(metadata.get("tokens") or [*sorted(BYTES), "qq"])
    writer.add_token_merges(["q q"])
    if "pre" in metadata:
        writer.add_tokenizer_pre(metadata["pre"])
    if "scores" in metadata:
        writer.add_token_scores(metadata["scores"])
        writer.add_token_types(metadata["types"])
        writer.add_remove_extra_whitespaces(True)
        writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return GgufFile(path)


def pieces(vocabulary: Vocabulary, text: str) -> list[str]:
    tokenizer = vocabulary.tokenizer
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    assert tokenizer.pre_tokenizer is not None
    return [text[start:end] for _, (start, end) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("gpt-2", ["I", "'", "M", " HelloWorld", " 12345", ",", "x", "\n\n ", " naïve"]),
        ("smollm", ["I", "'", "M", " HelloWorld", " ", *"12345", ",", "x", "\n\n ", " naïve"]),
        ("llama-bpe", ["I", "'M", " HelloWorld", " ", "123", "45", ",x", "\n\n", " ", " naïve"]),
        ("qwen2", ["I", "'M", " HelloWorld", " ", *"12345", ",x", "\n\n", " ", " naïve"]),
        ("gpt-4o", ["I'M", " Hello", "World", " ", "123", "45", ",x", "\n\n", " ", " naïve"]),
        ("tekken", ["I", "'M", " Hello", "World", " ", *"12345", ",x", "\n\n", " ", " naïve"]),
        ("deepseek-v3", ["I", "'M", " HelloWorld", " ", "123", "45", ",x", "\n\n", " ", " naïve"]),
        ("deepseek-coder", ["I", "'", "M", " HelloWorld", " ", *"12345", ",", "x", "\n", "\n", " ", " naïve"]),
        ("deepseek-llm", ["I", "'", "M", " HelloWorld", " ", "12345", ",", "x", "\n", "\n", " ", " na", "ï", "ve"]),
        ("default", ["I", "'", "M", " HelloWorld", " ", "123", "45", ",", "x", "\n\n ", " naïve"]),
        ("viking", ["I'M", " HelloWorld", " ", *"12345", ",", "x", "\n\n ", " naïve"]),
    ],
)
def test_text_is_cut_by_the_rule_that_the_file_names(rule: str, expected: list[str], tmp_path: Path) -> None:
    assert pieces(read_tokenizer(stored(tmp_path / "v.gguf", "gpt2", pre=rule)), TEXT) == expected


def test_an_unknown_rule_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="cuts text by the rule 'odd'"):
        read_tokenizer(stored(tmp_path / "v.gguf", "gpt2", pre="odd"))


def test_old_files_that_name_no_rule_get_that_of_their_family(tmp_path: Path) -> None:
    qwen = read_tokenizer(stored(tmp_path / "q.gguf", "gpt2", "qwen2"))
    assert pieces(qwen, "e\u0301'S") == ["é", "'S"]
    tokens = [*sorted(BYTES), "qq", "<|begin_of_text|>"]
    llama = read_tokenizer(stored(tmp_path / "l.gguf", "gpt2", tokens=tokens))
    assert pieces(llama, "12345") == ["123", "45"]


def test_a_unigram_vocabulary_gives_the_same_tokens(tmp_path: Path) -> None:
    original = Tokenizer(models.Unigram())
    original.normalizer = normalizers.Strip()
    original.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    original.train_from_iterator(LINES, trainer)
    vocabulary = dict(original.get_vocab())
    tokens = sorted(vocabulary, key=lambda text: vocabulary[text])
    model = json.loads(original.to_str())["model"]
    scores = [score for _, score in model["vocab"]]
    types = [2, *[1] * (len(tokens) - 1)]
    file = stored(tmp_path / "v.gguf", "t5", "t5", tokens=tokens, scores=scores, types=types)
    found = read_tokenizer(file).tokenizer
    for text in ("the lamp at dusk", "lighthouses keep dusk", "a lit zebra"):
        assert found.encode(text).ids == original.encode(text).ids
    assert found.encode("  the   lamp ").ids == found.encode("the lamp").ids
    assert found.decode(found.encode("the lamp at dusk").ids) == "the lamp at dusk"


@pytest.mark.parametrize(("architecture", "swallowed"), [("phi3", True), ("llama", False)])
def test_marks_of_phi3_swallow_the_white_space_behind_them(architecture: str, swallowed: bool, tmp_path: Path) -> None:
    tokens = ["<unk>", "<s>", "<|user|>", "▁", "a", "<0x0A>"]
    types, scores = [2, 3, 3, 1, 1, 6], [0.0, 0.0, 0.0, -1.0, -2.0, 0.0]
    file = stored(tmp_path / "v.gguf", "llama", architecture, tokens=tokens, scores=scores, types=types)
    ids = read_tokenizer(file).tokenizer.encode("<s>\n<|user|>\na", add_special_tokens=False).ids
    found = [tokens[number] for number in ids]
    after = ["▁", "a"] if swallowed else ["▁", "<0x0A>", "a"]
    assert found == ["<s>", "▁", "<0x0A>", "<|user|>", *after]


def test_a_unigram_vocabulary_without_scores_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="lacks scores"):
        read_tokenizer(stored(tmp_path / "v.gguf", "t5"))
