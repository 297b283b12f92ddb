"""python -m training.nano.tune_data --data DATA --tokenizer out/nano/tokenizer.json --out out/tune.npz --workers 16

Makes docent-nano's lessons for Docent's own tasks (answering with and without the reader's hint, refusing, rewriting
follow-ups, titles, summaries) from SQuAD's training articles, MedQuAD, the encyclopaedia and the training parts of the
rewriting sets, and stores them as token ids. Needs HanTa and lemminflect. The held-out articles are left out.
"""

import argparse
import os
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.data.corpus import Article, read_jsonl, read_squad, split_articles, wiki_sections
from training.data.store import load_tokenizer
from training.nano.data import batched, held_out_titles
from training.nano.tasks import END, Example
from training.nano.tune_answers import Shelf, answer_examples, asked_of, medquad_examples
from training.nano.tune_forms import definition_examples, form_examples
from training.nano.tune_rewrites import canard_examples, cast_examples, rewrite_examples
from training.nano.tune_texts import summary_examples, title_examples

_NAME = re.compile(r"(?<=[a-z] )[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+){0,3}")
KINDS = ("answer", "none", "health", "rewrite", "title", "summary")


class Lessons:
    """The token ids of every lesson, where its reply starts, and its kind."""

    def __init__(
        self, tokens: NDArray[np.uint16], ends: NDArray[np.int64], replies: NDArray[np.int32], kinds: NDArray[np.int8]
    ) -> None:
        self.tokens, self.ends, self.replies, self.kinds = tokens, ends, replies, kinds

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> tuple[NDArray[np.uint16], int]:
        """Returns all tokens of a lesson and how many of them belong to the prompt."""
        start = int(self.ends[i - 1]) if i else 0
        return self.tokens[start : int(self.ends[i])], int(self.replies[i])

    @classmethod
    def encode(cls, tokenizer: Tokenizer, examples: Sequence[Example], longest: int) -> "Lessons":
        rows, replies, kinds = [], [], []
        prompts = tokenizer.encode_batch([e.prompt for e in examples])
        texts = tokenizer.encode_batch([e.reply + END for e in examples])
        for e, prompt, reply in zip(examples, prompts, texts, strict=True):
            if len(prompt.ids) + len(reply.ids) <= longest:
                rows.append(np.array(prompt.ids + reply.ids, np.uint16))
                replies.append(len(prompt.ids))
                kinds.append(KINDS.index(e.kind))
        ends = np.cumsum([len(r) for r in rows], dtype=np.int64)
        tokens = np.concatenate(rows) if rows else np.zeros(0, np.uint16)
        return cls(tokens, ends, np.array(replies, np.int32), np.array(kinds, np.int8))

    @classmethod
    def join(cls, parts: Sequence["Lessons"]) -> "Lessons":
        starts = np.cumsum([0, *(len(p.tokens) for p in parts)])
        return cls(
            np.concatenate([p.tokens for p in parts]),
            np.concatenate([p.ends + s for p, s in zip(parts, starts, strict=False)]),
            np.concatenate([p.replies for p in parts]),
            np.concatenate([p.kinds for p in parts]),
        )

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, tokens=self.tokens, ends=self.ends, replies=self.replies, kinds=self.kinds)

    @classmethod
    def load(cls, path: Path) -> "Lessons":
        with np.load(path) as f:
            return cls(f["tokens"], f["ends"], f["replies"], f["kinds"])


class _Worker:
    tokenizer: Tokenizer
    articles: Sequence[Article]
    longest: int


def _start(tokenizer: str, articles: Sequence[Article], longest: int) -> None:
    _Worker.tokenizer = load_tokenizer(Path(tokenizer))
    _Worker.articles = articles
    _Worker.longest = longest


def _encoded(examples: Sequence[Example], show: int) -> tuple[Lessons, list[Example]]:
    return Lessons.encode(_Worker.tokenizer, examples, _Worker.longest), list(examples[:show])


def _squad(job: tuple[int, int, int]) -> tuple[Lessons, list[Example]]:
    """Makes the lessons of one article, in a shelf of forty neighbours."""
    number, each, seed = job
    rng = random.Random(seed * 10_007 + number)
    others = rng.sample([a for i, a in enumerate(_Worker.articles) if i != number], min(39, len(_Worker.articles) - 1))
    shelf = Shelf([_Worker.articles[number], *others])
    known = asked_of(shelf.articles[0])
    out = list(answer_examples(shelf, 0, known, each, rng))
    out += rewrite_examples(shelf.articles[0], known, 1, rng)
    out += title_examples(known, shelf.articles[0].title, 30, rng)
    return _encoded(rng.sample(out, len(out)), 4)


def _wiki(job: tuple[int, list[tuple[str, str]]]) -> tuple[Lessons, list[Example]]:
    rng = random.Random(job[0])
    out: list[Example] = []
    prose: list[tuple[str, str]] = []
    names: list[str] = []
    for title, text in job[1]:
        sections = wiki_sections(title, text, max_words=rng.choice((80, 120, 170, 250)))
        out += summary_examples(title, sections, 2, rng)
        out += definition_examples(title, sections, 1, rng)
        prose += [(title, s.text) for s in sections[:2]]
        names += [m for s in sections[:4] for m in _NAME.findall(s.text)]
    names = list(dict.fromkeys(n for n in names if len(n) < 40))
    if len(names) > 20:
        out += form_examples(names, prose, 90, rng)
    return _encoded(rng.sample(out, len(out)), 2)


def _manuals(job: tuple[int, list[tuple[str, str]]]) -> tuple[Lessons, list[Example]]:
    """Makes lessons of definitions in technical documents and laws."""
    rng = random.Random(job[0])
    out: list[Example] = []
    for title, text in job[1]:
        heading = text.split("\n", 1)[0].strip("# `")[:60] or title
        out += definition_examples(heading, wiki_sections("", text, min_words=25), 2, rng)
    return _encoded(out, 1)


def _health(job: tuple[int, list[tuple[str, str]]]) -> tuple[Lessons, list[Example]]:
    return _encoded(list(medquad_examples(job[1], random.Random(job[0]))), 2)


def wiki_rows(data: Path, held_out: frozenset[str], most: int) -> Iterator[tuple[str, str]]:
    path = min((data / "corpus").glob("wikipedia-*.jsonl.xz"))
    return islice((r for r in read_jsonl(path) if r[0].lower() not in held_out), most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--each", type=int, default=2, help="lessons a question")
    parser.add_argument("--wiki", type=int, default=5000, help="articles summaries are made from")
    parser.add_argument("--most", type=int, default=None, help="SQuAD articles; for a first look")
    parser.add_argument("--calibration", type=Path, default=None, help="write some lessons as text, for the quantizer")
    parser.add_argument("--longest", type=int, default=1280, help="tokens; longer lessons are left out")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    corpus = args.data / "corpus"
    all_articles = read_squad(args.data / "qa/squad-train-v1.1.json.xz")
    articles = split_articles(all_articles)["train"][: args.most]
    health = [(t, x) for t, x in read_jsonl(corpus / "medquad.jsonl.xz") if x]
    health = health[: len(health) if args.most is None else args.most * 40]
    wiki = wiki_rows(args.data, held_out_titles(all_articles), args.wiki)
    shown: list[Example] = []
    parts: list[Lessons] = []
    with ProcessPoolExecutor(
        args.workers, initializer=_start, initargs=(args.tokenizer, articles, args.longest)
    ) as pool:
        jobs = [pool.submit(_squad, (n, args.each, args.seed)) for n in range(len(articles))]
        jobs += [pool.submit(_health, job) for job in batched(iter(health), 500)]
        jobs += [pool.submit(_wiki, job) for job in batched(wiki, 100)]
        files = [corpus / f"{name}.jsonl.xz" for name in ("technical-docs", "law")]
        manuals = (row for path in files for row in islice(read_jsonl(path), args.wiki))
        jobs += [pool.submit(_manuals, job) for job in batched(manuals, 100)]
        for job in jobs:
            lessons, examples = job.result()
            parts.append(lessons)
            shown += examples
    people = [e for read in (canard_examples, cast_examples) for e in read(args.data)]
    parts += [Lessons.encode(load_tokenizer(Path(args.tokenizer)), people, args.longest)] * 3  # few and good: thrice
    everything = Lessons.join(parts)
    everything.save(args.out)
    if args.calibration:
        some = random.Random(1).sample(shown, min(160, len(shown)))
        args.calibration.write_text("".join(e.prompt + e.reply + END for e in some), encoding="utf-8")
    for e in random.Random(0).sample(shown, min(60, len(shown))):
        print(f"[{e.kind}] ...{e.prompt[-260:]}{e.reply}\n")
    counts = Counter(KINDS[k] for k in everything.kinds.tolist())
    print(f"{len(everything)} lessons, {len(everything.tokens) / 1e6:.1f} M tokens, {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()
