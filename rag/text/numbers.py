"""Reads numbers by value: 1,234.50, 1.234,5, 1 234,5 and 1234.5 are one number.

A single mark before three digits ("1.234") is taken for a mark between thousands, which is consistent wherever both
sides of a comparison are read the same way. Dates, versions and addresses ("12.05.2031", "1.2.3") stay as written.
"""

import re

_PLAIN_SPACE = re.compile(r"\d+(?: \d{3})+")
_MARKED = re.compile(r"(\d{1,3}(?:([.,'’\u00a0\u2007\u2009\u202f ])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d+))?")
_LAKHS = re.compile(r"(\d{1,2}(?:,\d{2})+,\d{3})(?:\.(\d+))?")  # 12,34,567 as in India
_DECIMAL = re.compile(r"(\d+)[.,](\d+)")
_NOT_DIGIT = re.compile(r"\D")
_AMOUNT_DIGITS = 3  # from this many digits before it a fraction is an amount's: its last zeros say nothing

# A number as it stands in normalised text. Plain spaces group digits only in front of exactly three more.
GROUPED_PATTERN = r"\d{1,3}(?:[\u00a0\u2007\u2009\u202f ]\d{3})+(?!\d)(?:[.,]\d{1,2}(?![\d]))?(?![.,]\d)"
PATTERN = (
    rf"{GROUPED_PATTERN}"
    r"|\d{1,3}(?:['’]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)*"
)


def value(written: str) -> str:
    """Returns the value of a number as digits with at most one point; what is no plain number with points as it is."""
    if marked := _MARKED.fullmatch(written):
        whole, mark, fraction = marked.groups()
        if whole[0] == "0" and mark in ".,":
            return _with_fraction("0", _NOT_DIGIT.sub("", whole[1:])) if not fraction else written
        return _with_fraction(_NOT_DIGIT.sub("", whole), fraction or "")
    if lakhs := _LAKHS.fullmatch(written):
        return _with_fraction(_NOT_DIGIT.sub("", lakhs[1]), lakhs[2] or "")
    if decimal := _DECIMAL.fullmatch(written):
        return _with_fraction(*decimal.groups())
    return written.replace(",", ".")


def may_be_several(written: str) -> bool:
    """Tells whether nothing but plain spaces and the count of digits makes one number of these."""
    return _PLAIN_SPACE.fullmatch(written) is not None


def _with_fraction(whole: str, fraction: str) -> str:
    if len(whole) >= _AMOUNT_DIGITS and len(fraction) <= 2:
        fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
