"""Tells who signed or wrote a mail by the line of its head: "who signed the mail about the swimming lessons?".

No sentence of a mail says who wrote it. The mail must hold all that the question says of it, and be the only one.
"""

import re
from collections.abc import Sequence

from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.text.words import match, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?who (?:has )?(?:signed|wrote|written|sent|send|sends) (?:(?:us|me|this) )?(?P<mail>.*\b"
    r"(?:e-?mail|mail|letter|message|note)\b.*)$"
    r"|^\W*(?:and )?who (?:is|was) (?P<other>(?:the )?(?:e-?mail|mail|letter|message)\b.*) "
    r"(?:from|by|signed by|written by|sent by)\W*$",
    re.IGNORECASE,
)
_FROM = re.compile(r"^From: (?P<who>[^\n]+)$", re.MULTILINE)
_HEAD = 1000  # characters in which a mail's sender stands
_ANY_MAIL = frozenset(stems("mail email e-mail letter message note sent signed wrote written send"))
_DOCUMENTS = 5
_READ = 20_000  # characters of a mail that is looked through


def find_mail_sender(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The sender's line of the one mail that the question names; None for other questions, and where several fit."""
    asked = _ASKS.match(query.text)
    if asked is None:
        return None
    subject = frozenset(stems(asked["mail"] or asked["other"])) & query.rarity.keys() - _ANY_MAIL
    found: list[Source] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        sender = _FROM.search(whole.text, 0, _HEAD)
        there = frozenset(stems(f"{whole.document.title} {whole.text}"))
        if sender is not None and subject and all(match(term, there) == 1.0 for term in subject):
            found.append(Source(whole, *sender.span()))
    if len(found) != 1:
        return None
    return Worked((Statement(readable(found[0].passage, found[0].start, found[0].end), (found[0],)),), 1.0)
