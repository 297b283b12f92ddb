"""Makes tokenizer.json of the vocabulary in a GGUF file: byte-level BPE ("gpt2"), SentencePiece's BPE ("llama") or
unigram model ("t5").

A byte-level vocabulary names the rule that cuts text before its merges apply; an unknown rule is refused, since another
one would give other tokens. SentencePiece merges by the scores of what comes out, and has no list of merges, so that is
worked out from the scores.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.gguf.cutting_rules import CUTTING_RULES
from engines.model.gguf.file import GgufFile

_UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 2, 3, 4, 6  # types of tokens
_PHI3_PLAIN = ("<unk>", "<s>", "<|endoftext|>")
_KINDS = ("gpt2", "llama", "t5")
# By these a turn ends, whether or not a file says so.
_ENDS = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What else a folder says of a tokenizer: ``bos`` and ``eos`` as text, and all tokens that end an answer."""

    tokenizer: Tokenizer
    bos: str
    eos: str
    end_ids: tuple[int, ...]
    chat_template: str | None


def read_tokenizer(file: GgufFile) -> Vocabulary:
    """Raises UnsupportedModel for a kind of vocabulary that is not read, CheckpointError for a damaged one."""
    kind = file.metadata.get("tokenizer.ggml.model")
    if kind not in _KINDS:
        raise UnsupportedModel(
            f"{file.path.name} has a vocabulary of the kind {str(kind)[:40]!r}.", "Use another model."
        )
    tokens, types = _texts(file, "tokens"), _types(file)
    if len(set(tokens)) != len(tokens):
        raise CheckpointError(f"The vocabulary in {file.path} names a token twice.", "Download it again.")
    if kind == "gpt2":
        tokenizer, bos_first = _byte_level(file, tokens)
    elif kind == "llama":
        tokenizer, bos_first = _sentencepiece(file, tokens, types), True
    else:
        tokenizer, bos_first = _unigram(file, tokens, types)
    is_phi3 = _is_phi3(file)
    for text, number in zip(tokens, types, strict=True):
        if number in (_UNKNOWN, _CONTROL, _USER_DEFINED) and text:
            special = number != _USER_DEFINED
            add = tokenizer.add_special_tokens if special else tokenizer.add_tokens
            swallows = is_phi3 and text not in _PHI3_PLAIN
            add([AddedToken(text, special=special, normalized=False, rstrip=swallows)])
    bos, eos = (_token(file, tokens, name) for name in ("bos", "eos"))
    if file.metadata.get("tokenizer.ggml.add_bos_token", bos_first) and bos is not None:
        ids = [(tokens[bos], bos)]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[tokens[bos], "$A"], pair=[tokens[bos], "$A", "$B"], special_tokens=ids
        )
    known = (number for number, text in enumerate(tokens) if text in _ENDS and types[number] == _CONTROL)
    named = (_token(file, tokens, name) for name in ("eos", "eot", "eom"))
    ends = sorted({*known, *(number for number in named if number is not None)})
    template = file.metadata.get("tokenizer.chat_template")
    return Vocabulary(
        tokenizer,
        tokens[bos] if bos is not None else "",
        tokens[eos] if eos is not None else "",
        tuple(ends),
        template if isinstance(template, str) else None,
    )


def _is_phi3(file: GgufFile) -> bool:
    """Whether marks swallow the white space behind them, which only the model's own tokenizer says."""
    name, kind = file.metadata.get("general.name"), file.metadata.get("tokenizer.ggml.model")
    called = isinstance(name, str) and any(part in name.lower() for part in ("phi-3", "phi3"))
    return called or (file.metadata.get("general.architecture") == "phi3" and kind == "llama")


def _byte_level(file: GgufFile, tokens: Sequence[str]) -> tuple[Tokenizer, bool]:
    name = _rule_name(file, tokens)
    rule = CUTTING_RULES.get(name)
    if rule is None:
        raise UnsupportedModel(
            f"{file.path.name} cuts text by the rule {name[:40]!r}, which is not known.",
            "Get the model as safetensors.",
        )
    merges = [(left, right) for left, _, right in (pair.partition(" ") for pair in _texts(file, "merges"))]
    vocabulary = {text: number for number, text in enumerate(tokens)}
    tokenizer = Tokenizer(_bpe(file, vocabulary, merges, ignore_merges=rule.ignore_merges))
    if rule.compose:
        tokenizer.normalizer = normalizers.NFC()
    cuts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in rule.patterns]
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts, as_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, rule.bos


def _rule_name(file: GgufFile, tokens: Sequence[str]) -> str:
    """Files from before April 2024 do not name the rule; those of some families can have but one."""
    name = file.metadata.get("tokenizer.ggml.pre")
    if name is None and file.metadata.get("general.architecture") == "qwen2":
        return "qwen2"
    if name is None and "<|begin_of_text|>" in tokens:
        return "llama-bpe"
    return "default" if name is None else str(name)


def _unigram(file: GgufFile, tokens: Sequence[str], types: Sequence[int]) -> tuple[Tokenizer, bool]:
    """The likeliest way to cut a text, by the scores as logarithms of probabilities."""
    vocabulary = list(zip(tokens, _scores(file, len(tokens)), strict=True))
    unknown = next((number for number, kind in enumerate(types) if kind == _UNKNOWN), None)
    try:
        tokenizer = Tokenizer(models.Unigram(vocabulary, unknown, byte_fallback=_BYTE in types))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"The vocabulary in {file.path} is damaged: {error}.", "Download it again.") from error
    steps: list[normalizers.Normalizer] = []
    if isinstance(charsmap := file.metadata.get("tokenizer.ggml.precompiled_charsmap"), list):
        steps.append(normalizers.Precompiled(bytes(int(one) & 0xFF for one in charsmap)))
    if file.metadata.get("tokenizer.ggml.remove_extra_whitespaces", False):
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    scheme = "always" if file.metadata.get("tokenizer.ggml.add_space_prefix", True) else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)])
    return tokenizer, False


def _sentencepiece(file: GgufFile, tokens: Sequence[str], types: Sequence[int]) -> Tokenizer:
    scores = _scores(file, len(tokens))
    vocabulary = {text: number for number, text in enumerate(tokens)}
    unknown = next((text for text, number in zip(tokens, types, strict=True) if number == _UNKNOWN), None)
    usual = [number for number in range(len(tokens)) if types[number] not in (_UNKNOWN, _CONTROL)]
    merges = list(_merges(vocabulary, {tokens[number]: float(scores[number]) for number in usual}))
    tokenizer = Tokenizer(_bpe(file, vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))
    prefix = bool(file.metadata.get("tokenizer.ggml.add_space_prefix", True))
    spaces = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if prefix else spaces
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if prefix else parts)
    return tokenizer


def _merges(vocabulary: dict[str, int], scores: dict[str, float]) -> Iterator[tuple[str, str]]:
    """Every way to make a token of two others, best score first."""
    found = []
    for whole, score in scores.items():
        ways = ((whole[:cut], whole[cut:]) for cut in range(1, len(whole)))
        for left, right in ways:
            if left in vocabulary and right in vocabulary:
                found.append((-score, -len(left), -len(right), vocabulary[left], vocabulary[right], left, right))
    for *_, left, right in sorted(found):
        yield left, right


def _bpe(
    file: GgufFile, vocabulary: dict[str, int], merges: Sequence[tuple[str, str]], **options: bool | str | None
) -> models.BPE:
    try:
        return models.BPE(vocab=vocabulary, merges=merges, **options)
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"The vocabulary in {file.path} is damaged: {error}.", "Download it again.") from error


def _texts(file: GgufFile, name: str) -> list[str]:
    found = file.metadata.get(f"tokenizer.ggml.{name}")
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise CheckpointError(f"tokenizer.ggml.{name} in {file.path} is no list of texts.", "Download it again.")
    return [str(one) for one in found]


def _scores(file: GgufFile, count: int) -> list[float]:
    found = file.metadata.get("tokenizer.ggml.scores")
    if not isinstance(found, list) or len(found) != count or not all(isinstance(one, int | float) for one in found):
        raise CheckpointError(f"The vocabulary in {file.path} lacks scores.", "Download it again.")
    return [float(one) for one in found]


def _types(file: GgufFile) -> list[int]:
    tokens, found = _texts(file, "tokens"), file.metadata.get("tokenizer.ggml.token_type")
    if found is None:
        return [1] * len(tokens)
    if not isinstance(found, list) or len(found) != len(tokens):
        raise CheckpointError(f"The vocabulary in {file.path} lacks types.", "Download it again.")
    return [int(one) for one in found]


def _token(file: GgufFile, tokens: Sequence[str], name: str) -> int | None:
    number = file.metadata.get(f"tokenizer.ggml.{name}_token_id")
    return number if isinstance(number, int) and 0 <= number < len(tokens) else None
