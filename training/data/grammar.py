"""Tags words with their part of speech (HanTa, CLAWS C5 tags) and inflects verbs (lemminflect), for training only."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

_TOKEN = re.compile(r"[\w$€£%][\w.,'’/&%-]*[\w%]|\w|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    tag: str  # CLAWS C5

    @property
    def low(self) -> str:
        return self.text.lower()


@cache
def _tagger() -> Any:
    from HanTa.HanoverTagger import HanoverTagger

    return HanoverTagger("morphmodel_en.pgz")


def inflect(verb: str, tag: str) -> str:
    """Inflects a word; ``tag`` is the Penn tag of the form wanted."""
    if tag == "VBP":
        return verb
    irregular = {("be", "VBD"): "was", ("have", "VBZ"): "has", ("do", "VBZ"): "does"}
    if (verb, tag) in irregular:
        return irregular[verb, tag]
    from lemminflect import getInflection

    forms = getInflection(verb, tag)
    return str(forms[0]) if forms else ""


@cache
def may_be_verb(word: str) -> bool:
    """Whether the word is some verb's base form."""
    from lemminflect import getAllLemmas

    return word in getAllLemmas(word, upos="VERB").get("VERB", ())


def tagged(text: str) -> list[Word]:
    words = _TOKEN.findall(text)
    return (
        [Word(word, tag) for word, (_, _, tag) in zip(words, _tagger().tag_sent(words), strict=True)] if words else []
    )
