"""Whether a quote can be an answer of the kind that is asked for: it names the thing, and says no more of it.

"The treasurer's report was accepted" names the office and nobody who holds it, "the twins want to recite a poem" no
poem, and "a conductor has to be found" says that there is none yet. Such a quote is shown as the nearest passage.
"""

import re

from rag.answer.asked.prices import lacks_price
from rag.answer.expected import is_date, type_evidence
from rag.types import Query

_ASKS_HOLDER = re.compile(r"^\W*(?:and )?who(?: is| was| are| were|['’]s| will be) the \w", re.IGNORECASE)
_ASKS_WHICH = re.compile(
    r"^\W*(?:and )?(?:which|what) (?P<noun>[a-z]{3,}) (?:is|are|was|were|do|does|did|will)\b", re.I
)
_ASKS_DAY = re.compile(r"^\W*(?:and )?when (?:is|are|was|were|did)\b", re.IGNORECASE)
_TELLS_TIME = re.compile(
    r"\d|\b(?:after|before|until|till|when|whenever|while|during|within|once|as soon as|since|by|ago|always|never|"
    r"now|soon|immediately|already|yet|morning|noon|afternoon|evening|night|midnight|day|week|month|year|spring|summer|"
    r"autumn|winter|easter|whitsun|christmas|holidays?|term|quarterly|every|each|later|end|beginning|start)s?\b"
    r"|\b(?-i:Jan(?:uary)?|Feb(?:ruary)?|March|Apr(?:il)?|May|June|July|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\b",
    re.IGNORECASE,
)
_DONE = "found|chosen|elected|appointed|named|announced|decided|confirmed|agreed|fixed|set"
_OPEN = re.compile(
    rf"\b(?:(?:has|have|had|is|are|was|were) (?:still |yet )?to be (?:{_DONE})"
    rf"|(?:is|are|was|were|has|have) (?:still )?not (?:yet )?(?:been )?(?:known|{_DONE})"
    r"|still open|vacant|to be (?:announced|confirmed|decided|advised)|tb[acd])\b",
    re.IGNORECASE,
)
_KINDS_OF_OPEN = frozenset(["person", "date", "number", "place"])


def lacks_answer(query: Query, said: str, quote: str) -> bool:
    """Whether what a sentence says is no answer, or a price is asked for and the whole quote has none; always false for
    questions in other languages than English."""
    if not query.is_english:
        return False
    return (
        lacks_price(query, quote)
        or (_ASKS_HOLDER.match(query.text) is not None and type_evidence(query, said) < 0)
        or (_ASKS_DAY.match(query.text) is not None and not is_date(said) and _TELLS_TIME.search(said) is None)
        or (query.kind in _KINDS_OF_OPEN and _OPEN.search(said) is not None)
        or _only_mentions(query, said)
    )


def _only_mentions(query: Query, said: str) -> bool:
    """Whether the thing of which it is asked which one stands there with "a" alone, and nothing that tells which."""
    asked = _ASKS_WHICH.match(query.text)
    if asked is None:
        return False
    noun = asked["noun"].lower().removesuffix("s")
    mentions = list(re.finditer(rf"\b{re.escape(noun)}(?:s|es)?\b(?P<after>\W*)", said, re.IGNORECASE))
    bare = re.compile(rf"\b(?:an?|some|another) {re.escape(noun)}(?:s|es)?\s*(?:[.,;!?)]|$)", re.IGNORECASE)
    return len(mentions) == 1 and bare.search(said) is not None
