"""python -m training.data.translated --lists /var/lib/apt/lists --out out/translated.json

Makes questions in one language about texts in another from Debian's package descriptions and their translations. (apt
keeps them: ``apt-get -o Acquire::Languages="de,fr,es,it,pt,pt_BR,nl,pl,cs,ru,tr,zh_CN,ja,ko,uk,da,sv,fi,hu,en"
update``; the files are read through ``apt-helper cat-file``.) A name or number of a translated sentence that the
English text holds too is replaced by the language's word for "what"; it is the answer. Some are turned round: an
English sentence about a translated text. Negatives are neighbours in the alphabet, often of one family, without the
answer.
"""

import argparse
import json
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from training.data.store import CLAIM, QUESTION, Store, build_store, load_tokenizer

WHAT = {
    "de": "was", "fr": "quoi", "es": "qué", "it": "cosa", "pt": "o que", "pt_BR": "o que", "nl": "wat", "pl": "co",
    "cs": "co", "ru": "что", "tr": "ne", "zh_CN": "什么", "ja": "何", "ko": "무엇", "uk": "що", "da": "hvad",
    "sv": "vad", "fi": "mikä", "hu": "mi", "en": "what",
}  # fmt: skip
_SHARED = re.compile(r"[A-Za-z][A-Za-z0-9+./_-]*[A-Za-z0-9+]|\d[\d.,]*\d|\d")
_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_LEAST, _MOST = 25, 260  # characters of a sentence
_CHARS = 800  # of a passage


def descriptions(lists: Path, language: str) -> dict[str, str]:
    """The description of each package in a language, by the package's name: one line, then prose."""
    found: dict[str, str] = {}
    for path in lists.glob(f"*_main_i18n_Translation-{language.replace('_', '%5f')}*"):
        raw = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], capture_output=True, check=True).stdout
        for block in raw.decode("utf-8", "replace").split("\n\n"):
            name = re.search(r"^Package: (.+)$", block, re.M)
            text = re.search(rf"^Description-{re.escape(language)}: (.*(?:\n .*)*)", block, re.M)
            if name and text:
                lines = [line.strip() for line in text[1].split("\n")]
                prose = " ".join("\n" if line == "." else line for line in lines[1:]).replace(" \n ", "\n")
                found.setdefault(name[1], f"{lines[0]}.\n{prose}"[:_CHARS])
    return found


def sentences_of(text: str) -> list[str]:
    pieces = [s.strip() for line in text.split("\n") for s in _END.split(line)]
    return [s for s in pieces if _LEAST <= len(s) <= _MOST and not s.startswith(("*", "-"))]


Row = tuple[str, str, str, list[str], int]  # question, passage, answer ("" for a claim), negatives, kind


def rows_of(
    english: dict[str, str], other: dict[str, str], language: str, most: int, rng: random.Random
) -> Iterator[Row]:
    """Questions and statements in ``language`` about English texts, and the other way round."""
    names = sorted(set(english) & set(other))
    made = 0
    for at in rng.sample(range(len(names)), len(names)):
        name = names[at]
        turned = rng.random() < 0.2
        told, asked = (other[name], english[name]) if turned else (english[name], other[name])
        near = [names[i] for i in range(max(0, at - 4), min(len(names), at + 5)) if i != at]
        texts = [other[n] if turned else english[n] for n in near]
        pieces = sentences_of(asked)
        if not pieces or english[name] == other[name]:
            continue
        sentence = rng.choice(pieces)
        if rng.random() < 0.25:
            yield sentence, told, "", [t for t in texts if t[:60] != told[:60]][:2], CLAIM
        shared = [m[0] for m in _SHARED.finditer(sentence) if _has(told, m[0])]
        if language not in ("zh_CN", "ja", "ko", "ru", "uk"):  # in Latin letters, a capital or a digit tells a name
            shared = [s for s in shared if s[0].isdigit() or not s.islower()]
        rng.shuffle(shared)
        for answer in shared:
            negatives = [t for t in texts if not _has(t, answer)]
            if len(shared) > 6 or len(negatives) < 2 or sentence.count(answer) > 1:
                continue
            question = sentence.replace(answer, WHAT["en" if turned else language]).rstrip(".。 ") + "?"
            yield question, told, answer, negatives[:2], QUESTION
            made += 1
            break
        if made >= most:
            return


def _has(text: str, answer: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(answer)}(?![A-Za-z0-9])", text) is not None


def store_of(rows: list[Row], tokenizer: Tokenizer) -> Store:
    """The rows as a store; a text that stands in several rows is kept once."""
    numbers: dict[str, int] = {}
    questions, kinds = [], []
    for question, told, answer, negatives, kind in rows:
        places = []
        if answer:
            pattern = rf"(?<![A-Za-z0-9]){re.escape(answer)}(?![A-Za-z0-9])"
            places = [(m.start(), m.end()) for m in re.finditer(pattern, told)]
        gold, *wrong = (numbers.setdefault(text, len(numbers)) for text in (told, *negatives))
        questions.append((question, gold, places, wrong))
        kinds.append(kind)
    return build_store(tokenizer, [("", text) for text in numbers], questions, kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, required=True)
    parser.add_argument("--most", type=int, default=3500, help="questions of a language")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="translated.npz; the texts stand in a .json beside it")
    args = parser.parse_args()
    rng = random.Random(0)
    english = descriptions(args.lists, "en")
    rows: list[Row] = []
    for language in WHAT:
        if language != "en":
            made = list(rows_of(english, descriptions(args.lists, language), language, args.most, rng))
            rows += made
            print(language, len(made), flush=True)
    store_of(rows, load_tokenizer(args.tokenizer)).save(args.out)
    args.out.with_suffix(".json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    for row in rng.sample(rows, 12):
        print(row[0], "|", row[2], "|", row[1][:150].replace("\n", " "))


if __name__ == "__main__":
    main()
