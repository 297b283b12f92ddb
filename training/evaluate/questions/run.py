"""Asks the questions through the whole pipeline and prints by kind how many answers are right.

    python -m training.evaluate.questions.run                     # the development part
    python -m training.evaluate.questions.run --show wrong        # ... and every wrong answer
    python -m training.evaluate.questions.run --kinds table list  # some kinds only
    python -m training.evaluate.questions.run --json out.json     # every question with its answer
    python -m training.evaluate.questions.run --part last         # the last test: look at it once, before a release

The documents are written to ``out/questions`` and read there into a library that is kept; all settings are the default
ones. An answer is right when its text holds the right values, and where nothing answers the question, when it is
refused. Of
a summary it is the share of its facts. "false" counts answers that were given and hold nothing that is right.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from app.assistant import Assistant
from app.events import Answered
from app.settings.schema import Settings
from training.data.trials import DATA
from training.evaluate.questions.documents import write_documents
from training.evaluate.questions.judge import Outcome, judged
from training.evaluate.questions.questions import PARTS, REFUSED, Question, read_questions


def ask(assistant: Assistant, question: Question) -> Answered:
    """The last answer of the conversation that the question belongs to."""
    conversation: str | None = None
    answered: Answered | None = None
    for text in (*question.before, question.text):
        *_, last = assistant.ask(text, conversation_id=conversation, remember=bool(question.before))
        assert isinstance(last, Answered)
        answered, conversation = last, last.conversation_id
    assert answered is not None
    return answered


def outcomes(assistant: Assistant, questions: Iterable[Question]) -> Iterator[tuple[Outcome, float]]:
    """Each outcome with the seconds that it took."""
    for question in questions:
        began = time.perf_counter()
        answer = ask(assistant, question).answer
        yield judged(question, answer.text, answer.found), time.perf_counter() - began


def table(found: Sequence[Outcome]) -> str:
    """Right, refused and false answers by kind."""
    lines = [f"{'kind':14} asked  right  refused  false"]
    kinds = sorted({outcome.question.kind for outcome in found}, key=lambda kind: (kind in REFUSED, kind))
    answerable = [outcome for outcome in found if outcome.question.kind not in REFUSED]
    rows = [(kind, [one for one in found if one.question.kind == kind]) for kind in kinds]
    languages = [one for one in found if one.question.language]
    rows += [(f"  {name}", [one for one in languages if one.question.language == name]) for name in _languages(found)]
    rows += [("answerable", answerable), ("all", list(found))]
    for name, some in rows:
        if not some:
            continue
        right = statistics.mean(one.right for one in some)
        refused = statistics.mean(not one.found for one in some)
        lines.append(f"{name:14} {len(some):5} {right:6.0%} {refused:7.0%} {_false(some):6.0%}")
    return "\n".join(lines)


def _languages(found: Sequence[Outcome]) -> list[str]:
    return sorted({one.question.language for one in found if one.question.language})


def _false(some: Sequence[Outcome]) -> float:
    """Share of the given answers that hold nothing right."""
    given = [one for one in some if one.found]
    return sum(one.is_false for one in given) / max(1, len(given))


def _shown(outcome: Outcome) -> str:
    question = outcome.question
    asked = " >> ".join((*question.before, question.text))
    values = "; ".join("|".join(ways) for ways in question.values) or "(refuse)"
    return f"[{question.kind}] {asked}\n    {question.source}: {values}\n    -> {' '.join(outcome.answer.split())}"


def _as_json(outcome: Outcome, seconds: float) -> dict[str, object]:
    question = outcome.question
    return {
        "kind": question.kind, "language": question.language, "before": question.before, "question": question.text,
        "source": question.source, "values": question.values, "answer": outcome.answer, "found": outcome.found,
        "right": outcome.right, "seconds": round(seconds, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.questions.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--part", choices=PARTS, default="development")
    parser.add_argument("--work", type=Path, default=Path("out/questions"), help="where documents and library are kept")
    parser.add_argument("--kinds", nargs="+", metavar="KIND")
    parser.add_argument("--source", help="only questions about files whose name holds this")
    parser.add_argument("--show", choices=("wrong", "all"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    folder = options.work.resolve() / options.part
    write_documents(options.part, options.data, folder / "documents")
    asked = [
        question
        for question in read_questions(options.part)
        if (not options.kinds or question.kind in options.kinds) and (options.source or "") in question.source
    ]
    with Assistant.open(Settings(data_dir=folder / "library")) as assistant:
        assistant.sync([str(folder / "documents")])
        print(f"{len(assistant.documents())} documents, {len(asked)} questions")
        results = list(outcomes(assistant, asked))
    found = [outcome for outcome, _ in results]
    if options.show:
        print("\n".join(_shown(one) for one in found if options.show == "all" or one.right < 1.0), end="\n\n")
    print(table(found))
    print(f"median seconds: {statistics.median(seconds for _, seconds in results):.2f}")
    if options.json is not None:
        rows = [_as_json(outcome, seconds) for outcome, seconds in results]
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
