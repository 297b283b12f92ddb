"""Compares completed follow-up questions with rewrites by people.

    python -m benchmarks.answering.rewrite                 # all sets; --data ../shared/data
    python -m benchmarks.answering.rewrite --show 20       # ... with examples

The heuristics were tuned on canard and cast2020; cast2021 and mtrag are for reporting. mtrag and cast2020 hold no
answers, so what a person took from an answer cannot be found there. Recall: of the content words that the person
added to the question, how many we added. Precision: of those we added, how many stand in the person's rewrite.
"""

import argparse
import json
import random
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.query.rewriting import HeuristicRewriter
from rag.text.words import content_stems
from rag.types import Turn


@dataclass(frozen=True)
class Case:
    """A question in its conversation and how a person completed it; the text that answers it, where the set has it."""

    history: tuple[Turn, ...]
    question: str
    gold: str
    conversation: str = ""
    passage: str = ""


def canard(data: Path) -> Iterator[Case]:
    """Reads CANARD; the article's title stands in for the first question, since the people who asked knew it."""
    rows = json.loads((data / "qa/rewrite-canard/data/release/dev.json").read_text(encoding="utf-8"))
    said = {tuple(row["History"][2:-1]): row["History"][-1] for row in rows}  # what answered a question in its place
    for row in rows:
        title, section, *exchanges = row["History"]
        turns = [Turn(f"Tell me about {title}, {section}", "")]
        for question, answer in zip(exchanges[::2], exchanges[1::2], strict=True):
            turns.append(Turn(question, "" if answer == "I don't know." else answer))
        answer = said.get((*exchanges, row["Question"]), "")
        yield Case(tuple(turns), row["Question"], row["Rewrite"], f"{title} > {section}", answer)


def cast(data: Path, year: int) -> Iterator[Case]:
    path = data / f"qa/rewrite-cast/{year}/{year}_manual_evaluation_topics_v1.0.json"
    for conversation in json.loads(path.read_text(encoding="utf-8")):
        turns: list[Turn] = []
        for turn in conversation["turn"]:
            gold, passage = turn["manual_rewritten_utterance"], turn.get("passage", "")
            yield Case(tuple(turns), turn["raw_utterance"], gold, f"{year}-{conversation['number']}", passage)
            turns.append(Turn(turn["raw_utterance"], turn.get("passage", "")))


def mtrag(data: Path) -> Iterator[Case]:
    for path in sorted((data / "qa/rewrite-mtrag/mtrag-human/retrieval_tasks").glob("*/*_questions.jsonl")):
        gold = {row["_id"]: row["text"] for row in _rows(path.with_name(path.name.replace("_questions", "_rewrite")))}
        for row in _rows(path):
            asked = [part.strip() for part in re.split(r"(?:^|\n)\|user\|:", row["text"]) if part.strip()]
            if row["_id"] in gold:
                history = tuple(Turn(question, "") for question in asked[:-1])
                rewritten = gold[row["_id"]].replace("|user|:", "").strip()
                yield Case(history, asked[-1], rewritten, row["_id"].split("<::>")[0])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


SETS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "canard (tuned on)": canard,
    "cast2020 (tuned on)": lambda data: cast(data, 2020),
    "cast2021": lambda data: cast(data, 2021),
    "mtrag": mtrag,
}


def report(name: str, cases: Sequence[Case], show: int) -> None:
    rewriter = HeuristicRewriter()
    recalls: list[float] = []
    precisions: list[float] = []
    first: list[bool] = []
    independent: list[bool] = []
    dependent: list[bool] = []
    rewritten = [(case, rewriter.rewrite(case.question, case.history)) for case in cases]
    for case, ours in rewritten:
        if not case.history:
            first.append(ours == case.question)
            continue
        before, gold, after = (set(content_stems(text)) for text in (case.question, case.gold, ours))
        if gold - before:
            recalls.append(len((after - before) & (gold - before)) / len(gold - before))
            dependent.append(ours != case.question)
        else:
            independent.append(ours == case.question)
        if after - before:
            precisions.append(len((after - before) & gold) / len(after - before))
    print(
        f"{name}: recall {statistics.mean(recalls):.1%} of {len(recalls)}, precision {statistics.mean(precisions):.1%} "
        f"of {len(precisions)}; unchanged: first questions {sum(first)}/{len(first)}, complete ones "
        f"{sum(independent)}/{len(independent)}; changed: incomplete ones {sum(dependent)}/{len(dependent)}"
    )
    later = [(case, ours) for case, ours in rewritten if case.history]
    for case, ours in random.Random(0).sample(later, min(show, len(later))):
        print(f"    asked:  {case.question}\n    ours:   {ours}\n    person: {case.gold}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    for name, read in SETS.items():
        report(name, list(read(options.data)), options.show)


if __name__ == "__main__":
    main()
