"""Shows a value of a spreadsheet under its number format (ECMA-376 part 1, 18.8.31) as the program shows it.

``#,##0.00 "kr"`` makes 1349.5 "1,349.50 kr", ``00000`` makes 417 "00417", ``[h]:mm`` makes five days and eleven hours
"131:00". Names of months and separators are English. Dates in a form that follows the person's region are shown as in
ISO 8601.
"""

import datetime
import operator
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from rag.parsers.sheets.date_format import shown_date
from rag.parsers.whole_number import whole_number

Moment = datetime.datetime | datetime.date | datetime.time | datetime.timedelta
Value = str | int | float | bool | Moment | None

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<sign>[<>=]{1,2})(?P<limit>-?[\d.]+)\]|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]"
    r"|(?P<general>General)|(?P<exponent>E[+-]0+)|(?P<date>AM/PM|A/P|y+|m+|d+|h+|s+(?:\.0+)?)"
    r"|(?P<digit>[0#?])|(?P<mark>[.,%@/])|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip
_GENERAL_DIGITS = 10
_MOST_CHARS = 1_000  # of a format; Excel takes 255, and each is work for every cell

Kind = Literal["literal", "digit", "mark", "date", "elapsed", "exponent", "general"]


class Token(NamedTuple):
    """A part of a format: text that stands as it is, or a place for something of the value."""

    kind: Kind
    text: str


class Section(NamedTuple):
    """One of the formats that a code holds for positive, negative, zero and text; ``holds`` is its own condition."""

    tokens: tuple[Token, ...]
    holds: Callable[[float], bool] | None

    @property
    def is_date(self) -> bool:
        return any(token.kind in ("date", "elapsed") for token in self.tokens)


def shown(value: Value, code: str) -> str:
    """The text that a cell shows; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    sections = _sections((code or "General") if len(code) <= _MOST_CHARS else "General")
    if isinstance(value, str):
        return _text(value, sections)
    if isinstance(value, Moment):
        dated = next((section for section in sections if section.is_date), None)
        return shown_date(value, "" if dated is None else code, () if dated is None else dated.tokens)
    section, magnitude = _chosen(sections, value)
    return " ".join(_number(magnitude, section.tokens).split())


@lru_cache(maxsize=1024)
def _sections(code: str) -> tuple[Section, ...]:
    sections: list[Section] = []
    tokens: list[Token] = []
    holds: Callable[[float], bool] | None = None
    for found in _TOKEN.finditer(code):
        kind = found.lastgroup
        if kind == "literal" and found[0] == ";":
            sections.append(Section(tuple(tokens), holds))
            tokens, holds = [], None
        elif kind == "limit":
            holds = _condition(found["sign"], float(found["limit"]))
        elif kind in ("quoted", "escaped", "currency", "literal"):
            tokens.append(Token("literal", found[kind]))
        elif kind in ("digit", "mark", "date", "elapsed", "exponent", "general"):
            tokens.append(Token(kind, found[kind]))  # type: ignore[arg-type]
    return (*sections, Section(tuple(tokens), holds))


def _condition(sign: str, limit: float) -> Callable[[float], bool]:
    compare = _COMPARE.get(sign) or _COMPARE["="]
    return lambda value: compare(value, limit)


def _text(value: str, sections: Sequence[Section]) -> str:
    section = sections[3] if len(sections) > 3 else sections[-1]
    if not any(token == ("mark", "@") for token in section.tokens):
        return value
    return "".join(value if token == ("mark", "@") else token.text for token in section.tokens)


def _chosen(sections: Sequence[Section], value: float) -> tuple[Section, float]:
    """The section for a number, and the number as it stands there: a section of its own for negative numbers says by
    itself that they are."""
    if any(section.holds for section in sections):
        return next((one for one in sections if one.holds is None or one.holds(value)), sections[-1]), value
    if value < 0 and len(sections) > 1 and sections[1].tokens:
        return sections[1], -value
    if value == 0 and len(sections) > 2 and sections[2].tokens:
        return sections[2], value
    return sections[0], value


def _number(value: float, tokens: Sequence[Token]) -> str:
    kinds = {token.kind for token in tokens}
    if "general" in kinds or "digit" not in kinds:
        general = _general(value)
        if not kinds & {"general"} and tokens:  # words alone, or a place for text
            general = "" if not any(token.text == "@" for token in tokens) else general
        return (
            "".join(general if token.kind == "general" or token.text == "@" else token.text for token in tokens)
            or general
        )
    if "exponent" in kinds:
        return _scientific(value, tokens)
    if any(token == ("mark", "/") for token in tokens):
        return _fraction(value, tokens)
    return _decimal(value, tokens)


def _general(value: float) -> str:
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    return f"{value:.{_GENERAL_DIGITS}g}".replace("e", "E")


def _decimal(value: float, tokens: Sequence[Token]) -> str:
    places = [at for at, token in enumerate(tokens) if token.kind == "digit"]
    point = next((at for at, token in enumerate(tokens) if token == ("mark", ".")), len(tokens))
    whole = [at for at in places if at < point]
    after = [at for at in places if at > point]
    last = whole[-1] if whole else point
    commas = [at for at, token in enumerate(tokens) if token == ("mark", ",")]
    thousands = sum(last < at < point or at > places[-1] for at in commas if at != point)
    grouped = any(at < last for at in commas)
    try:
        scaled = Decimal(repr(value)) * 100 ** sum(token == ("mark", "%") for token in tokens) / 1000**thousands
        rounded = abs(scaled).quantize(Decimal(1).scaleb(-len(after)), rounding=ROUND_HALF_UP)
    except InvalidOperation:  # infinite, or with more digits than a decimal holds
        return _general(value)
    integer, _, decimals = f"{rounded:f}".partition(".")
    least = sum(tokens[at].text == "0" for at in whole)
    integer = integer.lstrip("0").rjust(least, "0")
    digits = _decimals(decimals, [tokens[at].text for at in after])
    written = _written(tokens, whole, integer, digits, grouped=grouped)
    return f"-{written}" if value < 0 and rounded else written


def _decimals(decimals: str, places: Sequence[str]) -> str:
    """The digits behind the point, without those that no place asks for."""
    kept = len(decimals)
    while kept and places[kept - 1] != "0" and decimals[kept - 1] == "0":
        kept -= 1
    return decimals[:kept]


def _written(tokens: Sequence[Token], whole: Sequence[int], integer: str, digits: str, *, grouped: bool) -> str:
    """Digits and literals in order. Where literals stand between the places of digits, each place takes one digit."""
    parted = any(tokens[at].kind == "literal" for at in range(whole[0], whole[-1])) if whole else False
    parts: list[str] = []
    for at, token in enumerate(tokens):
        if token.kind == "literal" or token == ("mark", "%"):
            parts.append(token.text)
        elif token == ("mark", "."):
            parts.append(f".{digits}" if digits else "")
        elif at in whole[:1]:
            rest = len(whole) - 1 if parted else 0
            first = integer[: len(integer) - rest]
            parts.append(f"{int(first):,}".rjust(len(first), "0") if grouped and first else first)
        elif parted and at in whole:
            from_end = len(whole) - whole.index(at)
            parts.append(integer[len(integer) - from_end : len(integer) - from_end + 1])
    return "".join(parts)


def _scientific(value: float, tokens: Sequence[Token]) -> str:
    point = next((at for at, token in enumerate(tokens) if token == ("mark", ".")), len(tokens))
    exponent = next(at for at, token in enumerate(tokens) if token.kind == "exponent")
    decimals = sum(token.kind == "digit" for token in tokens[point:exponent])
    return f"{value:.{decimals}E}"


def _fraction(value: float, tokens: Sequence[Token]) -> str:
    slash = next(at for at, token in enumerate(tokens) if token == ("mark", "/"))
    below = "".join(token.text for token in tokens[slash + 1 :]).strip()
    whole, rest = divmod(abs(Fraction(value)), 1)
    if (parts := whole_number(below, 0)) > 0:  # "# ??/16"
        near = Fraction(round(rest * parts), parts)
        part = f"{round(rest * parts)}/{parts}" if near else ""
    else:
        near = rest.limit_denominator(max(1, 10 ** max(1, len(below)) - 1))
        part = f"{near.numerator}/{near.denominator}" if near else ""
    if near == 1:
        whole, part = whole + 1, ""
    written = " ".join(filter(None, (str(whole) if whole or not part else "", part)))
    return f"-{written}" if value < 0 else written
