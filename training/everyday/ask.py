"""python -m training.everyday.ask [--documents FOLDER] [--part val] [--typed] [--show wrong] [--json FILE]

Asks the questions about everyday documents (training.everyday.bundles) through the whole pipeline with default
settings, each within its own document, and prints how many answers are right, refused and false. The held-out part is
asked unless ``--part train`` says otherwise; ``--typed`` asks some of it in the words of typed.tsv. An answer is right
when its text holds the answer's words; what nothing answers is to be refused.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.assistant import Assistant
from app.events import Answered
from app.settings.schema import Settings
from rag.text.markers import strip_markers
from rag.types import Answer, Filter
from training.evaluate.questions.judge import holds, plain
from training.everyday.bundles import DOCUMENTS, EverydayDocument, Item, read_bundles
from training.everyday.prepare import as_typed, held_out


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one question: ``outcome`` is right, false or refused."""

    document: str
    item: Item
    answer: Answer
    outcome: str
    seconds: float


def told(assistant: Assistant, documents: Sequence[EverydayDocument]) -> Iterator[Told]:
    ids = {Path(kept.path).name: kept.id for kept in assistant.documents()}
    for document in documents:
        within = Filter(document_ids=frozenset({ids[document.name]}))
        for item in document.items:
            if item.kind == "Q":
                began = time.perf_counter()
                *_, last = assistant.ask(item.text, filter=within, remember=False)
                assert isinstance(last, Answered)
                yield Told(document.name, item, last.answer, outcome(item, last.answer), time.perf_counter() - began)


def outcome(item: Item, answer: Answer) -> str:
    if not answer.found:
        return "refused"
    return "right" if item.answer is not None and holds(plain(strip_markers(answer.text)), item.answer) else "false"


def report(found: Sequence[Told]) -> str:
    lines = []
    for name, some in (
        ("answered by the document", [one for one in found if one.item.answer is not None]),
        ("answered by nothing", [one for one in found if one.item.answer is None]),
    ):
        lines.append(f"{name}: {len(some)} questions, {dict(Counter(one.outcome for one in some))}")
    given = [one for one in found if one.answer.found]
    false = sum(one.outcome == "false" for one in given)
    lines.append(f"false: {false} of {len(given)} given ({false / max(1, len(given)):.1%})")
    lines.append(f"median seconds: {statistics.median(one.seconds for one in found):.2f}")
    return "\n".join(lines)


def _line(one: Told) -> str:
    said = " ".join(one.answer.text.split())
    asked = f"{one.document}: {one.item.text} [{one.item.answer}]"
    return f"{one.outcome:8} {one.answer.answerer} {one.answer.confidence or 0:.2f} {asked} -> {said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=Path, default=DOCUMENTS)
    parser.add_argument("--part", choices=("train", "val"), default="val")
    parser.add_argument("--typed", action="store_true", help="only questions that typed.tsv words, in its wording")
    parser.add_argument("--most", type=int, help="documents")
    parser.add_argument("--show", choices=("wrong", "all"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    documents = [one for one in read_bundles(options.documents) if held_out(one.name) == (options.part == "val")]
    documents = (as_typed(documents) if options.typed else documents)[: options.most]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "documents")
        folder.mkdir()
        for document in documents:
            (folder / document.name).write_text(document.text, encoding="utf-8")
        with Assistant.open(Settings(data_dir=Path(work, "library"))) as assistant:
            assistant.sync([str(folder)])
            found = list(told(assistant, documents))
    wrong = [
        one for one in found if one.outcome == "false" or (one.outcome == "refused" and one.item.answer is not None)
    ]
    for one in found if options.show == "all" else wrong if options.show else []:
        print(_line(one))
    print(f"{len(documents)} documents\n{report(found)}")
    if options.json is not None:
        rows = [
            {"document": one.document, "question": one.item.text, "expected": one.item.answer,
             "answer": one.answer.text, "found": one.answer.found, "answerer": one.answer.answerer,
             "confidence": one.answer.confidence, "outcome": one.outcome}
            for one in found
        ]  # fmt: skip
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
