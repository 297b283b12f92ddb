"""Writes the numbers of lists, headings and notes in the form that a document asks for.

The names of the forms are those of WordprocessingML (ST_NumberFormat, ECMA-376 part 1, 17.18.59); ``ODF_FORMS`` maps
the forms of OpenDocument to them and ``BINARY_FORMS`` those of binary Word and RTF (nfc, [MS-OSHARED] 2.2.1.3).
"""

from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST_ROMAN = 32_767
_MOST_LETTERS = 780  # thirty times the alphabet, where Word stops
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_ARABIC_ALPHA = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_ARABIC_ABJAD = "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ"
_CHINESE = "〇一二三四五六七八九"
_HEAVENLY = "甲乙丙丁戊己庚辛壬癸"
_EARTHLY = "子丑寅卯辰巳午未申酉戌亥"
_CHICAGO = "*†‡§"
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

ODF_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman", "": "none"}
BINARY_FORMS = {
    0: "decimal", 1: "upperRoman", 2: "lowerRoman", 3: "upperLetter", 4: "lowerLetter", 5: "ordinal",
    6: "cardinalText", 7: "ordinalText", 9: "chicago", 10: "chineseCounting", 11: "chineseCounting",
    18: "decimalEnclosedCircle", 22: "decimalZero", 23: "bullet", 45: "hebrew2", 46: "arabicAlpha", 48: "arabicAbjad",
    58: "russianLower", 59: "russianUpper", 255: "none",
}  # fmt: skip


def written_number(number: int, form: str) -> str:
    """Writes ``number`` in a form; one that is not known here is written in decimal digits."""
    writer = _WRITERS.get(form)
    return writer(number) if writer else str(number)


def _roman(number: int) -> str:
    if not 0 < number <= _MOST_ROMAN:
        return str(number)
    parts: list[str] = []
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        parts.append(letters * count)
    return "".join(parts)


def _repeated(alphabet: str) -> Callable[[int], str]:
    """Letters that double after the last one: z, aa, bb."""

    def write(number: int) -> str:
        if not 0 < number <= _MOST_LETTERS:
            return str(number)
        times, index = divmod(number - 1, len(alphabet))
        return alphabet[index] * (times + 1)

    return write


def _cyclic(alphabet: str) -> Callable[[int], str]:
    return lambda number: alphabet[(number - 1) % len(alphabet)] if number > 0 else str(number)


def _hebrew(number: int) -> str:
    """Hebrew numerals; 15 and 16 avoid the name of God."""
    if not 0 < number < 500:
        return str(number)
    hundreds, rest = divmod(number, 100)
    out = _HEBREW[17 + hundreds] if hundreds else ""
    if rest in (15, 16):
        return out + ("טו" if rest == 15 else "טז")
    tens, ones = divmod(rest, 10)
    return out + (_HEBREW[8 + tens] if tens else "") + (_HEBREW[ones - 1] if ones else "")


def _chinese(number: int) -> str:
    if not 0 < number < 100:
        return "".join(_CHINESE[int(digit)] for digit in str(number)) if number >= 0 else str(number)
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else _CHINESE[tens]) + ("十" if tens else "") + (_CHINESE[ones] if ones else "")


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def _words(number: int) -> str:
    if not 0 <= number < 1000:
        return str(number)
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" + (f" {_words(rest)}" if rest else "")


def _cardinal_text(number: int) -> str:
    words = _words(number)
    return words[0].upper() + words[1:]


def _ordinal_text(number: int) -> str:
    words = _cardinal_text(number)
    if words.isdecimal():
        return _ordinal(number)
    at = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[at:]
    ending = _IRREGULAR.get(last.lower()) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return words[:at] + (ending if at or last.islower() else ending.capitalize())


def _circled(number: int) -> str:
    return chr(0x2460 + number - 1) if 0 < number <= 20 else str(number)


_WRITERS: dict[str, Callable[[int], str]] = {
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "lowerLetter": _repeated(_LATIN),
    "upperLetter": _repeated(_LATIN.upper()),
    "russianLower": _repeated(_RUSSIAN),
    "russianUpper": _repeated(_RUSSIAN.upper()),
    "hebrew1": _hebrew,
    "hebrew2": _repeated(_HEBREW),
    "arabicAlpha": _repeated(_ARABIC_ALPHA),
    "arabicAbjad": _repeated(_ARABIC_ABJAD),
    "chineseCounting": _chinese,
    "chineseCountingThousand": _chinese,
    "japaneseCounting": _chinese,
    "taiwaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese,
    "ideographDigital": lambda number: "".join(_CHINESE[int(digit)] for digit in str(abs(number))),
    "ideographTraditional": _cyclic(_HEAVENLY),
    "ideographZodiac": _cyclic(_EARTHLY),
    "decimalZero": lambda number: f"{number:02d}",
    "decimalZero3": lambda number: f"{number:03d}",
    "decimalZero4": lambda number: f"{number:04d}",
    "decimalZero5": lambda number: f"{number:05d}",
    "ordinal": _ordinal,
    "cardinalText": _cardinal_text,
    "ordinalText": _ordinal_text,
    "decimalEnclosedCircle": _circled,
    "numberInDash": lambda number: f"- {number} -",
    "chicago": _repeated(_CHICAGO),
    "hex": lambda number: f"{number:X}",
    "none": lambda number: "",
    "bullet": lambda number: "•",
}
