"""python -m training.data.prepare_squad --data DATA --tokenizer MINILM/tokenizer.json --out out/data

Splits SQuAD by article, searches each split's own paragraphs with BM25, and writes
``squad-{train,val,test}.npz`` (stores), ``squad-{train,val,test}.candidates.npy`` ([questions, 50] paragraphs by
BM25, the answering one included). With ``--searched`` only so many questions of the training split get negatives by
BM25, the others those of their own article. No torch.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.corpus import Article, read_squad, split_articles
from training.data.search import keyword_search
from training.data.store import MAX_NEGATIVES, answer_places, build_store, load_tokenizer


@dataclass(frozen=True)
class Flat:
    """A split as lists: passages are (title, text); a question is (text, passage, answers)."""

    passages: list[tuple[str, str]]
    questions: list[tuple[str, int, tuple[tuple[int, str], ...]]]
    article: NDArray[np.int32]  # of each passage


def flatten(articles: list[Article]) -> Flat:
    passages: list[tuple[str, str]] = []
    questions: list[tuple[str, int, tuple[tuple[int, str], ...]]] = []
    article: list[int] = []
    for number, a in enumerate(articles):
        for p in a.paragraphs:
            questions += [(q.text, len(passages), q.answers) for q in p.questions if q.answers]
            passages.append((a.title, p.text))
            article.append(number)
    return Flat(passages, questions, np.array(article, np.int32))


_NOISE = re.compile(r"\b(a|an|the)\b|[^\w\s]")


def plain(text: str) -> str:
    return " ".join(_NOISE.sub(" ", text.lower()).split())


def lacks(passage: str, answers: tuple[tuple[int, str], ...]) -> bool:
    """Says whether none of the answers occurs as words in ``passage``, which is text made by ``plain``."""
    return not any(f" {plain(a)} " in f" {passage} " for _, a in answers)


def mine(flat: Flat, found: NDArray[np.int32], rng: np.random.Generator) -> list[list[int]]:
    """Finds negatives: for each question up to 10 BM25 passages and up to 6 of the same article, none with the
    answer."""
    texts = [plain(t) for _, t in flat.passages]
    members: dict[int, list[int]] = {}
    for p, a in enumerate(flat.article):
        members.setdefault(int(a), []).append(p)
    out = []
    for (_, gold, answers), row in zip(flat.questions, found, strict=True):
        hard = [int(p) for p in row if p >= 0 and p != gold and lacks(texts[p], answers)][:10]
        same = [p for p in members[int(flat.article[gold])] if p != gold and p not in hard and lacks(texts[p], answers)]
        rng.shuffle(same)
        out.append((hard + same)[:MAX_NEGATIVES])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="a folder for each tokenizer")
    parser.add_argument("--searched", type=int, default=None, help="questions; searching for all takes the most time")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    for name, articles in split_articles(read_squad(args.data / "qa/squad-train-v1.1.json.xz")).items():
        flat = flatten(articles)
        searched = np.random.default_rng(0).permutation(len(flat.questions))[
            : args.searched if name == "train" else None
        ]
        found = np.full((len(flat.questions), 50), -1, np.int32)
        found[searched] = keyword_search(flat.passages, [flat.questions[i][0] for i in searched], 50, args.workers)
        negatives = mine(flat, found, np.random.default_rng(0))
        questions = [
            (
                text,
                gold,
                [(s, s + len(a)) for start, a in answers for s in answer_places(flat.passages[gold][1], start, a)],
                wrong,
            )
            for (text, gold, answers), wrong in zip(flat.questions, negatives, strict=True)
        ]
        for path, out in zip(args.tokenizer, args.out, strict=True):
            out.mkdir(parents=True, exist_ok=True)
            build_store(load_tokenizer(path), flat.passages, questions).save(out / f"squad-{name}.npz")
            np.save(out / f"squad-{name}.candidates.npy", found)
        print(
            f"{name}: {len(articles)} articles, {len(flat.passages)} paragraphs, {len(questions)} questions", flush=True
        )


if __name__ == "__main__":
    main()
