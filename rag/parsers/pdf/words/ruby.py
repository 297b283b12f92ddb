"""Parts the readings that are printed above characters (ruby: kana above kanji) from the lines of a page."""

import re
from collections.abc import Sequence

from rag.parsers.pdf.words.fragments import Fragment

_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc・ ]+")
_CHARACTER = re.compile(r"[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_SMALLER = 0.7  # height of a reading, as a share of the height of the line that it stands above
_NEAR = 0.45  # of that height: how far above or into the line its lower edge is
_MOST_LINES = 400  # of characters that are looked at for one reading


def without_readings(fragments: Sequence[Fragment]) -> tuple[list[Fragment], list[str]]:
    """Returns the fragments that are no readings, and each reading as "characters: reading"."""
    small = [one for one in fragments if one.table is None and _KANA.fullmatch(one.text)]
    if not small:
        return list(fragments), []
    lines = [one for one in fragments if _CHARACTER.search(one.text)][:_MOST_LINES]
    readings: dict[int, str] = {}
    for reading in small:
        base = next((found for line in lines if (found := _characters_below(reading, line))), "")
        if base:
            readings[id(reading)] = f"{base}: {reading.text.replace(' ', '')}"
    return [one for one in fragments if id(one) not in readings], list(dict.fromkeys(readings.values()))


def _characters_below(reading: Fragment, line: Fragment) -> str:
    """The characters of a line that a reading stands above; "" where it stands above none. The characters of such
    scripts are equally wide."""
    height = line.y1 - line.y0
    if reading.y1 - reading.y0 > _SMALLER * height or abs(reading.y1 - line.y0) > _NEAR * height:
        return ""
    if reading.x1 <= line.x0 or reading.x0 >= line.x1:
        return ""
    width = (line.x1 - line.x0) / len(line.text)
    middles = [(line.x0 + (index + 0.5) * width, letter) for index, letter in enumerate(line.text)]
    return "".join(
        letter
        for middle, letter in middles
        if reading.x0 - 0.5 * width < middle < reading.x1 + 0.5 * width and _CHARACTER.match(letter)
    )
