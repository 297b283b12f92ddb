"""Shows a date, a time of day or a duration under the tokens of its number format."""

import datetime
import re
from collections.abc import Sequence
from typing import Protocol

_BY_REGION = re.compile(r"mm-dd-yy|m/d/yy(?: h:mm)?|\[\$-F[48]00\].*", re.IGNORECASE)
"""Codes for which programs show the form of the person's region."""
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_EPOCH = datetime.datetime(1899, 12, 30)

Moment = datetime.datetime | datetime.date | datetime.time | datetime.timedelta


class _Token(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def text(self) -> str: ...


def shown_date(value: Moment, code: str, tokens: Sequence[_Token]) -> str:
    """``tokens`` are the parts of the format ``code``; without any, or where the form follows the person's region, the
    moment is shown as in ISO 8601."""
    if not tokens or _BY_REGION.fullmatch(code):
        return _iso(value)
    try:
        moment, seconds = _moment(value)
        if not any(token.kind == "date" and "." in token.text for token in tokens):  # days are fractions: 9:29:59.997
            moment, seconds = (moment + datetime.timedelta(seconds=0.5)).replace(microsecond=0), round(seconds)
    except OverflowError:  # behind the year 9999
        return _iso(value)
    twelve = any(token.text.upper() in ("AM/PM", "A/P") for token in tokens)
    parts = [
        _elapsed(token.text, seconds)
        if token.kind == "elapsed"
        else _field(token.text, moment, twelve=twelve, minutes=_is_minute(tokens, at))
        if token.kind == "date"
        else token.text
        for at, token in enumerate(tokens)
    ]
    sign = "-" if seconds < 0 else ""
    return sign + " ".join("".join(parts).split())


def _moment(value: Moment) -> tuple[datetime.datetime, float]:
    """The moment as a date with a time, and as seconds of a duration."""
    if isinstance(value, datetime.timedelta):
        return _EPOCH + abs(value), value.total_seconds()
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(_EPOCH.date(), value.replace(tzinfo=None))
    elif not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    value = value.replace(tzinfo=None)
    return value, (value - _EPOCH).total_seconds()


def _iso(value: Moment) -> str:
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, datetime.timedelta):
        return str(value)
    return value.isoformat() if isinstance(value, datetime.date) else value.isoformat("minutes")


def _is_minute(tokens: Sequence[_Token], at: int) -> bool:
    """Whether an m behind hours or before seconds means minutes, not months."""
    if tokens[at].text[:1] not in "mM":
        return False
    timed = [token.text[0].lower() for token in tokens[:at] if token.kind in ("date", "elapsed")]
    following = [token.text[0].lower() for token in tokens[at + 1 :] if token.kind in ("date", "elapsed")]
    return timed[-1:] == ["h"] or following[:1] == ["s"]


def _elapsed(code: str, seconds: float) -> str:
    units = {"h": 3600, "m": 60, "s": 1}[code[0].lower()]
    return str(int(abs(seconds) // units)).rjust(len(code), "0")


def _field(code: str, moment: datetime.datetime, *, twelve: bool, minutes: bool) -> str:
    letter, size = code[0].lower(), len(code)
    if letter == "a":
        half = "AM" if moment.hour < 12 else "PM"
        return half if code.upper() == "AM/PM" else half[0]
    if letter == "y":
        return f"{moment.year:04}" if size > 2 else f"{moment.year % 100:02}"
    if letter == "m" and not minutes and size > 2:
        month = _MONTHS[moment.month - 1]
        return month if size == 4 else month[0] if size == 5 else month[:3]
    if letter == "d" and size > 2:
        day = _DAYS[moment.weekday()]
        return day if size > 3 else day[:3]
    if letter == "s":
        whole, point, decimals = code.partition(".")
        fraction = f".{moment.microsecond:06}"[: 1 + len(decimals)] if point else ""
        return str(moment.second).rjust(len(whole), "0") + fraction
    number = {"d": moment.day, "h": moment.hour, "m": moment.minute if minutes else moment.month}[letter]
    if letter == "h" and twelve:
        number = number % 12 or 12
    return str(number).rjust(min(size, 2), "0")
