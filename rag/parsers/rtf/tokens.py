r"""Divides RTF into control words, groups and text, as bytes. ``\bin`` and its raw bytes are passed over.

Rich Text Format Specification 1.9.1.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\x00]+|([^\\{}\r\n\x00]+)"
)


class Token(NamedTuple):
    r"""``word`` is a control word or symbol (``par``, ``~``, ``{``), "" for text, whose bytes are in ``data``.

    ``number`` is the parameter of a control word, None where it has none.
    """

    word: str
    number: int | None = None
    data: bytes = b""


def tokens(source: bytes) -> Iterator[Token]:
    position = 0
    while found := _TOKEN.search(source, position):
        position = found.end()
        word, number, code, symbol, brace, text = found.groups()
        if word is not None:
            if word == b"bin" and number:
                position += max(0, int(number))
                continue
            yield Token(word.decode("ascii"), int(number) if number else None)
        elif code is not None:
            yield Token("", data=bytes.fromhex(code.decode("ascii")), number=1)
        elif symbol is not None:
            # A line end behind a backslash ends a paragraph.
            yield Token("par" if symbol in b"\r\n" else symbol.decode("latin-1"))
        elif brace is not None:
            yield Token(brace.decode("ascii"))
        elif text is not None:
            yield Token("", data=text)
