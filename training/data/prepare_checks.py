"""python -m training.data.prepare_checks --data DATA --tokenizer MINILM/tokenizer.json --out out/data

Makes what teaches a reader to doubt, from SQuAD's articles (split as in training.data.prepare_squad), and writes
``absent-{train,val}.npz``, ``claims-{train,val}.npz`` and, for whole pipelines, ``absent-val.json``. Absent: questions
about a passage that does not answer them, because one thing in them was changed, another property is asked for, or the
answering sentence was taken out; beside them, so that the forms themselves prove nothing, questions with the time that
their sentence names. Claims: statements that the passage supports, and the same ones with one thing changed. Needs
HanTa and lemminflect.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from training.data.changed import Pool, change, names_in, other_property, same_kind, values_in, with_own_time
from training.data.corpus import Article, Question, read_squad, sentences, split_articles
from training.data.prepare_squad import lacks, plain
from training.data.search import STOP
from training.data.statements import state
from training.data.store import ABSENT, CLAIM, Store, answer_places, build_store, load_tokenizer

_WORD = re.compile(r"\b[a-z]{4,}\b")
Row = tuple[str, int, list[tuple[int, int]], list[int], int]  # question, passage, places, negatives, kind
_OTHERS = 3  # passages of the article beside the one that a question came from


class _Making:
    """The questions and statements made from one article, over its paragraphs and those made shorter."""

    def __init__(self, article: Article, other_names: Sequence[str], rng: random.Random) -> None:
        self.article, self.rng = article, rng
        self.texts = [p.text for p in article.paragraphs]
        self.plain = [plain(t) for t in self.texts]
        self.names = [n for t in self.texts for n in names_in(t)]
        asked = " ".join(q.text for p in article.paragraphs for q in p.questions)
        self.words = sorted({w for w in _WORD.findall(asked) if w not in STOP})
        self.other_names = other_names
        self.absent: list[Row] = []
        self.claims: list[Row] = []
        self.made: Counter[str] = Counter()
        self.asked: list[tuple[str, int, str]] = []  # absent questions about whole paragraphs

    def pool(self) -> Pool:
        return Pool(self.names, self.words, self.other_names)

    def wrong(self, number: int, answer: str = "") -> list[int]:
        """Other paragraphs of the article, without the answer."""
        others = [i for i in range(len(self.article.paragraphs)) if i != number]
        others = [i for i in others if not answer or lacks(self.plain[i], ((0, answer),))]
        return self.rng.sample(others, min(_OTHERS, len(others)))

    def add_absent(self, text: str, passage: int, others: list[int], kind: str) -> None:
        self.absent.append((text, -1, [], [passage, *others], ABSENT))
        if passage < len(self.article.paragraphs):
            self.asked.append((text, passage, kind))
        self.made[kind] += 1

    def question(self, number: int, question: Question) -> None:
        rng, text = self.rng, self.texts[number]
        start, answer = question.answers[0]
        sentence, first = _sentence_at(text, start)
        if rng.random() < 0.6 and (made := change(question.text, text, self.pool(), rng)):
            self.add_absent(made[0], number, self.wrong(number), made[1])
        if rng.random() < 0.12 and (asked := other_property(text, rng)):
            self.add_absent(asked, number, self.wrong(number), "property")
        if rng.random() < 0.15 and len(text) - len(sentence) > 200:
            left = (text[:first] + text[first + len(sentence) :]).strip()
            if lacks(plain(left), question.answers):
                self.texts.append(left)
                self.add_absent(question.text, len(self.texts) - 1, self.wrong(number, answer), "sentence taken out")
        if (timed := with_own_time(question.text, sentence)) and rng.random() < 0.5:
            places = [(s, s + len(answer)) for s in answer_places(text, start, answer)]
            self.absent.append((timed, number, places, self.wrong(number, answer), ABSENT))
            self.made["own time"] += 1
        self.statements(number, question, sentence)

    def statements(self, number: int, question: Question, sentence: str) -> None:
        rng, text = self.rng, self.texts[number]
        start, answer = question.answers[0]
        chance = rng.random()
        if chance < 0.45:
            said = state(question.text, text, start, answer)
            said = f"{said}." if said else None
        elif chance < 0.62:
            said = f"{question.text} {answer}"
        elif chance < 0.72:
            said = sentence if 5 <= len(sentence.split()) <= 40 and answer in sentence else None
        else:
            said = None
        if said is None:
            return
        shown = answer if answer in said else answer[:1].lower() + answer[1:]
        if rng.random() < 0.9:
            self.claims.append((said, number, [], self.wrong(number, answer), CLAIM))
            self.made["true"] += 1
        here = [v for v in values_in(text) if v not in question.text]
        away = [v for v in values_in(" ".join(rng.sample(self.texts, min(4, len(self.texts))))) if v not in text]
        for _ in range(1 if rng.random() < 0.7 else 2):
            way = rng.random()
            if way < 0.4:
                made, kind = same_kind(answer, here, rng), "value of the passage"
            elif way < 0.6:
                made, kind = same_kind(answer, away, rng), "other value"
            else:
                changed = change(said, text, self.pool(), rng, keep=shown)
                if changed is None:
                    continue
                self.claims.append((changed[0], -1, [], [number, *self.wrong(number)], CLAIM))
                self.made[f"false: {changed[1]}"] += 1
                continue
            if made and shown in said:
                self.claims.append((said.replace(shown, made, 1), -1, [], [number, *self.wrong(number)], CLAIM))
                self.made[f"false: {kind}"] += 1


def _sentence_at(text: str, start: int) -> tuple[str, int]:
    at = 0
    for sentence in sentences(text):
        first = text.index(sentence, at)
        at = first + len(sentence)
        if first <= start < at:
            return sentence, first
    return text, 0


def _make(job: tuple[int, Article, list[str]]) -> "_Making":
    seed, article, names = job
    making = _Making(article, names, random.Random(seed))
    for i, paragraph in enumerate(article.paragraphs):
        for question in paragraph.questions:
            if question.answers:
                making.question(i, question)
    return making


def _jobs(articles: Sequence[Article], seed: int) -> Iterator[tuple[int, Article, list[str]]]:
    rng = random.Random(seed)
    names = [n for a in articles for p in rng.sample(a.paragraphs, min(8, len(a.paragraphs))) for n in names_in(p.text)]
    for number, article in enumerate(articles):
        yield seed * len(articles) + number, article, rng.sample(names, min(200, len(names)))


def build(
    articles: Sequence[Article], tokenizers: Sequence[Path], workers: int, seed: int = 0
) -> tuple[list[tuple[Store, Store]], list[tuple[str, int, str]], Counter[str]]:
    """Returns the absent questions and the claims for each tokenizer; the absent questions with the number of their
    paragraph among all and their kind; and how many of each kind there are."""
    passages: list[tuple[str, str]] = []
    rows: tuple[list[Row], list[Row]] = ([], [])
    made: Counter[str] = Counter()
    asked: list[tuple[str, int, str]] = []
    paragraphs = 0
    with ProcessPoolExecutor(workers) as pool:
        for making in pool.map(_make, _jobs(articles, seed), chunksize=2):
            for kept, found in zip(rows, (making.absent, making.claims), strict=True):
                for text, gold, places, wrong, kind in found:
                    at = len(passages)
                    kept.append((text, gold + at if gold >= 0 else -1, places, [w + at for w in wrong], kind))
            asked += [(text, paragraphs + number, kind) for text, number, kind in making.asked]
            paragraphs += len(making.article.paragraphs)
            passages += [(making.article.title, text) for text in making.texts]
            made += making.made
    stores = []
    for tokenizer in map(load_tokenizer, tokenizers):
        absent, claims = (build_store(tokenizer, passages, [r[:4] for r in p], [r[4] for r in p]) for p in rows)
        stores.append((absent, claims))
    return stores, asked, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="a folder for each tokenizer")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="another one makes other changes")
    parser.add_argument("--most", type=int, default=None, help="articles; for a first look")
    args = parser.parse_args()
    split = split_articles(read_squad(args.data / "qa/squad-train-v1.1.json.xz"))
    for name in ("train", "val"):
        stores, asked, made = build(split[name][: args.most], args.tokenizer, args.workers, args.seed)
        for out, (absent, claims) in zip(args.out, stores, strict=True):
            out.mkdir(parents=True, exist_ok=True)
            absent.save(out / f"absent-{name}.npz")
            claims.save(out / f"claims-{name}.npz")
            if name == "val":
                (out / "absent-val.json").write_text(json.dumps(asked))
        print(f"{name}: {len(absent)} questions, {len(claims)} statements, {dict(made)}", flush=True)


if __name__ == "__main__":
    main()
