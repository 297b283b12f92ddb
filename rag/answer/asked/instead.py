"""Keeps to what a follow-up question puts in the place of something: "how much cash is covered, what about jewellery?".

Such a question repeats all of the one before, so what answered that one shares most words with it and says nothing of
what is new.
"""

import re
from collections.abc import Sequence

from rag.answer.above import in_front_of, stems_above
from rag.answer.evidence import Candidate
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Query

_INSTEAD = re.compile(r", what about (?P<instead>.+)$", re.IGNORECASE)


def about_what_is_new(query: Query, ranked: Sequence[Candidate]) -> list[Candidate]:
    """Returns the sentences that name something of it, in themselves, above or just before; all of them where nothing
    is put in the place of something."""
    asked = _INSTEAD.search(query.text)
    if asked is None:
        return list(ranked)
    wanted = content_stems(asked["instead"])
    return [one for one in ranked if _names(one, wanted)]


def _names(one: Candidate, wanted: Sequence[str]) -> bool:
    near = f"{one.said} {in_front_of(one.passage, one.start)}"
    there = frozenset(stems(near)) | stems_above(one.passage)
    prefixes = prefixes_of(there)
    return any(match(term, there, prefixes) > 0 for term in wanted)
