"""Asks the golden questions and writes down what comes back.

    python -m tests.golden.record                     # renews answers.json; look at its diff before committing it
    python -m tests.golden.record --set KEY=VALUE     # ... with a setting changed
    python -m tests.golden.record --output FILE       # ... into another file, for comparing

An entry of answers.json is one question: with the questions before it in the conversation, the stand-alone question
that was searched for, the answer, and the citations by file name, page and characters of the document's text.
"""

import argparse
import difflib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.golden.server import ROOT, Docent, running

HERE = Path(__file__).parent
FOLDERS = (ROOT / "samples", HERE / "documents")
ANSWERS = HERE / "answers.json"

_CONFIDENCE_TOLERANCE = 0.02  # processors round the models' sums differently

Entry = dict[str, Any]


def conversations() -> dict[str, list[str]]:
    """The questions of each conversation, by its name."""
    asked: dict[str, list[str]] = json.loads((HERE / "questions.json").read_text(encoding="utf-8"))
    return asked


def keys() -> list[str]:
    """``conversation-1``, ``conversation-2`` ...: a key for every question, in the order in which they are asked."""
    return [f"{name}-{turn}" for name, asked in conversations().items() for turn in range(1, len(asked) + 1)]


def recorded() -> dict[str, Entry]:
    """The committed entries by key."""
    entries: dict[str, Entry] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return entries


def differences(was: Entry, now: Entry) -> str:
    """A line diff of two entries, empty when they agree up to the confidence's tolerance."""
    if was["confidence"] is not None and now["confidence"] is not None:
        apart = abs(was["confidence"] - now["confidence"])
        if apart <= _CONFIDENCE_TOLERANCE + 1e-9:  # both have two digits
            now = {**now, "confidence": was["confidence"]}
    lines = difflib.unified_diff(
        as_text(was).splitlines(), as_text(now).splitlines(), "recorded", "now", n=2, lineterm=""
    )
    return "\n".join(lines)


def ask_all(data: Path, settings: Sequence[str] = ()) -> dict[str, Entry]:
    """Reads the documents into the empty data folder ``data``, asks every question and returns the entries by key."""
    entries: dict[str, Entry] = {}
    with running(data, settings) as docent:
        docent.sync(FOLDERS)
        for name, asked in conversations().items():
            for turn, entry in enumerate(_converse(docent, asked), start=1):
                entries[f"{name}-{turn}"] = entry
    return entries


def _converse(docent: Docent, questions: Sequence[str]) -> list[Entry]:
    conversation: str | None = None
    entries: list[Entry] = []
    for turn, question in enumerate(questions):
        searched, answered = docent.ask(question, conversation)
        conversation = answered["conversation"]
        entries.append({"history": list(questions[:turn]), **_entry(question, searched, answered)})
    return entries


def _entry(question: str, searched: str, answered: dict[str, Any]) -> Entry:
    span, confidence = answered["span"], answered["confidence"]
    return {
        "question": question,
        "searched": searched,
        "found": answered["found"],
        "confidence": None if confidence is None else round(confidence, 2),
        "answerer": answered["answerer"],
        "answer": answered["answer"],
        "span": None if span is None else {key: span[key] for key in ("text", "start", "end")},
        "citations": [_citation(citation) for citation in answered["citations"]],
    }


def _citation(citation: dict[str, Any]) -> dict[str, Any]:
    kept = ("number", "title", "page", "start_s", "start", "end", "quote")
    return {"file": Path(citation["source"]).name, **{key: citation[key] for key in kept}}


def as_text(entries: object) -> str:
    """JSON for people to read and for diffs."""
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.record", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", type=Path, default=ANSWERS, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        entries = ask_all(Path(folder) / "data", arguments.settings)
    arguments.output.write_text(as_text(entries), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
