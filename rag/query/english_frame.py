"""Puts the words with which a question asks, counts, compares and limits into English, and leaves all others alone.

What is computed from a table needs two things of a question: what is to be done ("how many", "more than", "without",
"difference"), which is a short list of words in any language, and the names of rows, columns and values, which stand in
the table as the question says them. So "Wie viele Zimmer haben einen Balkon?" is worked out as "how many Zimmer have
Balkon?". German, French and Spanish.
"""

import re
from dataclasses import replace

from rag.query.query import make_query
from rag.text.language import language_of
from rag.types import Query

_NUMBER = r"(?=\s*(?:[$€£]\s*)?\d)"  # in front of one
_GERMAN = (
    (r"um wie ?viel", "by how much"),
    (r"wie ?viele", "how many"),
    (r"wie oft", "how often"),
    (r"wie ?viel", "how much"),
    (r"(?:(?:in|an|auf|bei|mit|für|von|zu) )?welche[mnrs]?", "which"),
    (r"wer|wem|wen", "who"),
    (r"was(?= koste)", "how much"),
    (r"wann", "when"),
    (r"nenne?(?: (?:mir|uns))?|liste|zeige?(?: (?:mir|uns))?", "list"),
    (r"alle", "all"),
    (rf"(?:mehr|länger|größer|höher|schwerer|teurer|älter) als{_NUMBER}", "more than"),
    (rf"(?:weniger|kürzer|kleiner|niedriger|leichter|billiger|günstiger|jünger) als{_NUMBER}", "less than"),
    (rf"über{_NUMBER}", "over"),
    (rf"unter{_NUMBER}", "under"),
    (rf"(?:mindestens|wenigstens|ab){_NUMBER}", "at least"),
    (rf"(?:höchstens|maximal|bis zu){_NUMBER}", "at most"),
    (r"mehr", "more"),
    (r"weniger", "less"),
    (r"teurer", "more expensive"),
    (r"billiger|günstiger", "cheaper"),
    (r"schwerer", "heavier"),
    (r"leichter", "lighter"),
    (r"länger", "longer"),
    (r"kürzer", "shorter"),
    (r"größer", "larger"),
    (r"kleiner", "smaller"),
    (r"höher", "higher"),
    (r"niedriger", "lower"),
    (r"älter", "older"),
    (r"jünger", "younger"),
    (r"als", "than"),
    (r"(?:preis)?unterschied|differenz", "difference"),
    (r"zusammen|insgesamt", "together"),
    (r"ohne", "without"),
    (r"keine?[nmrs]?|nicht", "no"),
    (r"oder", "or"),
    (r"und", "and"),
    (r"kostet|kosten", "cost"),
    (r"gibt es|ist|sind|war|waren", "are"),
    (r"hat|haben|hatte|hatten", "have"),
    (r"wird|werden|wurde|wurden", "are"),
)
_FRENCH = (
    (r"combien de fois", "how often"),
    (r"combien d(?:e\b|['’])", "how many"),
    (r"de combien", "by how much"),
    (r"combien", "how much"),
    (r"(?:(?:à|en|dans|pour|avec|de) )?quel(?:le)?s?(?: sont les)?", "which"),
    (r"(?:qu['’]est-ce )?qui", "who"),
    (r"quand", "when"),
    (r"(?:est-ce qu['’])?il y a|y a-t-il", "are there"),
    (r"liste[rz]?|montre[rz]?(?:-moi)?|donne[rz]?(?:-moi)?", "list"),
    (r"tou(?:te)?s les", "all"),
    (rf"plus d(?:e\b|['’]){_NUMBER}", "more than"),
    (rf"moins d(?:e\b|['’]){_NUMBER}", "less than"),
    (rf"(?:au moins|à partir de){_NUMBER}", "at least"),
    (rf"(?:au plus|au maximum|jusqu['’]à){_NUMBER}", "at most"),
    (r"différence", "difference"),
    (r"au total|en tout|ensemble", "together"),
    (r"l(?:e|a|es) plus ch(?:er|ère)s?", "most expensive"),
    (r"l(?:e|a|es) moins ch(?:er|ère)s?", "cheapest"),
    (r"l(?:e|a|es) plus long(?:ue)?s?", "longest"),
    (r"l(?:e|a|es) plus court(?:e)?s?", "shortest"),
    (r"plus ch(?:er|ère)s?", "more expensive"),
    (r"moins ch(?:er|ère)s?", "cheaper"),
    (r"plus long(?:ue)?s?", "longer"),
    (r"plus court(?:e)?s?", "shorter"),
    (r"sans", "without"),
    (r"ou", "or"),
    (r"et", "and"),
    (r"que", "than"),
    (r"coûte(?:nt)?", "cost"),
    (r"est|sont|était|étaient", "are"),
    (r"a|ont|font|fait", "have"),
)
_SPANISH = (
    (r"cu[áa]ntas veces", "how often"),
    (r"cu[áa]nt[oa]s", "how many"),
    (r"cu[áa]nt[oa]", "how much"),
    (r"(?:(?:en|a|con|para|de) )?(?:qué|cuál(?:es)?)(?: son l[oa]s)?", "which"),
    (r"quién(?:es)?", "who"),
    (r"cuándo", "when"),
    (r"enumera|lista|muestra", "list"),
    (r"tod[oa]s l[oa]s", "all"),
    (rf"más de{_NUMBER}", "more than"),
    (rf"menos de{_NUMBER}", "less than"),
    (rf"(?:al menos|a partir de){_NUMBER}", "at least"),
    (rf"(?:como máximo|hasta){_NUMBER}", "at most"),
    (r"diferencia", "difference"),
    (r"en total|junt[oa]s", "together"),
    (r"(?:el|la|los|las) más car[oa]s?", "most expensive"),
    (r"(?:el|la|los|las) más barat[oa]s?", "cheapest"),
    (r"(?:el|la|los|las) más larg[oa]s?", "longest"),
    (r"(?:el|la|los|las) más cort[oa]s?", "shortest"),
    (r"más car[oa]s?", "more expensive"),
    (r"más barat[oa]s?", "cheaper"),
    (r"más larg[oa]s?", "longer"),
    (r"más cort[oa]s?", "shorter"),
    (r"sin", "without"),
    (r"o", "or"),
    (r"y", "and"),
    (r"que", "than"),
    (r"cuestan?", "cost"),
    (r"es|son|está|están|hay", "are"),
    (r"tienen?|llevan?", "have"),
)


def _compiled(frame: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(rf"(?<![\w'’])(?:{said})(?:(?<=['’])|(?!\w))", re.IGNORECASE), f"{english} ")
        for said, english in frame
    )


_FRAMES = {"de": _compiled(_GERMAN), "fr": _compiled(_FRENCH), "es": _compiled(_SPANISH)}
_SPACES = re.compile(r"\s{2,}")
_SPACE_BEFORE_STOP = re.compile(r"\s+(?=[?.!,;:]|$)")
_NOUNS_HAVE_CAPITALS = "de"


def with_english_frame(query: Query) -> Query | None:
    """The question in such words; None for one in a language whose words are not known, or in English."""
    language = language_of(query.text)
    frame = _FRAMES.get(language)
    if frame is None:
        return None
    text = query.text.strip(" ¿¡")
    for said, english in frame:
        text = said.sub(english, text)
    text = _SPACE_BEFORE_STOP.sub("", _SPACES.sub(" ", text))
    framed = make_query(text)
    names = framed.names
    if language == _NOUNS_HAVE_CAPITALS:
        names = frozenset(name for name in names if name[:1].isdigit())
    return replace(framed, original=query.original, history=query.history, names=names, is_english=False)
