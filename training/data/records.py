"""python -m training.data.records --data DATA --tokenizer MINILM/tokenizer.json --out out/data --number 40000

Makes forms, tables and quarterly statements of made-up values, in the shapes in which the parsers write them, with the
questions that people ask of such files, and writes ``records-{train,val}.npz`` (questions) and
``record-claims-{train,val}.npz`` (statements). A question's negatives hold the same thing without the answer: the row
taken out, another column, another period. What an entry of a table is about comes from records.yaml, names of people
and places from SQuAD's training articles.
"""

import argparse
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.changed import MONTHS, names_in
from training.data.corpus import read_squad, split_articles
from training.data.records_sheet import Sheet
from training.data.records_statement import Figures, figures
from training.data.records_values import Values, lists
from training.data.store import ABSENT, CLAIM, build_store, load_tokenizer

Row = tuple[str, int, list[tuple[int, int]], list[int], int]  # question, passage, places, negatives, kind
_MOST_CHARS = 1000  # of a passage


@dataclass(frozen=True)
class Attribute:
    """``columns`` are its names, ``made`` the kind of its values, ``ask`` the ways to ask for it."""

    columns: list[str]
    made: str
    ask: list[str]


class Making:
    """Documents with their questions and statements."""

    def __init__(self, rng: random.Random, people: Sequence[str], towns: Sequence[str]) -> None:
        self.rng, self.people, self.towns = rng, people, towns
        self.passages: list[tuple[str, str]] = []
        self.questions: list[Row] = []
        self.claims: list[Row] = []

    def add(self, title: str, text: str) -> int:
        self.passages.append((title if self.rng.random() < 0.8 else "", text))
        return len(self.passages) - 1

    def asked(self, forms: Sequence[str], about: str) -> str:
        """A question as people type it."""
        text = self.rng.choice(forms).format(e=about)
        chance = self.rng.random()
        text = text.rstrip("?") if chance < 0.3 else text
        return text[0].lower() + text[1:] if chance < 0.2 else text

    def absent(self, text: str, passage: int) -> None:
        self.questions.append((text, -1, [], [passage], ABSENT))

    def record(self) -> None:
        """One table or form of a domain, and questions about it."""
        rng = self.rng
        domain = rng.choice(lists()["domains"])
        known = [Attribute(**fields) for fields in domain["attributes"]]
        shown = rng.sample(known, rng.randint(2, min(5, len(known))))
        sheet, stranger = self._sheet(domain, shown)
        title = rng.choice(domain["title"])
        text, places = sheet.written()
        gold = self.add(title, text)
        for at in rng.sample(range(len(sheet.rows)), min(2, len(sheet.rows))):
            column = rng.randrange(len(shown))
            asked = self.asked(shown[column].ask, sheet.rows[at][0])
            shorter = [sheet.without_column(column), *([sheet.without_row(at)] if len(sheet.rows) > 1 else [])]
            without = self.add(title, rng.choice(shorter).written()[0])
            self.questions.append((asked, gold, [places[at, column]], [without], ABSENT))
            self._claims(sheet, at, column, gold, without)
            if rng.random() < 0.3:
                self.absent(asked, without)
        if stranger is not None and rng.random() < 0.5:
            self.absent(self.asked(rng.choice(shown).ask, stranger), gold)
        others = [one for one in known if _is_other(one, shown, sheet.columns)]
        if others and rng.random() < 0.5:
            self.absent(self.asked(rng.choice(others).ask, rng.choice(sheet.rows)[0]), gold)

    def _sheet(self, domain: dict[str, Any], shown: Sequence[Attribute]) -> tuple[Sheet, str | None]:
        """A table or form, and a name that could be in it and is not."""
        rng, values = self.rng, Values(self.rng, self.people, self.towns)
        shape = rng.choice(["table", "table", "sheet", "form", "line"])
        count = 1 if shape == "form" and rng.random() < 0.5 else rng.randint(2, 9)
        names = list(dict.fromkeys(values.make(domain["row"]["made"]) for _ in range(count + 2)))
        stranger = names.pop() if len(names) > 1 else None
        rows = [[name, *(values.make(one.made) for one in shown)] for name in names]
        while len(rows) > 1 and sum(len(cell) + 14 for row in rows for cell in row) > _MOST_CHARS:
            rows.pop()
        title = rng.choice(domain["title"])
        lead = rng.choice(["", "", f"{title} of {values.make('place')}", f"As of {values.make('date')}."])
        columns = [rng.choice(one.columns) for one in shown]
        return Sheet(shape, rng.choice(domain["row"]["columns"]), columns, rows, lead), stranger

    def _claims(self, sheet: Sheet, at: int, column: int, gold: int, without: int) -> None:
        """What a value says in a sentence, and the same with another value of its column or row."""
        name, value, label = sheet.rows[at][0], sheet.rows[at][column + 1], sheet.columns[column]
        forms = ["{n}: {l} {v}.", "The {l} of {n} is {v}.", "{n}; {L}: {v}"]
        form = self.rng.choice(forms)
        said = form.format(n=name, l=label.lower(), L=label, v=value)
        self.claims.append((said, gold, [], [without], CLAIM))
        others = [row[column + 1] for row in sheet.rows if row[column + 1] != value]
        others = others or [other for other in sheet.rows[at][1:] if other != value]
        if others:
            wrong = form.format(n=name, l=label.lower(), L=label, v=self.rng.choice(others))
            self.claims.append((wrong, -1, [], [gold], CLAIM))

    def statement(self) -> None:
        """A table of a quarterly report, and questions about it."""
        rng = self.rng
        made = figures(rng, lists()["statement"], lists()["segments"])
        text, places = made.written()
        gold = self.add(made.title, text)
        for _ in range(3):
            row, column = made.choose(rng)
            without = self.add(made.title, made.without(row, column, rng).written()[0])
            self.questions.append(
                (self.asked([made.ask(rng, row, column)], ""), gold, [places[row, column]], [without], ABSENT)
            )
            self._figure_claims(made, gold, without, row, column)
        for asked in made.absent(rng):
            self.absent(self.asked([asked], ""), gold)

    def _figure_claims(self, made: Figures, gold: int, without: int, row: int, column: int) -> None:
        value = made.rows[row].cells[column]
        elsewhere = [c for r in made.rows for c in r.cells if c and c != value]
        self.claims.append((made.state(self.rng, row, column, value), gold, [], [without], CLAIM))
        if elsewhere:
            near = [c for c in made.rows[row].cells if c and c != value] or elsewhere
            wrong = self.rng.choice(near if self.rng.random() < 0.5 else elsewhere)
            self.claims.append((made.state(self.rng, row, column, wrong), -1, [], [gold], CLAIM))


def pools(data: Path, split: str) -> tuple[list[str], list[str]]:
    """Names of people (two words) and places (one word) of a split's articles, as far as their form tells."""
    names = [
        n
        for a in split_articles(read_squad(data / "qa/squad-train-v1.1.json.xz"))[split]
        for p in a.paragraphs
        for n in names_in(p.text)
    ]
    names = list(dict.fromkeys(names))
    people = [n for n in names if re.fullmatch(r"[A-Z][a-z]{2,} [A-Z][a-z]{3,}", n)]
    return people, [n for n in names if re.fullmatch(r"[A-Z][a-z]{4,}", n) and n not in MONTHS]


def _is_other(one: Attribute, shown: Sequence[Attribute], columns: Sequence[str]) -> bool:
    """Whether nothing that is shown could pass for an attribute."""
    made = {other.made for other in shown if other.made != "money"}
    return one not in shown and not set(one.columns) & set(columns) and one.made not in made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--number", type=int, default=12000, help="documents; a tenth as many for validation")
    args = parser.parse_args()
    tokenizer = load_tokenizer(args.tokenizer)
    args.out.mkdir(parents=True, exist_ok=True)
    for split, number, seed in (("train", args.number, 1), ("val", args.number // 10, 2)):
        making = Making(random.Random(seed), *pools(args.data, split))
        for _ in range(number):
            making.statement() if making.rng.random() < 0.3 else making.record()
        for rows, name in ((making.questions, "records"), (making.claims, "record-claims")):
            build_store(tokenizer, making.passages, [r[:4] for r in rows], [r[4] for r in rows]).save(
                args.out / f"{name}-{split}.npz"
            )
            print(f"{name}-{split}: {len(rows)} about {len(making.passages)} texts", flush=True)


if __name__ == "__main__":
    main()
