"""Reads the questions with their right values from ``development.yaml``, ``last.yaml`` and ``languages.yaml``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

Part = Literal["development", "last"]
PARTS: tuple[Part, ...] = ("development", "last")
REFUSED = frozenset({"absent", "unanswerable"})  # kinds of questions that the documents do not answer
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Question:
    """``text`` is asked after the questions ``before`` in one conversation.

    ``values`` must all stand in a right answer, each in one of its ways to say it. Those of a yes/no question are
    "yes" or "no", then the words that show it. ``source`` names the file that answers it, or that it seems to be about.
    ``language`` is None for English.
    """

    kind: str
    text: str
    values: tuple[tuple[str, ...], ...]
    source: str
    before: tuple[str, ...] = ()
    language: str | None = None


def read_questions(part: Part) -> list[Question]:
    """The questions of a part, in the order of the files."""
    own = yaml.safe_load((_HERE / f"{part}.yaml").read_text(encoding="utf-8"))
    found = [_question(source, fields) for source, rows in own.items() for fields in rows]
    return [*found, *_translated(part)]


def _question(source: str, fields: Sequence[str | list[str]]) -> Question:
    kind, asked, *rest = fields
    assert isinstance(kind, str)
    before: tuple[str, ...] = ()
    if isinstance(asked, list):
        *earlier, asked = asked
        before = tuple(earlier)
    return Question(kind, asked, tuple(tuple(str(value).split("|")) for value in rest), source, before)


def _translated(part: Part) -> Iterator[Question]:
    facts = yaml.safe_load((_HERE / "languages.yaml").read_text(encoding="utf-8"))[part]
    for fact in facts:
        values = tuple(tuple(value.split("|")) for value in fact["right"])
        for language, text in fact["ask"].items():
            yield Question("language", text, values, fact["document"], language=language)
