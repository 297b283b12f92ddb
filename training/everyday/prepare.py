"""python -m training.everyday.prepare --tokenizer MINILM/tokenizer.json --out out/data

Makes questions and statements about everyday documents (training.everyday.bundles) into stores for the reader:
``everyday-{train,val}.npz``, ``everyday-cut-...`` and ``everyday-claims-...``. The documents are read and cut into
chunks as a library's are, and carry the same context. One document in eight, told by a hash of its name, is held out. A
question that nothing answers has all chunks of its document as negatives. "Cut" holds the answered ones, asked of their
chunk without the line that answers them, where the answer stands nowhere else in it. Held-out questions in the
wording of typed.tsv stand in ``typed-everyday-val.npz`` and ``typed-everyday-cut-val.npz``.
"""

import argparse
import hashlib
import html
import random
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.ingest.children.parse_pool import ParsePool
from rag.ingest.sync import Syncer, SyncSettings
from rag.models.embedder import OnnxEmbedder
from rag.store.library import Library
from rag.text.context import context_of, document_label
from training.data.store import ABSENT, CLAIM, Store, build_store, load_tokenizer
from training.everyday.bundles import DOCUMENTS, EverydayDocument, Item, read_bundles, read_typed

HELD_OUT = 8  # one document in so many
_FIT = 0.6  # least share of a line's words that stand as in the line, plus half of the share that stand around
_OTHERS = 3  # chunks of other documents beside an answered question
_TAG = re.compile(r"<[^>]*>")
_WORD = re.compile(r"\w+")
Row = tuple[str, int, list[tuple[int, int]], list[int], int]  # question, passage, places, negatives, kind


@dataclass(frozen=True, slots=True)
class Chunked:
    document: EverydayDocument
    context: str
    texts: tuple[str, ...]


@dataclass
class _Rows:
    """Questions and statements over a list of passages (context, text)."""

    passages: list[tuple[str, str]] = field(default_factory=list)
    questions: list[Row] = field(default_factory=list)
    cut: list[Row] = field(default_factory=list)
    claims: list[Row] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)


class _SameVectors:
    """Instead of what computes vectors: chunks are cut by counting tokens, and nothing is searched here."""

    def vectors(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        return np.tile(np.eye(1, 384, dtype=np.float32), (len(rows), 1))


def held_out(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % HELD_OUT == 0


def chunked(documents: Sequence[EverydayDocument]) -> list[Chunked]:
    """The documents as a library with default settings reads and cuts them; those that it cannot read are left out."""
    by_name = {document.name: document for document in documents}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "documents")
        folder.mkdir()
        for document in documents:
            (folder / document.name).write_text(document.text, encoding="utf-8")
        with Library.open(Path(work, "library.db")) as library:
            syncer = Syncer(library, OnnxEmbedder.load(on_card=lambda *_: _SameVectors()), ParsePool(), SyncSettings())
            syncer.run([syncer.add(str(folder))])
            kept = sorted(library.chunks([int(i) for i in library.chunk_ids()]).items())
    by_context: dict[tuple[str, str], list[str]] = {}
    for _, (chunk, file) in kept:
        context = context_of(document_label(file.path, file.title), chunk.heading_path)
        by_context.setdefault((Path(file.path).name, context), []).append(chunk.text)
    return [Chunked(by_name[name], context, tuple(texts)) for (name, context), texts in by_context.items()]


def place_of(item: Item, texts: Sequence[str]) -> tuple[int, int, int] | None:
    """(text, start, end) of the answer, where most words of its line stand around it as they do in the line; of a
    statement the whole text that holds most of its line's words. None where no text holds enough of them."""
    line = html.unescape(_TAG.sub(" ", item.line))
    answer = None if item.answer is None else html.unescape(item.answer)
    found: list[tuple[float, int, int, int]] = []
    for number, text in enumerate(texts):
        if answer is None:
            found.append((_held(line, text), -number, 0, len(text)))
            continue
        before = max(0, line.find(answer))
        for at in _places(text, answer):
            aligned = _held(line, text[max(0, at - before) : max(0, at - before) + len(line)])
            around = _held(line, text[max(0, at - len(line)) : at + len(answer) + len(line)])
            found.append((aligned + 0.5 * around, -number, at, at + len(answer)))
    fit, number, start, end = max(found, default=(0.0, 0, 0, 0))
    return (-number, start, end) if fit >= _FIT else None


def _held(line: str, text: str) -> float:
    """Share of a line's words that stand in a text."""
    wanted = Counter(_WORD.findall(line.lower()))
    return (wanted & Counter(_WORD.findall(text.lower()))).total() / max(1, wanted.total())


def _places(text: str, answer: str) -> list[int]:
    return [m.start() for m in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)]


def _without(text: str, item: Item, at: int) -> str | None:
    """The text without the line or sentence around the answer; None where the answer stands elsewhere, too."""
    first = max(text.rfind("\n", 0, at), text.rfind(". ", 0, at) + 1)
    ends = [e for e in (text.find("\n", at), text.find(". ", at + len(item.answer or ""))) if e >= 0]
    last = min(ends, default=len(text) - 1) + 1
    left = (text[: first + 1].rstrip(" ") + text[last:]).strip()
    return left if len(left) > 120 and item.answer and not _places(left, item.answer) else None


def _add(rows: _Rows, own: Sequence[Chunked], others: Sequence[Chunked], rng: random.Random) -> None:
    """Adds the items of one document, whose chunks lie in ``own``."""
    here = [(one.context, text) for one in own for text in one.texts]
    base = len(rows.passages)
    rows.passages += here
    texts = [text for _, text in here]
    every = list(range(base, base + len(here)))
    for item in own[0].document.items:
        if item.kind == "Q" and item.answer is None:
            rows.questions.append((item.text, -1, [], rng.sample(every, len(every)), ABSENT))
            rows.made["nothing answers"] += 1
            continue
        place = place_of(item, texts)
        if place is None:
            rows.made["not placed"] += 1
            continue
        number, start, end = place
        gold = base + number
        away = [
            p for p in every if p != gold and (item.kind != "Q" or not _places(rows.passages[p][1], item.answer or ""))
        ]
        for one in rng.sample(others, min(_OTHERS, len(others))):
            rows.passages.append((one.context, rng.choice(one.texts)))
            away.append(len(rows.passages) - 1)
        if item.kind == "Q":
            rows.questions.append((item.text, gold, [(start, end)], away, ABSENT))
            rows.made["answered"] += 1
            if left := _without(texts[number], item, start):
                rows.passages.append((here[number][0], left))
                rows.cut.append((item.text, -1, [], [len(rows.passages) - 1], ABSENT))
                rows.made["line taken out"] += 1
        elif item.kind == "S+":
            rows.claims.append((item.text, gold, [], away, CLAIM))
            rows.made["true"] += 1
        else:
            rows.claims.append((item.text, -1, [], [gold], CLAIM))
            rows.made["false"] += 1


def build(
    documents: Sequence[EverydayDocument], tokenizer: Path, seed: int = 0
) -> tuple[dict[str, Store], Counter[str]]:
    """Returns the stores by their names and how many of each kind of question and statement there are."""
    rng = random.Random(seed)
    rows = _Rows()
    chunks = chunked(documents)
    for document in documents:
        own = [one for one in chunks if one.document.name == document.name]
        if own:
            _add(rows, own, [one for one in chunks if one.document.name != document.name], rng)
    parts = {"everyday": rows.questions, "everyday-cut": rows.cut, "everyday-claims": rows.claims}
    loaded = load_tokenizer(tokenizer)
    stores = {
        name: build_store(loaded, rows.passages, [r[:4] for r in part], [r[4] for r in part])
        for name, part in parts.items()
    }
    return stores, rows.made


def as_typed(documents: Sequence[EverydayDocument]) -> list[EverydayDocument]:
    """The documents with those of their questions alone that typed.tsv words in another way, in that wording."""
    typed = read_typed()
    found = []
    for document in documents:
        asked = [
            replace(i, text=typed[document.name, i.text]) for i in document.items if (document.name, i.text) in typed
        ]
        if asked:
            found.append(replace(document, items=tuple(asked)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=Path, default=DOCUMENTS)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    documents = read_bundles(options.documents)
    for part in ("train", "val"):
        some = [document for document in documents if held_out(document.name) == (part == "val")]
        stores, made = build(some, options.tokenizer)
        for name, store in stores.items():
            store.save(options.out / f"{name}-{part}.npz")
        print(f"{part}: {len(some)} documents, {dict(made)}", flush=True)
    typed = as_typed([document for document in documents if held_out(document.name)])
    if typed:
        stores, made = build(typed, options.tokenizer)
        for name in ("everyday", "everyday-cut"):
            stores[name].save(options.out / f"typed-{name}-val.npz")
        print(f"typed: {len(typed)} documents, {dict(made)}")


if __name__ == "__main__":
    main()
