"""How byte-level vocabularies cut text before their merges apply, by the names that GGUF files have for it.

A rule is what the model's own tokenizer does. llama.cpp's is the same but where its regular expressions cannot say it:
it does not compose characters for Qwen 2, and counts marks otherwise for Tekken and GPT-4o.
"""

from dataclasses import dataclass

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_GPT2 = rf"{_WORDS}|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_AFTER_WORDS = rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_SPACES}"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_LLAMA3 = rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}{{1,3}}|{_AFTER_WORDS}"
_QWEN2 = rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}|{_AFTER_WORDS}"
_SEED = rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_SPACES}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE, _MARKS = r"[^\r\n\p{L}\p{N}]?", rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
_TEKKEN = rf"{_BEFORE}{_UPPER}*{_LOWER}+|{_BEFORE}{_UPPER}+{_LOWER}*|\p{{N}}|{_MARKS}"
_GPT4O = (
    rf"{_BEFORE}{_UPPER}*{_LOWER}+{_CONTRACTIONS}?|{_BEFORE}{_UPPER}+{_LOWER}*{_CONTRACTIONS}?|\p{{N}}{{1,3}}|{_MARKS}"
)
_DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_SPACES}"
)
# Cased letters as of an older Unicode, halves of surrogate pairs left out.
_CASED = (
    "[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-"
    "Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ"
    "-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]"
)
_EAST_ASIAN = "[一-龥\u0800-一가-\ud7ff]+"
_DIGIT, _THREE_DIGITS = r"\p{N}", r"\p{N}{1,3}"


@dataclass(frozen=True, slots=True)
class CuttingRule:
    """The ``patterns`` apply one after another to what those before have left. ``ignore_merges``: a word that is a
    token stays one. ``bos``: a text begins with that token unless the file says otherwise."""

    patterns: tuple[str, ...]
    compose: bool = False  # characters first (NFC)
    ignore_merges: bool = False
    bos: bool = False


def _named(rule: CuttingRule, *names: str) -> dict[str, CuttingRule]:
    return dict.fromkeys(names, rule)


CUTTING_RULES: dict[str, CuttingRule] = {
    **_named(CuttingRule((r"[\p{P}\$\+<=>\^~\|]+", _WORDS, r"\p{N}+", "[0-9][0-9][0-9]")), "default"),
    **_named(CuttingRule((_GPT2,)), "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "gigachat", "a.x-4.0"),
    **_named(CuttingRule((_GPT2,)), "exaone4", "mellum", "granite-docling"),
    **_named(CuttingRule((_DIGIT, _GPT2)), "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"),
    **_named(CuttingRule((_DIGIT, _GPT2)), "minerva-7b", "mellum2"),
    **_named(CuttingRule((_LLAMA3,), ignore_merges=True, bos=True), "llama-bpe", "llama3", "llama-v3", "falcon3"),
    **_named(CuttingRule((_LLAMA3,), ignore_merges=True, bos=True), "pixtral", "midm-2.0", "falcon-h1", "lfm2"),
    **_named(CuttingRule((_LLAMA3,)), "dbrx", "smaug-bpe"),
    **_named(CuttingRule((_QWEN2,), compose=True), "qwen2", "deepseek-r1-qwen", "megrez"),
    **_named(CuttingRule((_QWEN2,)), "stablelm2", "kormo"),
    **_named(CuttingRule((_SEED,)), "seed-coder"),
    **_named(CuttingRule((_TEKKEN,), ignore_merges=True, bos=True), "tekken"),
    **_named(CuttingRule((_GPT4O,)), "gpt-4o", "llama4", "kanana2"),
    **_named(CuttingRule((_THREE_DIGITS, "[一-龥\u3040-ゟ゠-ヿ]+", _DEEPSEEK3)), "deepseek-v3"),
    **_named(CuttingRule((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _EAST_ASIAN, _DIGIT)), "deepseek-coder"),
    **_named(
        CuttingRule(
            (
                r"[\r\n]",
                rf"\s?{_CASED}+",
                "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+",
                r"\s+$",
                _EAST_ASIAN,
                r"\p{N}+",
            )
        ),
        "deepseek-llm",
    ),
    **_named(CuttingRule((r" ?[^(\s|.,!?…。，、।۔،)]+", _DIGIT)), "viking"),
}
