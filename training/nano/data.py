"""python -m training.nano.data --data DATA --tokenizer out/nano/tokenizer.json --out out/nano-data --workers 16

Writes docent-nano's pretraining tokens, one uint16 file a source: the corpus as it is, and exercises made from it
(recurring-span cloze, the same in docent-nano's own prompt, question and answer in both directions). Documents start
with <|bos|>. The articles of the held-out splits are left out. With ``--encoder-tokenizer`` it also writes the cloze
store on which the reader trains (``cloze.npz``). With 60 workers it takes about two minutes.
"""

import argparse
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.data.cloze import BLANK, Cloze, cloze_questions
from training.data.corpus import Article, Section, read_jsonl, read_squad, sentences, split_articles, wiki_sections
from training.data.store import Store, build_store, load_tokenizer
from training.nano.tasks import END, cloze_examples

BOS = "<|bos|>"
Document = tuple[str, str]


def context_of(title: str, heading: str) -> str:
    return f"{title} > {heading}" if heading else title


def exercises(title: str, sections: Sequence[Section], made: Sequence[Cloze], rng: random.Random) -> Iterator[str]:
    """Writes a cloze question with its passage as plain text; other passages may stand around it."""
    for c in made:
        shown = [c.section, *rng.sample(c.negatives, min(len(c.negatives), rng.choice((0, 1, 2))))]
        rng.shuffle(shown)
        passages = "\n".join(
            f"[{n}] {context_of(title, sections[i].heading)}\n{sections[i].text}" for n, i in enumerate(shown, 1)
        )
        number = shown.index(c.section) + 1
        yield f"{passages}\n\n{c.question.replace(BLANK, '<|blank|>')}\n<|blank|> = {c.answer} [{number}]"


def squad_documents(articles: Sequence[Article], rng: random.Random) -> Iterator[str]:
    for a in articles:
        for p in a.paragraphs:
            asked = [(q.text, q.answers[0][1]) for q in p.questions if q.answers]
            rng.shuffle(asked)
            head = f"{a.title}\n{p.text}\n\n"
            yield head + "\n".join(f"Question: {q}\nAnswer: {x}" for q, x in asked)
            rng.shuffle(asked)
            yield head + "\n".join(f"Answer: {x}\nQuestion: {q}" for q, x in asked)


class _Worker:
    tokenizer: Tokenizer
    encoder: Tokenizer | None


def _start(tokenizer: str, encoder: str | None) -> None:
    _Worker.tokenizer = load_tokenizer(Path(tokenizer))
    _Worker.encoder = load_tokenizer(Path(encoder)) if encoder else None


def _encode(texts: Sequence[str], bos: str = BOS) -> NDArray[np.uint16]:
    rows = [e.ids for e in _Worker.tokenizer.encode_batch([bos + t for t in texts])]
    return np.fromiter((i for r in rows for i in r), np.uint16)


def _plain(job: tuple[int, list[Document]]) -> NDArray[np.uint16]:
    return _encode([t if t.startswith(title) else f"{title}\n{t}" for title, t in job[1]])


@dataclass(frozen=True, slots=True)
class WikiPart:
    """What some articles yield: plain tokens, exercises as text, exercises as prompts, the encoder's cloze store."""

    plain: NDArray[np.uint16]
    exercises: NDArray[np.uint16]
    prompts: NDArray[np.uint16]
    store: Store | None


def _wiki(job: tuple[int, list[Document]]) -> WikiPart:
    rng = random.Random(job[0])
    texts: list[str] = []
    prompts: list[str] = []
    passages: list[tuple[str, str]] = []
    questions: list[tuple[str, int, Sequence[tuple[int, int]], Sequence[int]]] = []
    for title, text in job[1]:
        sections = wiki_sections(title, text)
        made = cloze_questions(title, sections, rng)
        texts += exercises(title, sections, rng.sample(made, min(8, len(made))), rng)
        chosen = rng.sample(made, min(4, len(made)))
        prompts += [e.prompt + e.reply + END for e in cloze_examples(title, sections, chosen, rng)]
        if _Worker.encoder is None:
            continue
        first = len(passages)
        passages += [(context_of(title, s.heading), s.text) for s in sections]
        for c in made:
            spans = [(p, p + len(c.answer)) for p in c.places]
            asked = c.question.replace(BLANK, "[MASK]" if rng.random() < 0.7 else rng.choice(("what", "which", "who")))
            questions.append((asked, first + c.section, spans, [first + n for n in c.negatives]))
    store = build_store(_Worker.encoder, passages, questions) if _Worker.encoder else None
    return WikiPart(_plain(job), _encode(texts), _encode(prompts, ""), store)


def medquad_store(data: Path, encoder: Tokenizer) -> Store:
    """Makes a store of health questions: an answer's chunks are relevant, chunks of answers about the same thing are
    not. It holds no spans."""
    passages: list[tuple[str, str]] = []
    questions: list[tuple[str, int, Sequence[tuple[int, int]], Sequence[int]]] = []
    topics: dict[str, list[int]] = {}
    rows = [(t, x) for t, x in read_jsonl(data / "corpus/medquad.jsonl.xz") if x]
    rng = random.Random(0)
    kept: list[tuple[str, int, str]] = []
    for title, text in rows:
        topic = title.split(" of ")[-1].split(")")[-1].replace("?", "").strip().lower()
        chunk, first = "", len(passages)
        for s in sentences(text):
            if chunk and len(chunk.split()) + len(s.split()) > 150:
                break
            chunk = f"{chunk} {s}".strip()
        topics.setdefault(topic, []).append(first)
        passages.append((topic.title() if rng.random() < 0.5 else "", " ".join(chunk.split()[:220])))
        kept.append((title.replace(" ?", "?"), first, topic))
    for title, first, topic in kept:
        near = [p for p in topics[topic] if p != first]
        questions.append((title, first, [], rng.sample(near, min(6, len(near)))))
    return build_store(encoder, passages, questions)


def _read(path: Path) -> list[Document]:
    return list(read_jsonl(path))


def batched(rows: Iterator[Document], size: int) -> Iterator[tuple[int, list[Document]]]:
    number = 0
    while block := list(islice(rows, size)):
        yield number, block
        number += 1


def held_out_titles(articles: Sequence[Article]) -> frozenset[str]:
    split = split_articles(list(articles))
    return frozenset(a.title.lower() for name in ("val", "test") for a in split[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--encoder-tokenizer", default=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    articles = read_squad(args.data / "qa/squad-train-v1.1.json.xz")
    held_out = held_out_titles(articles)
    corpus = args.data / "corpus"

    def report(name: str, tokens: NDArray[np.uint16]) -> None:
        tokens.tofile(args.out / f"{name}.bin")
        print(f"{name}: {len(tokens) / 1e6:.1f} M tokens", flush=True)

    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread a worker
    with ProcessPoolExecutor(
        args.workers, initializer=_start, initargs=(args.tokenizer, args.encoder_tokenizer)
    ) as pool:
        # Unpacking is the slowest single step, so every file gets a worker.
        read = {path: pool.submit(_read, path) for path in sorted(corpus.glob("*.jsonl.xz"))}
        articles_read = (
            row
            for path, rows in read.items()
            if path.name.startswith("wikipedia-")
            for row in rows.result()
            if row[0].lower() not in held_out
        )
        wiki_jobs = [pool.submit(_wiki, job) for job in batched(articles_read, 100)]
        waiting = {
            name: [
                pool.submit(_plain, job)
                for path, rows in read.items()
                if path.name.startswith(name)
                for job in batched(iter(rows.result()), size)
            ]
            for name, size in (("books", 4), ("technical-docs", 200), ("medquad", 500), ("meetings", 10), ("law", 200))
        }
        rng = random.Random(0)
        squad_texts = list(squad_documents(split_articles(articles)["train"], rng))
        rng.shuffle(squad_texts)
        squad_jobs = [pool.submit(_encode, squad_texts[i : i + 1000]) for i in range(0, len(squad_texts), 1000)]
        for name, jobs in waiting.items():
            report(name, np.concatenate([j.result() for j in jobs]))
        parts = [j.result() for j in wiki_jobs]
        report("wikipedia", np.concatenate([p.plain for p in parts]))
        report("exercises", np.concatenate([p.exercises for p in parts]))
        report("prompts", np.concatenate([p.prompts for p in parts]))
        report("squad", np.concatenate([j.result() for j in squad_jobs]))
    if args.encoder_tokenizer:
        store = Store.join([p.store for p in parts if p.store is not None])
        store.save(args.out / "cloze.npz")
        medquad_store(args.data, load_tokenizer(Path(args.encoder_tokenizer))).save(args.out / "medquad.npz")
        print(f"cloze: {len(store)} questions, {len(store.passages)} passages", flush=True)


if __name__ == "__main__":
    main()
