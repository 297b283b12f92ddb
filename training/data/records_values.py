"""Made-up values of each kind that records.yaml names: names, dates, sums, numbers with units, codes."""

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from training.data.changed import MONTHS


@lru_cache(maxsize=1)
def lists() -> dict[str, Any]:
    """What stands in records.yaml."""
    return dict(yaml.safe_load(Path(__file__).with_name("records.yaml").read_text(encoding="utf-8")))


class Values:
    """``people`` and ``towns`` are names to draw from; one document has one currency."""

    def __init__(self, rng: random.Random, people: Sequence[str], towns: Sequence[str]) -> None:
        self.rng, self.people, self.towns = rng, people, towns
        self.currency = rng.choice(["€", "$", "£", "", "", " EUR", " crowns", " CHF"])

    def make(self, kind: str) -> str:
        made: Callable[[], str] | None = getattr(self, f"_{kind}", None)
        return made() if made else str(self.rng.choice(lists()["words"][kind]))

    def _person(self) -> str:
        return self.rng.choice(self.people)

    def _place(self) -> str:
        return self.rng.choice(self.towns)

    def _site_the(self) -> str:
        return str(self.rng.choice(lists()["words"]["site"]))

    def _money(self) -> str:
        amount = self.rng.choice(
            [self.rng.randint(2, 99), self.rng.randint(100, 9999), self.rng.randint(10000, 900000)]
        )
        written = f"{amount:,}" if self.rng.random() < 0.6 else str(amount)
        written += (
            f".{self.rng.choice(['50', '00', '90', '99', '25'])}" if amount < 1000 and self.rng.random() < 0.5 else ""
        )
        return f"{written}{self.currency}" if self.currency.startswith(" ") else f"{self.currency}{written}"

    def _phone(self) -> str:
        return self.rng.choice(["0{} {}", "+44 {} {}", "{}-{}", "ext. {}{}"]).format(
            self.rng.randint(20, 999), self.rng.randint(1000, 999999)
        )

    def _email(self) -> str:
        return f"{self._person().split()[-1].lower()}@{self.rng.choice(['example.org', 'town.gov', 'club.net'])}"

    def _year(self) -> str:
        return str(self.rng.randint(1880, 2026))

    def _room(self) -> str:
        return self.rng.choice(["room {}", "{}", "B{}", "2.{}"]).format(self.rng.randint(1, 420))

    def _hours(self) -> str:
        return str(self.rng.choice([10, 12, 15, 20, 24, 30, 32, 35, 38, 38.5, 40]))

    def _date(self) -> str:
        day, month, year = self.rng.randint(1, 28), self.rng.choice(MONTHS), self.rng.randint(1990, 2026)
        number = MONTHS.index(month) + 1
        forms = [f"{day} {month} {year}", f"{month} {day}, {year}", f"{day} {month}", f"{year}-{number:02}-{day:02}"]
        return self.rng.choice([*forms, f"{day:02}.{number:02}.{year}"])

    def _clock(self) -> str:
        hour, minute = self.rng.randint(7, 21), self.rng.choice(["00", "15", "30", "45"])
        return f"{hour}:{minute}" if self.rng.random() < 0.7 else f"{(hour - 1) % 12 + 1} {'am' if hour < 12 else 'pm'}"

    def _span_of_hours(self) -> str:
        first, last = self.rng.randint(7, 11), self.rng.randint(13, 22)
        return self.rng.choice(
            [f"{first:02}:00 to {last}:30", f"{first}:30-{last}:00", f"{first} am to {last - 12} pm"]
        )

    def _weight(self) -> str:
        return f"{self.rng.randint(1, 400) / self.rng.choice([1, 10]):g}{self.rng.choice([' kg', ' g', '', ' kg'])}"

    def _small(self) -> str:
        return str(self.rng.randint(2, self.rng.choice([20, 300, 5000])))

    def _area(self) -> str:
        return f"{self.rng.randint(8, 2400)}{self.rng.choice([' m²', '', ' sqm'])}"

    def _measure(self) -> str:
        return (
            f"{self.rng.randint(1, 900) / self.rng.choice([1, 10]):g}{self.rng.choice([' m', ' km', '', ' l', ' Wh'])}"
        )

    def _temperature(self) -> str:
        return f"{self.rng.randint(-12, 36)}{self.rng.choice([' °C', '', ' degrees'])}"

    def _duration(self) -> str:
        return f"{self.rng.randint(2, 36)} {self.rng.choice(['months', 'years', 'days', 'weeks', 'hours', 'minutes'])}"

    def _percent(self) -> str:
        return f"{self.rng.choice([5, 7, 7.5, 10, 12.5, 19, 20, 25, 30, 50])}{self.rng.choice(['%', ' %', ' percent'])}"

    def _address(self) -> str:
        return f"{self.rng.randint(1, 180)} {self._person().split()[-1]} {self.rng.choice(['Street', 'Road', 'Lane'])}"

    def _code(self) -> str:
        letters = "".join(self.rng.choices("ABCDEFGHKLMNPRSTX", k=2))
        return f"{letters}{self.rng.choice(['-', '', ' '])}{self.rng.randint(100, 99999)}"
