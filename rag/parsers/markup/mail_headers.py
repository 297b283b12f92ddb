"""Reads the headers of e-mails, long ones in linear time.

The standard library takes time and memory that grow with the square of a header's length: a megabyte of addresses took
two minutes.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.policy import EmailPolicy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

_LONG = 2_000  # characters
_MOST_MIME = 1_000
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\r\n]{0,500}\?=")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_FOLD = re.compile(r"\r\n|\r|\n")


if TYPE_CHECKING:
    _Base = EmailPolicy[EmailMessage]
else:
    _Base = EmailPolicy  # which cannot be subscripted while it runs


class _Registry(HeaderRegistry):
    """The standard one makes a class for every header that it parses; there is one for each kind of header here."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type] = {}

    def __getitem__(self, name: str) -> type:
        key = self.registry.get(name.lower(), self.default_class)
        if key.__name__ not in self._made:
            self._made[key.__name__] = super().__getitem__(name)
        return self._made[key.__name__]


class _Policy(_Base):
    """The standard policy for all but long headers: of those that say how to read a part the beginning counts, the
    others are text with encoded words in it. A header that cannot be understood counts without its parameters."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        if hasattr(value, "name"):
            return value
        if name.lower().startswith(("content-", "mime-")):
            return _parsed(name, _FOLD.sub("", value[:_MOST_MIME]))
        if len(value) <= _LONG:
            return _understood(name, _FOLD.sub("", value))
        unfolded = _BETWEEN_WORDS.sub("", _FOLD.sub("", value))
        return _ENCODED_WORD.sub(lambda found: _decoded(found[0]), unfolded)


_REGISTRY = _Registry()
POLICY = _Policy(header_factory=_REGISTRY)


@lru_cache(maxsize=256)
def _parsed(name: str, value: str) -> Any:
    """A header of a part, which is asked for several times and often the same in all parts."""
    return _understood(name, value)


def _understood(name: str, value: str) -> Any:
    try:
        return _REGISTRY(name, value)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001 - the standard library's parser of headers fails in many ways
        return _REGISTRY(name, value.partition(";")[0])


def _decoded(word: str) -> str:
    """The text of one encoded word (RFC 2047); the word itself where it cannot be decoded."""
    try:
        ((data, charset),) = decode_header(word)
        return data.decode(charset or "ascii", "replace") if isinstance(data, bytes) else data
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return word
