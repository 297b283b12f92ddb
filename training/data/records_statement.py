"""Tables of quarterly reports with made-up figures, how people ask for one of them, and what they do not hold."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

_QUARTERS = {"March 31": "first", "June 30": "second", "September 30": "third", "December 31": "fourth"}
_SHORT = {"first": "Q1", "second": "Q2", "third": "Q3", "fourth": "Q4"}
_LENGTHS = {3: "Three Months Ended", 6: "Six Months Ended", 9: "Nine Months Ended"}


@dataclass(frozen=True)
class Period:
    """``months`` 0: a day, as in a balance sheet."""

    months: int
    day: str
    year: int

    @property
    def column(self) -> str:
        return f"{self.day}, {self.year}" if not self.months else f"{_LENGTHS[self.months]} {self.day}, {self.year}"

    def said(self, rng: random.Random) -> str:
        if not self.months:
            return rng.choice(
                [f"on {self.day}, {self.year}", f"as of {self.day}, {self.year}", f"at {self.day} {self.year}"]
            )
        forms = [f"in the {_LENGTHS[self.months].lower()} {self.day}, {self.year}"]
        quarter = _QUARTERS[self.day]
        if self.months == 3:
            forms += [
                f"in the {quarter} quarter of {self.year}",
                f"in {_SHORT[quarter]} {self.year}",
                f"{_SHORT[quarter]} {self.year}",
            ]
        else:
            forms += [f"in the first {self.months} months of {self.year}"]
        return rng.choice(forms)


@dataclass(frozen=True)
class Line:
    """``group`` is the heading above it; ``cells`` one for each period."""

    name: str
    group: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    title: str
    periods: tuple[Period, ...]
    rows: tuple[Line, ...]
    lead: str

    def written(self) -> tuple[str, dict[tuple[int, int], tuple[int, int]]]:
        text = f"{self.lead}\n\n" if self.lead else ""
        text += " | ".join(("", *(p.column for p in self.periods))).strip() + "\n"
        places: dict[tuple[int, int], tuple[int, int]] = {}
        group = ""
        for at, row in enumerate(self.rows):
            if row.group != group:
                group = row.group
                text += f"{group}:\n" if group else ""
            text += row.name
            for column, cell in enumerate(row.cells):
                text += " | "
                places[at, column] = (len(text), len(text) + len(cell))
                text += cell
            text += "\n"
        return text.rstrip(), places

    def choose(self, rng: random.Random) -> tuple[int, int]:
        return rng.randrange(len(self.rows)), rng.randrange(len(self.periods))

    def about(self, rng: random.Random, row: int) -> str:
        line = self.rows[row]
        name = line.name if line.name.isupper() or rng.random() < 0.3 else line.name[0].lower() + line.name[1:]
        if not line.group:
            return name
        return rng.choice([f"{line.group} {name}", f"{name} of {line.group}", f"{name} in {line.group}"])

    def ask(self, rng: random.Random, row: int, column: int) -> str:
        return _asked(rng, self.about(rng, row), self.periods[column].said(rng))

    def state(self, rng: random.Random, row: int, column: int, value: str) -> str:
        about, period = self.about(rng, row), self.periods[column]
        forms = [
            f"{about[:1].upper()}{about[1:]} was {value} {period.said(rng)}.",
            f"{about[:1].upper()}{about[1:]}, {period.column}: {value}.",
        ]
        return rng.choice(forms)

    def without(self, row: int, column: int, rng: random.Random) -> "Figures":
        """The same table without a row or without a period."""
        if rng.random() < 0.5 and len(self.periods) > 1:
            rows = tuple(replace(r, cells=r.cells[:column] + r.cells[column + 1 :]) for r in self.rows)
            return replace(self, periods=self.periods[:column] + self.periods[column + 1 :], rows=rows)
        return replace(self, rows=self.rows[:row] + self.rows[row + 1 :])

    def absent(self, rng: random.Random) -> Iterator[str]:
        """Questions about a period that no column has."""
        year = rng.choice([self.periods[0].year + 1, self.periods[-1].year - 2, self.periods[0].year + 3])
        there = {p.year for p in self.periods}
        if year not in there:
            row, column = self.choose(rng)
            yield _asked(rng, self.about(rng, row), replace(self.periods[column], year=year).said(rng))


def _asked(rng: random.Random, about: str, when: str) -> str:
    forms = [
        f"What was the {about} {when}?",
        f"What was {about} {when}?",
        f"How much was {about} {when}?",
        f"{about} {when}",
    ]
    return rng.choice(forms)


def figures(rng: random.Random, items: Mapping[str, Sequence[str]], segments: Sequence[str]) -> Figures:
    """A table of one part of a report."""
    year, day = rng.randint(2018, 2025), rng.choice(list(_QUARTERS))
    part = rng.choice(list(items))
    if part in ("Assets", "Liabilities"):
        periods = [Period(0, day, year), Period(0, rng.choice([d for d in _QUARTERS if d != day]), year - 1)]
    else:
        months = {"March 31": [3], "June 30": [3, 6], "September 30": [3, 9], "December 31": [3]}[day]
        lengths = months if rng.random() < 0.5 else [rng.choice(months)]
        periods = [Period(m, day, y) for m in lengths for y in rng.choice([(year, year - 1), (year - 1, year)])]
    lines = []
    if part == "" and rng.random() < 0.5:
        names = rng.sample(["Net sales", "Operating expenses", "Operating income", "Revenue"], rng.randint(1, 3))
        for segment in rng.sample(list(segments), rng.randint(2, 4)):
            lines += [Line(n, segment, tuple(_amount(rng) for _ in periods)) for n in names]
    elif rng.random() < 0.3:
        lines = [
            Line(s, "", tuple(_amount(rng) for _ in periods)) for s in rng.sample(list(segments), rng.randint(3, 7))
        ]
        lines.append(
            Line(rng.choice(["Total", "Total revenue", "Total net sales"]), "", tuple(_amount(rng) for _ in periods))
        )
    else:
        chosen = sorted(rng.sample(range(len(items[part])), min(len(items[part]), rng.randint(4, 9))))
        lines = [Line(items[part][i], "", tuple(_amount(rng) for _ in periods)) for i in chosen]
    scale = rng.choice(["(in millions)", "(In millions, except per share amounts)", "(in thousands)", ""])
    title = rng.choice(
        ["Condensed Consolidated Statements", "Segment information", "Quarterly report", "Net sales by segment"]
    )
    return Figures(
        title, tuple(periods), tuple(lines), rng.choice([scale, f"The following table shows the results {scale}:", ""])
    )


def _amount(rng: random.Random) -> str:
    if rng.random() < 0.05:
        return f"{rng.randint(0, 9)}.{rng.randint(10, 99)}"
    amount = f"{rng.choice([rng.randint(10, 999), rng.randint(1000, 99999), rng.randint(100000, 400000)]):,}"
    return rng.choice([amount, amount, amount, f"$ {amount}", f"${amount}", f"({amount})"])
