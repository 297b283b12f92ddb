"""Brings text into the one form in which it is indexed and compared, and keeps where each character came from.

Widths and compatibility forms (NFKC), composed letters, radicals as characters, digits of every script as 0 to 9; soft
hyphens, zero-width characters, direction marks, Arabic vowel signs and tatweel, Hebrew points and stress marks are
dropped. Case and Latin diacritics stay: ``fold`` drops them word by word. Spaces stay what they are, for a thin or
unbreakable one groups the digits of a number.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

# Radicals that look like a character and have no compatibility mapping: Unicode's EquivalentUnifiedIdeograph.txt.
_SUPPLEMENT = (
    "⺁厂⺄乙⺅亻⺆冂⺈刀⺉刂⺊卜⺌小⺍小⺎兀⺒巳⺓幺⺔彑⺖忄⺘扌⺙攵⺜日⺝月⺞歺⺟母⺠民⺡氵⺣灬⺦丬⺧牛⺨犭⺩王⺫目⺬示⺭礻⺯糹⺰纟⺱罓⺲罒⺶羊⺹耂⺺肀"
    "⺻聿⺼肉⺽臼⺾艹⺿艹⻀艹⻁虎⻂衤⻃覀⻄西⻅见⻆角⻈讠⻉贝⻋车⻌辶⻍辶⻎辶⻏阝⻐钅⻑長⻒镸⻓长⻔门⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻟飠⻠饣⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤"
    "⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟"
)
_RADICALS = {ord(radical): whole for radical, whole in zip(_SUPPLEMENT[::2], _SUPPLEMENT[1::2], strict=True)}
_RADICALS |= {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)}
_RADICAL = re.compile("[\u2e80-\u2fd5]")

# What belongs to no word: soft hyphen, joiners, zero-width spaces, direction marks, variation selectors, tatweel.
_INVISIBLE = "\u00ad\u034f\u061c\u0640\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
# Points and vowel signs: Hebrew, Arabic.
_POINTS = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8"
_DROPPED = re.compile(f"[{_INVISIBLE}{_POINTS}]")
_COMBINING = re.compile("[\u0300-\u036f]")
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_FRACTIONS = "¼½¾⅐-⅞↉"
# A character with the marks that follow it, or a run of Korean letters: what is normalised as a whole.
_CLUSTER = re.compile(
    f"[{_INVISIBLE}{_POINTS}]+|[{_RAISED}]+|[{_FRACTIONS}]|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+"
    f"|[^\\s{_SPACES}](?:[\u0300-\u036f\u3099\u309a\uff9e\uff9f])+|[^\x00-\x7f{_SPACES}]"
)
_MARKS_IN_ASCII = {"٫": ".", "٬": ",", "﹒": ".", "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "⁄": "/", "∕": "/"}
_UNIT_CHARS = 2  # a raised digit behind a word this short is its power (m², km³); behind a longer one a footnote mark
_ALPHABETIC_RUN = re.compile(r"[^\W\d_]*\Z")


@dataclass(frozen=True, slots=True)
class Normalized:
    """``text`` in the compared form. ``places`` and ``origins`` say where characters from one place on came from."""

    text: str
    places: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)
    ends: tuple[int, ...] = (-1,)  # where the original of a changed stretch ends; -1: character by character

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns the characters of the original from which ``text[start:end]`` was made."""
        if len(self.places) == 1:
            return start, end
        first, last = self._piece(start), self._piece(end - 1)
        begin = self.origins[first] + (start - self.places[first] if self.ends[first] < 0 else 0)
        stop = self.origins[last] + end - self.places[last] if self.ends[last] < 0 else self.ends[last]
        return begin, stop

    def _piece(self, place: int) -> int:
        return bisect_right(self.places, place) - 1


def normalized(text: str) -> Normalized:
    """Returns ``text`` in the compared form. ASCII stays as it is."""
    if text.isascii():
        return Normalized(text)
    pieces: list[str] = []
    places, origins, ends = [0], [0], [-1]
    length = done = 0
    moved = False
    for match in _CLUSTER.finditer(text):
        instead = _compared(match[0])
        if instead == match[0]:
            continue
        start, end = match.span()
        if match[0][0] in _RAISED:
            instead = _power(text, start) + instead
        pieces += (text[done:start], instead)
        length += start - done
        done = end
        if len(instead) != end - start:
            moved = True
            if instead:
                places.append(length)
                origins.append(start)
                ends.append(end)
            length += len(instead)
            places.append(length)
            origins.append(end)
            ends.append(-1)
        else:
            length += end - start
    if not pieces:
        return Normalized(text)
    pieces.append(text[done:])
    joined = "".join(pieces)
    return Normalized(joined, tuple(places), tuple(origins), tuple(ends)) if moved else Normalized(joined)


def _power(text: str, start: int) -> str:
    """Returns what stands between a raised number and what it is raised over: nothing behind the sign of a unit."""
    word = _ALPHABETIC_RUN.search(text, max(0, start - _UNIT_CHARS - 1), start)
    return "" if word and 0 < len(word[0]) <= _UNIT_CHARS else "^"


@lru_cache(maxsize=16384)
def _compared(cluster: str) -> str:
    """Returns the compared form of one cluster."""
    if _DROPPED.match(cluster):
        return ""
    if cluster in _MARKS_IN_ASCII:
        return _MARKS_IN_ASCII[cluster]
    whole = unicodedata.normalize("NFKC", cluster.translate(_RADICALS))
    whole = _DROPPED.sub("", whole).strip()
    if len(cluster) == 1 and unicodedata.decomposition(cluster).startswith("<fraction>"):
        return f" {whole.replace('⁄', '/')} "
    return "".join(_digit(char) for char in _COMBINING.sub("", whole)) or cluster


def _digit(char: str) -> str:
    """Returns a decimal digit of any script as one of 0 to 9, another character as it is."""
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def with_characters_for_radicals(text: str) -> str:
    """Returns ``text``, as long as before, with radicals (which some PDFs hold) as the characters that people type."""
    return text.translate(_RADICALS) if _RADICAL.search(text) else text


# -- words ---------------------------------------------------------------------------------------------------------

_CYRILLIC = re.compile("[\u0400-\u04ff]")
_STRESS = re.compile("[\u0300\u0301]|(?<=е)\u0308")
# Letters that people type as ASCII, and letters of one sound that are written either way.
_LATIN = {
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n", "ŧ": "t",
    "ĸ": "k", "ſ": "s", "’": "'", "ʼ": "'", "׳": "'",
}  # fmt: skip
# Hamza and madda over alef, alef maksura, ta marbuta; Persian and Urdu forms of yeh, kaf and heh.
_ARABIC = {**dict.fromkeys("آأإٱ", "ا"), **dict.fromkeys("ىیېئ", "ي"), **dict.fromkeys("ةۀہە", "ه"), "ک": "ك", "ؤ": "و"}
_LETTERS = str.maketrans({**_LATIN, **_ARABIC})


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Makes a word lower case, with ASCII for Latin letters, one letter for variants, without possessive ending."""
    lower = word.casefold().translate(_LETTERS)
    if not lower.isascii():
        parts = unicodedata.normalize("NFKD", lower)
        marks = _STRESS if _CYRILLIC.search(parts) else _COMBINING
        lower = unicodedata.normalize("NFC", marks.sub("", parts)).translate(_LETTERS)
    return lower.removesuffix("'s").removesuffix("s'")


_UMLAUTS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ø", "oe"), ("å", "aa"))


def spelled_out(word: str) -> str:
    """Returns a folded word with its umlauts written as two letters, "" where it has none ("Müller": "mueller")."""
    lower = unicodedata.normalize("NFC", word.casefold())
    written = lower
    for letter, instead in _UMLAUTS:
        written = written.replace(letter, instead)
    return fold(written) if written != lower else ""
