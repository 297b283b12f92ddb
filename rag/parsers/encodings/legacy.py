"""Finds the legacy encoding in which bytes read like a language.

Every candidate decodes a sample; each character beyond ASCII earns a point if it belongs to the language's alphabet and
loses one if it does not, stands as a symbol inside a word, or is a capital after a small letter. The best mean wins;
among equals the first, so a text too short to tell is Windows-1252.
"""

import re
from collections import Counter
from collections.abc import Iterator

_SAMPLE_BYTES = 16_384
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_LONG_LINE_BYTES = 2_000

# Letters beyond ASCII of each language; for other scripts the frequent letters, then "|", then the rest.
_WESTERN = (
    "éàèêçâîôûùëïüœæÿ",  # French
    "äöüß",  # German
    "áéíóúñü¿¡ªº",  # Spanish, Catalan
    "áâãàçéêíóôõú",  # Portuguese
    "àèéìòùî",  # Italian
    "åäöæøéü",  # Danish, Norwegian, Swedish, Finnish
    "áðéíóúýþæö",  # Icelandic
    "éëïöüèê",  # Dutch
)
_CENTRAL = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "ăâîșțşţ",  # Romanian
    "čćđšž",  # Croatian, Slovenian, Bosnian
)
_CYRILLIC = (
    "оеаинтсрвлкм|дпуяыьгзбчйхжшюцщэфъё",  # Russian
    "оаинвіетрскл|удмпзяьбгйчхцїжшющєфґ",  # Ukrainian
    "аеоинтвсрдлк|мпзугябъчщжюшйцхфь",  # Bulgarian
    "аоиеунстрвјк|лмдпбзгжшчњћцљђхфџ",  # Serbian
    "аіноерстылкв|дмупязбьчгшцжйўхюэфё",  # Belarusian
)
_GREEK = ("αοιετσνρυκπμς|λγδηχωθβφξζψάέίόύήώϊϋΐΰ",)
_TURKISH = ("ıışğçöüâî",)
_HEBREW = ("יוהלאמתברשנםדח|ןעפקכגטסצזךףץ" + "".join(map(chr, range(0x5B0, 0x5BD))),)
_ARABIC = ("اليمنترودبعه|ةسفكقحجشصطخذضزثغظىأإآءئؤپچژگ" + "ًٌٍَُِّْ" + "،؛؟ـ",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")
_VIETNAMESE = ("ăâđêôơưàáèéìíòóùúý\u0300\u0301\u0303\u0309\u0323",)
_THAI = ("านรอกเงมยลวดทสตะปบคหแจ่้ัิีุู|พชใขไโผถซธศณภญฟษ็ื์ฉำ",)

_SINGLE_BYTE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cp1252", _WESTERN),
    ("cp1250", _CENTRAL),
    ("cp1251", _CYRILLIC),
    ("koi8_r", _CYRILLIC),
    ("koi8_u", _CYRILLIC),
    ("cp1253", _GREEK),
    ("cp1254", _TURKISH),
    ("cp1255", _HEBREW),
    ("cp1256", _ARABIC),
    ("cp1257", _BALTIC),
    ("cp1258", _VIETNAMESE),
    ("cp874", _THAI),
    ("iso8859_15", _WESTERN),
    ("iso8859_2", _CENTRAL),
    ("iso8859_5", _CYRILLIC),
    ("iso8859_6", _ARABIC),
    ("iso8859_7", _GREEK),
    ("cp850", _WESTERN),
    ("cp852", _CENTRAL),
    ("cp866", _CYRILLIC),
    ("mac_roman", _WESTERN),
    ("mac_cyrillic", _CYRILLIC),
)
# Lead bytes of each standard's everyday characters: kana and level-1 kanji or hanzi, Hangul syllables.
_DOUBLE_BYTE: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    ("cp932", ((0x81, 0x83), (0x88, 0x98))),
    ("euc_jp", ((0xA1, 0xA5), (0xB0, 0xCF))),
    ("cp949", ((0xA1, 0xA3), (0xB0, 0xC8))),
    ("gb18030", ((0xA1, 0xA3), (0xB0, 0xD7))),
    ("big5", ((0xA1, 0xA3), (0xA4, 0xC6))),
)
_QUOTES_AND_DASHES = "“”‘’–—…•"
_OTHER_PUNCTUATION = "„‚‹›«»°§€£¢¥©®™·²³½¼¾×±µ№†\u00a0"
_WORDS_OF_ONE_LETTER = "àáâäåæèéêìíîòóôöøùúûüªº"
_KANA = re.compile("[\u3041-\u30ff]")


def legacy_encoding(data: bytes) -> str:
    """Returns the encoding in which ``data`` reads best; "cp1252" where nothing speaks for another."""
    sample = _sample(data)
    best, best_score = "cp1252", float("-inf")
    for encoding, score in (*_single_byte_scores(sample), *_double_byte_scores(sample)):
        # A hair's breadth is no evidence against a candidate that stands earlier, the more usual one.
        if score > best_score + 1e-6:
            best, best_score = encoding, score
    return best


def _sample(data: bytes) -> bytes:
    """Returns the first lines with bytes beyond ASCII: everything else says nothing."""
    parts, size, position = [], 0, 0
    while size < _SAMPLE_BYTES and (match := _HIGH_BYTE.search(data, position)):
        at = match.start()
        start = max(data.rfind(b"\n", position, at) + 1, position, at - _LONG_LINE_BYTES)
        end = data.find(b"\n", at, at + _LONG_LINE_BYTES) + 1
        position = end or at + _LONG_LINE_BYTES
        parts.append(data[start:position])
        size += position - start
    return b"".join(parts)


def _single_byte_scores(sample: bytes) -> Iterator[tuple[str, float]]:
    for encoding, languages in _SINGLE_BYTE:
        text = sample.decode(encoding, "replace")
        counts = Counter(char for char in text if not char.isascii())
        total = sum(counts.values())
        misplaced = _misplaced(text)
        for language in languages:
            weights = _weights(language)
            points = sum(count * weights.get(char, -1.0) for char, count in counts.items())
            yield encoding, (points - misplaced) / max(total, 1)


def _weights(language: str) -> dict[str, float]:
    frequent, _, rest = language.partition("|")
    weights = dict.fromkeys(_OTHER_PUNCTUATION, 0.5) | dict.fromkeys(_QUOTES_AND_DASHES, 1.0)
    for letters, weight in ((rest, 0.5), (frequent, 1.0)):
        # Capitals count a little less: KOI8 read as Windows-1251 has its cases swapped.
        weights |= {upper: weight - 0.1 for char in letters if len(upper := char.upper()) == 1}
        weights |= dict.fromkeys(letters, weight)
    weights["\ufffd"] = -2.0
    return weights


def _misplaced(text: str) -> int:
    """Counts characters beyond ASCII where their kind does not stand: capitals after small letters, symbols in
    words.
    """
    count = 0
    before, here = " ", " "
    for after in text + " ":
        if not here.isascii():
            near_letters = before.isalpha() or after.isalpha()
            if here > "\u036f" and here.isalpha():
                # Scripts do not mix within a word.
                count += any(near.isascii() and near.isalpha() for near in (before, after))
                count += here.isupper() and before.islower()
            elif here.isalpha() and not near_letters:
                count += here.lower() not in _WORDS_OF_ONE_LETTER
            elif here.isupper():
                count += before.islower()
            elif not here.isalpha() and here != "’" and before.isalpha() and after.isalpha():
                # Combining marks (Vietnamese, Hebrew, Arabic, Thai) belong into words.
                count += not "\u0300" <= here <= "\u0323" and not "\u0590" <= here <= "\u0e5b"
        before, here = here, after
    return count


def _double_byte_scores(sample: bytes) -> Iterator[tuple[str, float]]:
    for encoding, everyday in _DOUBLE_BYTE:
        try:
            text = _whole_characters(sample, encoding)
        except UnicodeDecodeError:
            continue
        points, total = 0.0, 0
        for char in text:
            if char.isascii():
                continue
            raw = char.encode(encoding)
            total += len(raw)
            usual = len(raw) == 2 and any(first <= raw[0] <= last for first, last in everyday)
            points += len(raw) if usual else -len(raw)
        kana = len(_KANA.findall(text)) > 0.05 * len(text)
        if kana != (encoding in ("cp932", "euc_jp")):
            # Japanese has kana in every sentence, and nothing else has.
            points -= 0.5 * total
        if total:
            yield encoding, points / total


def _whole_characters(sample: bytes, encoding: str) -> str:
    """Decodes ``sample``, in which a character may be cut where a long line was."""
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        if len(sample) < _LONG_LINE_BYTES:
            raise
        text = sample.decode(encoding, "ignore")
        if len(sample) - len(text.encode(encoding)) > 4 * (2 + len(sample) // _LONG_LINE_BYTES):
            raise
        return text
