"""Reads the headers of e-mails, long ones in linear time.

The standard library takes time and memory that grow with the square of a header's length: a megabyte of addresses took
two minutes.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.policy import EmailPolicy
from typing import Any

_LONG = 2_000  # characters
_MOST_MIME = 2_000
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\r\n]{0,500}\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_FOLD = re.compile(r"\r\n|\r|\n")


class _Policy(EmailPolicy):
    """The standard policy for all but long headers: of those that say how to read a part the beginning counts, the
    others are text with encoded words in it."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        if len(value) <= _LONG or hasattr(value, "name"):
            return super().header_fetch_parse(name, value)
        if name.lower().startswith(("content-", "mime-")):
            return super().header_fetch_parse(name, _FOLD.sub("", value[:_MOST_MIME]))
        unfolded = _BETWEEN_WORDS.sub("", _FOLD.sub("", value))
        return _ENCODED_WORD.sub(lambda found: _decoded(found[0]), unfolded)


POLICY = _Policy()


def _decoded(word: str) -> str:
    """The text of one encoded word (RFC 2047); the word itself where it cannot be decoded."""
    try:
        ((data, charset),) = decode_header(word)
        return data.decode(charset or "ascii", "replace") if isinstance(data, bytes) else data
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return word
