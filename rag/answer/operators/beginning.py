"""The names at a document's beginning: whom a report, contract or invoice is about though its tables do not say so."""

import re

from rag.text.english_words import is_english_word
from rag.text.words import stem, stems, words

_BEGINNING = 800  # characters
_FORMS = "Inc|INC|Corp|CORP|Corporation|CORPORATION|Ltd|LTD|Limited|LIMITED|LLC|PLC|plc|GmbH|AG"
_COMPANY = re.compile(rf"(?:[A-Z][\w&'’.-]*,? ){{1,5}}(?:{_FORMS})\b")


def names_at_beginning(document: str) -> frozenset[str]:
    """Stems of the words at the beginning of a document's text that are names: no English words, or parts of the name
    of a company."""
    beginning = document[:_BEGINNING]
    companies = " ".join(company[0] for company in _COMPANY.finditer(beginning))
    strange = (word for word, _, _ in words(beginning) if word.isalpha() and not is_english_word(word))
    return frozenset(stems(companies)) | frozenset(map(stem, strange))
