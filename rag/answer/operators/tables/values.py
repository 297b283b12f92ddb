"""Reads a cell or a short text as one number with its unit, and writes numbers as the documents do."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from rag.answer.expected import is_date
from rag.text import numbers

_NUMBER = re.compile(
    r"(?P<sign>[-−–])?\s*(?P<before>[^\W\d_]{1,3}|[$€£¥₹])?\s*(?P<open>\()?\s*(?P<inner>[$€£¥₹])?\s*(?P<number>\d[\d.,'’\u00a0\u202f]*)"
    r"\s*(?P<close>\))?\s*(?P<after>%|[$€£¥₹]|°\s?[CF]?|[^\W\d_][\w./²³]*)?\s*[$€£¥₹]?"
)
_CODE = re.compile(r"[A-QS-Z]\d")  # "C1", "A4": a class or a size; "R150" may be rand
_MEAN_PLACES = 2
_HOURS = re.compile(
    r"(?P<hours>\d{1,4}) ?(?:h|hrs?|hours?|std\.?|stunden?)[ ,]*(?:and |und )?"
    r"(?P<minutes>[0-5]?\d) ?(?P<unit>m|mins?|minutes?|minuten)\.?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)")
_CLOCK_UNIT = "h:mm:ss"
CURRENCY_SIGNS = frozenset("$€£¥₹")
# units that stand for each other: name -> (what they measure, how much of the base one is)
_UNITS = {
    name: (kind, Decimal(factor))
    for kind, names in {
        "time": "second:1 s:1 minute:60 min:60 hour:3600 h:3600 day:86400 week:604800 month:2629746 year:31556952",
        "mass": "g:1 gram:1 kg:1000 kilogram:1000 kilo:1000 ton:1000000 t:1000000",
        "length": "mm:1 cm:10 m:1000 metre:1000 meter:1000 km:1000000 kilometre:1000000",
        "volume": "ml:1 cl:10 l:1000 litre:1000 liter:1000",
    }.items()
    for name, factor in (each.split(":") for each in names.split())
}


@dataclass(frozen=True, slots=True)
class Value:
    """A number and what it counts: ``before`` (a currency sign) and ``after`` (a unit); empty where it has none."""

    number: Decimal
    before: str = ""
    after: str = ""
    places: int = 0

    def with_number(self, number: Decimal) -> "Value":
        return Value(number, self.before, self.after, self.places)

    @property
    def written(self) -> str:
        """As it is read: $1,574; 64.70; 30 %; 1:42:18."""
        if self.after == _CLOCK_UNIT:
            return _clock(self.number)
        text = f"{abs(self.number):,.{self.places}f}"
        sign = "-" if self.number < 0 else ""
        after = f" {self.after}" if self.after else ""
        return f"{sign}{self.before}{text}{after}"

    @property
    def magnitude(self) -> tuple[str, Decimal]:
        """What it measures and how much of it in one unit: two values are compared by these."""
        kind, factor = _UNITS.get(self.after, _UNITS.get(self.after.removesuffix("s"), (self.before + self.after, 1)))
        return kind, self.number * factor

    def is_like(self, other: "Value") -> bool:
        """Whether both may be compared: neither has a unit that the other lacks."""
        return self.before == other.before and self.after == other.after


def read_value(text: str) -> Value | None:
    """The number that a whole cell is, in accountants' notation too: "(1,091) $" is -1,091 dollars, "2 h 35 min" are
    155 min, "1:42:18" are as many seconds; None for others."""
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        parts = {name: int(digits) for name, digits in clock.groupdict().items()}
        return Value(Decimal(3600 * parts["hours"] + 60 * parts["minutes"] + parts["seconds"]), after=_CLOCK_UNIT)
    if hours := _HOURS.fullmatch(text):
        unit = "min" if hours["unit"] == "m" else hours["unit"]
        return Value(60 * Decimal(hours["hours"]) + Decimal(hours["minutes"]), after=unit)
    found = _NUMBER.fullmatch(text)
    if found is None or (found["open"] is None) != (found["close"] is None):
        return None
    if found["after"] and is_date(text):
        return None
    before = found["before"] or found["inner"] or ""
    if before and before not in CURRENCY_SIGNS and (not before.isupper() or _CODE.match(text)):
        return None
    plain = numbers.value(found["number"].rstrip(".,"))
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return None
    fraction = found["number"].rstrip(".,").rpartition(".")[2] if "." in found["number"] else plain.partition(".")[2]
    places = 0 if len(fraction) == 3 and "." not in plain else len(fraction)
    negative = found["open"] is not None or found["sign"] is not None
    after = found["after"] or ""
    if after in CURRENCY_SIGNS:
        before, after = after, ""
    elif not before and text[-1] in CURRENCY_SIGNS:
        before = text[-1]
    return Value(-number if negative else number, before, after, places)


def total(values: list[Value]) -> Value:
    """The sum, with the unit of the first."""
    return _like(values, sum((value.number for value in values), Decimal(0)))


def average(values: list[Value]) -> Value:
    """The arithmetic mean, with the unit of the first, rounded to two places where it does not come out even."""
    mean = total(values).number / len(values)
    places = max(value.places for value in values)
    if mean != round(mean, places):
        places = max(places, _MEAN_PLACES)
    return replace(_like(values, round(mean, places)), places=places)


def difference(one: Value, other: Value) -> Value:
    """``one`` less ``other``."""
    return _like([one, other], one.number - other.number)


def _like(values: list[Value], number: Decimal) -> Value:
    first = next((value for value in values if value.before or value.after), values[0])
    return Value(number, first.before, first.after, max(value.places for value in values))


def _clock(seconds: Decimal) -> str:
    whole = abs(int(seconds))
    return f"{'-' if seconds < 0 else ''}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
