"""Counts how often the encoding of a text without a declared one is found, by Docent and, if installed, by chardet.

    python -m benchmarks.reading.encodings CATALOGUES [--show]

CATALOGUES is a folder with translations as gettext catalogues (``**/<language>/LC_MESSAGES/*.mo``), such as the package
``django``. The messages of a language are one long text, its first ones a short text; each is written in the legacy
encodings that are usual for the language and hold all its characters, as it is and in capitals. Right is what decodes
to the text that was written.
"""

import argparse
import gettext
import importlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rag.parsers.encodings.legacy import legacy_encoding

_WESTERN = ("cp1252", "iso8859_15", "cp850", "mac_roman")
_CENTRAL = ("cp1250", "iso8859_2", "cp852")
_CYRILLIC = ("cp1251", "iso8859_5", "cp866", "mac_cyrillic")
_ENCODINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ["fr", "de", "es", "it", "pt", "pt_BR", "nl", "sv", "da", "fi", "nb", "is", "ca", "eu", "gl"], _WESTERN
    ),
    **dict.fromkeys(["pl", "cs", "sk", "hu", "ro", "hr", "sl", "bs", "sr_Latn"], _CENTRAL),
    **dict.fromkeys(["bg", "mk", "sr", "be"], _CYRILLIC),
    "ru": (*_CYRILLIC, "koi8_r"),
    "uk": (*_CYRILLIC, "koi8_u"),
    "el": ("cp1253", "iso8859_7"),
    "tr": ("cp1254",),
    "az": ("cp1254",),
    "he": ("cp1255",),
    "ar": ("cp1256", "iso8859_6"),
    "fa": ("cp1256",),
    **dict.fromkeys(["lt", "lv", "et"], ("cp1257",)),
    "vi": ("cp1258",),
    "th": ("cp874",),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
    "zh_Hans": ("gb18030",),
    "zh_Hant": ("big5",),
}
_LONG = 20_000  # characters
_SHORT = 200


class _Sample(NamedTuple):
    language: str
    encoding: str
    data: bytes
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogues", type=Path)
    parser.add_argument("--show", action="store_true", help="list what was got wrong")
    options = parser.parse_args()
    detectors: dict[str, Callable[[bytes], str]] = {"docent": legacy_encoding}
    try:
        detectors["chardet"] = _chardet(importlib.import_module("chardet"))
    except ImportError:
        print("chardet is not installed; only Docent's detector is measured.")
    for length in (_LONG, _SHORT):
        for capitals in (False, True):
            samples = _samples(options.catalogues, length, capitals=capitals)
            print(f"{len(samples)} texts of up to {length:,} characters{', in capitals' if capitals else ''}")
            for name, detect in detectors.items():
                found = [(sample, detect(sample.data)) for sample in samples]
                wrong = [(sample, encoding) for sample, encoding in found if not _reads_as(sample, encoding)]
                print(f"    {name:8} {len(samples) - len(wrong):4} right")
                for sample, encoding in wrong if options.show else ():
                    print(f"        {sample.language:8} {sample.encoding:12} taken for {encoding}")


def _chardet(module: object) -> Callable[[bytes], str]:
    detect = module.detect  # type: ignore[attr-defined]
    return lambda data: str(detect(data)["encoding"] or "cp1252")


def _reads_as(sample: _Sample, encoding: str) -> bool:
    try:
        return sample.data.decode(encoding) == sample.text
    except (UnicodeDecodeError, LookupError):
        return False


def _samples(folder: Path, length: int, *, capitals: bool) -> list[_Sample]:
    messages: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.glob("**/LC_MESSAGES/*.mo")):
        language = path.parts[-3]
        if language in _ENCODINGS:
            with path.open("rb") as file:
                catalogue = gettext.GNUTranslations(file)
            found = [message for message in catalogue._catalog.values() if not message.isascii()]  # type: ignore[attr-defined]
            messages[language] += map(str.upper, found) if capitals else found
    samples = []
    for language, texts in messages.items():
        for encoding in _ENCODINGS[language]:
            text = _beginning([text for text in texts if _holds(text, encoding)], length)
            if text:
                samples.append(_Sample(language, encoding, text.encode(encoding), text))
    return samples


def _beginning(texts: Sequence[str], length: int) -> str:
    """The first texts, one a line; at least one, and not more than ``length`` characters with the others."""
    kept: list[str] = []
    size = 0
    for text in texts:
        if kept and size + len(text) > length:
            break
        kept.append(text)
        size += len(text)
    return "\n".join(kept)


def _holds(text: str, encoding: str) -> bool:
    try:
        return text.encode(encoding).decode(encoding) == text
    except UnicodeEncodeError:
        return False


if __name__ == "__main__":
    main()
