"""Finds an amount in a list of ingredients or parts: "how much flour does the tart take?" -> "400 g flour".

A line of such a list holds an amount and a thing and nothing of what they are for; that is the document's title. The
line must name just the thing that is asked for: "coconut milk" is no milk.
"""

import re
from collections.abc import Iterator, Sequence

from rag.answer.above import above
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.quote import readable
from rag.text.words import content_stems, match, stems
from rag.types import Passage, Query

_ASKS = re.compile(
    r"^\W*(?:and )?how (?:much|many) (?P<thing>(?:[\w-]+ ){1,3}?)"
    r"(?:does|do|did|is|are|should|must|goes|go|will|for|in|into)\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d[\d.,/]*(?: ?[½¼¾⅓⅔]| \d/\d)?|[½¼¾⅓⅔])(?:\s?[-–]\s?\d+)?"
_UNIT = (
    r"(?:k?g|m?l|[cd]l|oz|lbs?|cm|m|tsps?|tbsps?|teaspoons?|tablespoons?|cups?|pinch(?:es)?|cloves?|slices?|cans?|tins?|"
    r"packets?|sachets?|bunch(?:es)?|pieces?|litres?|grams?)\b\.?"
)
_AMOUNT = rf"{_NUMBER}(?:\s?{_UNIT})?(?: of)?"
_LINE = re.compile(
    rf"^[ \t]*(?:[-*•] )?(?P<line>{_AMOUNT}[ \t]+(?P<behind>[^\W\d][^\n:.;]*)"
    rf"|(?P<before>[^\W\d][^\n:.;\d]*?)[ \t]*[:–—][ \t]*{_AMOUNT})[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_ASIDE = re.compile(r"[,(].*")
# What is said of the thing in such a list, and what a question says of any list.
_STATE = frozenset(
    stems(
        "plain fresh freshly large medium small soft softened cold warm hot melted ground chopped diced sliced grated "
        "ripe dried unsalted salted black white brown dark light golden fine coarse wholemeal"
    )
)
_ANY_LIST = frozenset(stems("need take use contain require go come put call recipe make bake cook"))
_LEAST_LINES = 3  # of a list
_GAP = 60  # characters between two lines of the same list: "For the filling:"
_LONGEST_TITLE = 80  # characters of the first line
_DOCUMENTS = 4
_READ = 200_000  # characters of a document that is looked through


def find_ingredient(query: Query, passages: Sequence[Passage], texts: Texts) -> Worked | None:
    """The one line of the list of what the question names; None for other questions, and where several fit."""
    asked = _ASKS.match(query.text)
    if asked is None:
        return None
    thing = frozenset(content_stems(asked["thing"]))
    subject = frozenset(stems(asked["rest"])) & query.rarity.keys() - _ANY_LIST - thing
    found: list[Source] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        title = frozenset(stems(f"{above(whole)} {_first_line(whole.text)}"))
        if all(match(term, title) == 1.0 for term in subject):
            found += [Source(whole, start, end) for start, end in _lines_of(thing, whole.text)]
    if len(found) != 1:
        return None
    source = found[0]
    text = readable(source.passage, source.start, source.end)
    return Worked((Statement(text, (source,), source),), 1.0)


def _lines_of(thing: frozenset[str], text: str) -> Iterator[tuple[int, int]]:
    for line in _first_list(text):
        name = frozenset(content_stems(_ASIDE.sub("", line["behind"] or line["before"])))
        if thing <= name and name - thing <= _STATE:
            yield line.span("line")


def _first_list(text: str) -> list[re.Match[str]]:
    """The lines of the first list, the one that the title is about; a document may go on with other dishes."""
    lines: list[re.Match[str]] = []
    for line in _LINE.finditer(text):
        if lines and line.start() - lines[-1].end() > _GAP:
            if len(lines) >= _LEAST_LINES:
                break
            lines.clear()
        lines.append(line)
    return lines if len(lines) >= _LEAST_LINES else []


def _first_line(text: str) -> str:
    line = text.lstrip().partition("\n")[0]
    return line if len(line) <= _LONGEST_TITLE else ""
