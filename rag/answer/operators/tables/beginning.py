"""The names at a document's beginning: whom a report, contract or invoice is about though its tables do not say so."""

import re

from rag.text.english_words import is_english_word
from rag.text.words import stem, stems, words

BEGINNING = 800  # characters
_FORMS = "Inc|INC|Corp|CORP|Corporation|CORPORATION|Ltd|LTD|Limited|LIMITED|LLC|PLC|plc|GmbH|AG"
_COMPANY = re.compile(rf"(?:[A-Z][\w&'’.-]*,? ){{1,5}}(?:{_FORMS})\b")

_FULL_NAME = re.compile(r"[A-Z][a-zà-ÿ'’-]+(?: [A-Z][a-zà-ÿ'’-]+){1,2}")


def names_at_beginning(document: str) -> frozenset[str]:
    """Stems of the words at the beginning of a document's text that are names: no English words, what stands beside
    one in a full name ("Walter Hensley"), or parts of the name of a company."""
    beginning = document[:BEGINNING]
    companies = " ".join(company[0] for company in _COMPANY.finditer(beginning))
    strange = frozenset(word for word, _, _ in words(beginning) if word.isalpha() and not is_english_word(word))
    people = (found[0] for found in _FULL_NAME.finditer(beginning))
    full = " ".join(name for name in people if strange & {word for word, _, _ in words(name)})
    return frozenset(stems(f"{companies} {full}")) | frozenset(map(stem, strange))
