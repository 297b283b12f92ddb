"""python -m training.data.switched --lexicon out/lexicon.json --tokenizer XLM --stores out/multi/squad-train.npz:1 ...

Turns the questions of stores word by word into other languages, so that a reader matches foreign words with those of
English passages (code-switching, after CoSDA-ML, https://arxiv.org/abs/2006.06402). Each question gets one language at
random; names, numbers, words that no dictionary holds and a share of all others stay English. Question words, articles,
auxiliaries and prepositions come from ``function_words.tsv`` ("-" leaves a word out), all others from the dictionaries
(training.data.dictionaries). Writes ``switched-NAME.npz`` beside each store, over the same passages; ``:2`` switches
every question twice. Needs lemminflect.
"""

import argparse
import json
import random
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from training.data.store import Ragged, Store, load_tokenizer

LEFT = 0.12  # share of words that stay English
LATE = 0.5  # share of the questions of _LATE whose question word goes to the end
_LATE = ("tr", "zh", "ja")
_FUNCTIONS = Path(__file__).with_name("function_words.tsv")
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d[\d.,:/]*\d|\S")
_ASKING = ("who", "what", "which", "when", "where", "why", "how")
_CJK = "\u3040-\u30ff\u4e00-\u9fff、。？"
_LEMMAS = ("NOUN", "VERB", "ADJ")


@cache
def lemmas(word: str) -> tuple[str, ...]:
    from lemminflect import getAllLemmas

    found = getAllLemmas(word)
    return tuple(dict.fromkeys(lemma for kind in _LEMMAS for lemma in found.get(kind, ()) if lemma != word))


def function_words() -> dict[str, dict[str, list[str]]]:
    """For each language the English function words and what stands for them."""
    names, *rows = (line.split("\t") for line in _FUNCTIONS.read_text(encoding="utf-8").splitlines())
    return {
        language: {row[0]: [w if w != "-" else "" for w in row[i].split("/")] for row in rows}
        for i, language in enumerate(names)
        if i
    }


class Switch:
    """Switches texts into one language with a lexicon (English word or two -> translations, likelier ones first)."""

    def __init__(self, language: str, lexicon: dict[str, list[str]], left: float = LEFT) -> None:
        self.language, self.lexicon, self.left = language, lexicon, left
        self.functions = function_words()[language]

    def __call__(self, text: str, rng: random.Random) -> str:
        tokens = _TOKEN.findall(re.sub(r"['’]s\b", "", re.sub(r"n['’]t\b", " not", text)))
        out: list[str] = []
        asking: list[str] = []
        at = 0
        while at < len(tokens):
            first = tokens[at].lower()
            for width in (2, 1):
                words = tokens[at : at + width]
                said = self._said(words, at == 0, rng) if len(words) == width else None
                if said is not None:
                    break
            else:
                said, width = tokens[at], 1
            if first in _ASKING and not asking and at < 2 and self.language in _LATE and rng.random() < LATE:
                asking = [said]
            else:
                out.append(said)
            at += width
        end = [out.pop()] if out and out[-1] in ("?", ".") else []
        return self._joined([w for w in (*out, *asking, *end) if w])

    def _said(self, words: Sequence[str], first: bool, rng: random.Random) -> str | None:
        """What stands for one or two English words; None if nothing does."""
        low = " ".join(w.lower() for w in words)
        if low in self.functions and (first or words[0].islower()):
            return rng.choice(self.functions[low])
        if not words[0][0].isalpha() or rng.random() < self.left:
            return None
        forms = [" ".join(words)]
        if words[0].islower() or first:
            start = " ".join(w.lower() for w in words[:-1])
            forms += [low, *(f"{start} {lemma}".strip() for lemma in lemmas(words[-1].lower()))]
        found = next((self.lexicon[form] for form in forms if form in self.lexicon), None)
        return rng.choices(found, [1 / (1 + i) for i in range(len(found))])[0] if found else None

    def _joined(self, words: list[str]) -> str:
        text = re.sub(r" (?=[?.,:;!)%'’])|(?<=\() ", "", " ".join(words))
        if self.language == "ar":
            text = text.replace("?", "؟").replace(",", "،")
        if self.language in ("zh", "ja"):
            text = re.sub(rf"(?<=[{_CJK}]) | (?=[{_CJK}])", "", text.replace("?", "？").replace(",", "、"))
        if self.language == "es" and text.endswith("?"):
            return f"¿{text[:1].upper()}{text[1:]}"
        return text[:1].upper() + text[1:]


@cache
def _switches(lexicon: Path) -> list[Switch]:
    return [Switch(language, words) for language, words in json.loads(lexicon.read_text(encoding="utf-8")).items()]


def switch_all(lexicon: Path, texts: Sequence[str], seed: int) -> list[str]:
    rng = random.Random(seed)
    return [rng.choice(_switches(lexicon))(text, rng) for text in texts]


def switched(store: Store, tokenizer: Tokenizer, lexicon: Path, seed: int, workers: int) -> tuple[Store, list[str]]:
    """The store with its questions switched, and the new questions."""
    asked = tokenizer.decode_batch([store.questions[i].tolist() for i in range(len(store))])
    shares = [asked[at : at + 4000] for at in range(0, len(asked), 4000)]
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(partial(switch_all, lexicon), shares, range(seed, seed + len(shares)))
        texts = [t for share in made for t in share]
    ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return replace(store, questions=Ragged.of(ids)), texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lexicon", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--stores", nargs="+", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = load_tokenizer(args.tokenizer)
    for spec in args.stores:
        name, _, times = spec.partition(":")
        store, path = Store.load(Path(name)), Path(name)
        made = [
            switched(store, tokenizer, args.lexicon, args.seed + 1000 * n, args.workers) for n in range(int(times or 1))
        ]
        joined = made[0][0]
        for again, _ in made[1:]:  # the passages stand in the store once
            joined = replace(
                joined,
                questions=Ragged.join([joined.questions, again.questions]),
                gold=np.concatenate([joined.gold, again.gold]),
                spans=np.concatenate([joined.spans, again.spans]),
                negatives=np.concatenate([joined.negatives, again.negatives]),
                kinds=np.concatenate([joined.kinds, again.kinds]),
            )
        out = path.with_name(f"switched-{path.name}")
        joined.save(out)
        texts = [t for _, part in made for t in part]
        out.with_suffix(".json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
        print(out, len(joined), *random.Random(0).sample(texts, min(14, len(texts))), sep="\n", flush=True)


if __name__ == "__main__":
    main()
