"""Whether a sentence mentions somebody or something without the name that is asked for.

"A parrot that swore" tells no parrot's name, and "new treasurer (Saul Petty stands down)" names who leaves, not who
comes. However sure a reader is, such a sentence is shown as the nearest passage.
"""

import re

from rag.types import Query

_ASKS_NAME = re.compile(
    r"\bwhat (?:is|was|are|were|['’]s) the names? of (?:the|his|her|their|our|my) (?P<of>[a-z]{3,})\b"
    r"|\bwhat (?:is|was|are|were) (?:the|his|her|their|our|my) (?P<called>[a-z]{3,}) (?:called|named)\b"
    r"|\bhow (?:is|was) (?:the|his|her|their|our|my) (?P<how>[a-z]{3,}) called\b",
    re.IGNORECASE,
)
_NAMED_BEHIND = re.compile(
    r"s?\W{1,3}(?:(?:is|was|were|are|which|that|who|we|they|he|she|had)\W+){0,3}"
    r"(?:(?:called|named|known as|christened|by the name of)\b|(?-i:[^\W\d_a-z])|[\"“„«*_(])",
    re.IGNORECASE,
)
_NO_NAME = r"(?!(?:The|An?|Our|His|Her|Their|My|This|That|One|In|On|At|And|But|When)\b)"
_NAMED_IN_FRONT = re.compile(
    rf"(?:(?<!\w){_NO_NAME}[^\W\d_a-z][\w’'-]+,? (?:the |our |his |her |their |a )?|[\"”“»*_] (?:the )?)$"
)
_ASKS_NEW = re.compile(
    r"\bwho(?:['’]s| is| will| shall| becomes?| was)\b.*\b(?:new|next|successor|succeeds?|replaces?)\b", re.IGNORECASE
)
_LEAVES = re.compile(
    r"\b(?:st(?:ands?|ood) down|st(?:eps?|epped) down|retir(?:es?|ed|ing)|resign(?:s|ed|ing)?|leav(?:es|ing)|left|"
    r"gives? up|gave up|hands? over|handed over)\b",
    re.IGNORECASE,
)
_COMES = re.compile(
    r"\b(?:tak(?:es|ing|en) over|took over|elected|succeed(?:s|ed)|replac(?:es|ed)|appointed|follow(?:s|ed)|becomes?|"
    r"became|will be|is now|to be)\b|\bnew \w+(?: is|:)",
    re.IGNORECASE,
)


def names_nobody_asked(query: Query, said: str) -> bool:
    """Whether a sentence lacks the name of the thing, or of the newcomer, that an English question asks for."""
    if not query.is_english:
        return False
    if _ASKS_NEW.search(query.text) and _LEAVES.search(said) and not _COMES.search(said):
        return True
    asked = _ASKS_NAME.search(query.text)
    noun = next((found for found in asked.groups() if found), "") if asked is not None else ""
    mentions = list(re.finditer(rf"\b{re.escape(noun.removesuffix('s'))}", said, re.IGNORECASE)) if noun else []
    return bool(mentions) and not any(
        _NAMED_BEHIND.match(said, one.end()) or _NAMED_IN_FRONT.search(said[: one.start()]) for one in mentions
    )
