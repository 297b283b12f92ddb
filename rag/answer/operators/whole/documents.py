"""Names the documents that are about something: "what documents do I have about the kitchen?".

The documents of the passages that say every word of the topic, in their text, headings, title or file name. Each is
named with its file and cited by the sentence that says most of the topic.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath

from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.rows import units_of
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:(?:what|which)|(?:list|show|find)(?: me)?(?: all| the)*|do i have(?: any)?)(?: of my)? "
    r"(?:documents|files|papers)\b.*?"
    r"\b(?:about|on|mention\w*|regarding|concerning|with|from|of|for|contain\w*|deal\w* with)\b (?P<topic>.+)$",
    re.IGNORECASE,
)


def name_documents(query: Query, passages: Sequence[Passage]) -> Worked | None:
    """The documents, best first; None for other questions, and where no document says the whole topic."""
    asked = _ASKS.match(query.text)
    topic = content_stems(asked["topic"]) if asked else []
    if not topic:
        return None
    statements = []
    seen: set[int] = set()
    for passage in passages:
        document = passage.document
        if document.id in seen:
            continue
        seen.add(document.id)
        own = [other for other in passages if other.document.id == document.id]
        path = PurePath(document.path.replace("\\", "/")).name
        text = " ".join([document.title, path, *(text for other in own for text in (other.text, *other.heading_path))])
        there = frozenset(stems(text))
        if all(match(term, there, prefixes_of(there)) > 0 for term in topic):
            name = f"{document.title} ({path})" if document.title and document.title not in path else path
            statements.append(Statement(f"{name}.", (_source(topic, own),)))
    return Worked(tuple(statements), 1.0) if statements else None


def _source(topic: Sequence[str], passages: Sequence[Passage]) -> Source:
    """The sentence or row that says most of a topic."""
    units = [(passage, unit) for passage in passages for unit in units_of(passage, len(passage.text))]
    passage, unit = max(
        units, key=lambda each: len(frozenset(topic) & set(stems(each[0].text[each[1].first : each[1].end])))
    )
    return Source(passage, unit.first, unit.end)
