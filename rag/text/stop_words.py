"""Lists of words that say nothing about a subject, for the languages that Docent most often meets.

Folded: lower case, without diacritics.
"""

from collections.abc import Collection

_ENGLISH = """
a about above after again all also am an and any are aren't as at be because been before being below between both
but by can can't could couldn't did didn't do does doesn't doing don't down during each either else ever few for
from further get give got had hadn't has hasn't have haven't having he her here hers herself him himself his how i
if in into is isn't it it's its itself just let's like many me more most much my myself no nor not now of off on
once one only or other our ours ourselves out over own per please same shall she should shouldn't so some such tell
than that that's the their theirs them themselves then there these they this those through to too under until up
upon us very was wasn't we were weren't what what's when where whether which while who who's whom whose why will
with won't would wouldn't yes you your yours yourself yourselves
"""

# German, French, Spanish, Italian, Portuguese, Dutch; without those that are English words of substance (war, die, son)
_OTHERS = """
der das den dem des ein eine einen einem einer eines und oder aber ist sind waren wird werden wurde wurden haben
hatte nicht von zu zum zur im am auf aus bei mit nach fur uber unter wer wie wo wann warum welche welcher welches
wem wen wieviel viele es er sie wir ihr ich du sich auch als wenn dass gibt le la les l un une d de et ou est sont
etait etaient etre a ont avait ne pas que qui quoi quand comment pourquoi combien quel quelle quels quelles dans sur
sous par avec ce cette ces il elle ils elles nous vous je tu se sa ses leur leurs au aux y en el los las unos unas
del al o eran fue fueron ser esta estan hay han no quien quienes cuando donde como cual cuales cuanto cuantos
cuantas por para con sin sobre su sus lo gli i uno della delle dei degli nel nella di da che chi quando perche
quanto quanti quale e sono per os as um uma do dos na nos nas sao foi foram nao quem onde qual quais quantos com seu
sua het een van is zijn was wordt niet dat wat waar wanneer waarom hoe welke hoeveel te voor bij naar
tiempo lleva lange dauert
"""

# What a question asks with
_ASKING = """
according call called define describe detail discuss document documents explain file files find information kind
know mean mention name need page say show state supposed text type want
"""

# Where the list of full-text search differs; with one list for both, chunking-eval falls (BM25 0.914 to 0.912).
_ONLY_IN_SEARCH = """
cannot how's i'd i'll i'm i've let there's they're we're where's you're
"""
_NOT_IN_SEARCH = """
either got herself himself like many much myself now one ourselves per themselves upon whether yes yourself yourselves
"""

ENGLISH = frozenset(_ENGLISH.split())
OTHERS = frozenset(_OTHERS.split())
STOP_WORDS = ENGLISH | OTHERS
_ENGLISH_TOO = frozenset(["comment", "den", "dos", "fur", "hoe", "os", "par", "pour", "van"])
"""Stop words of other languages that are English words of substance."""
_STOP_WORDS_OF_ENGLISH = STOP_WORDS - _ENGLISH_TOO
_ONLY_ENGLISH, _ONLY_OTHERS = ENGLISH - OTHERS, OTHERS - ENGLISH - _ENGLISH_TOO
ASKING = frozenset(_ASKING.split())
SEARCH_STOP_WORDS = (ENGLISH | frozenset(_ONLY_IN_SEARCH.split())) - frozenset(_NOT_IN_SEARCH.split())
"""What full-text search looks for only where a question holds nothing else."""


def stop_words_in(folded: Collection[str]) -> frozenset[str]:
    """The stop words of a text of these words: where no other language shows, "comment" and "hoe" say something."""
    foreign = sum(word in _ONLY_OTHERS for word in folded)
    return STOP_WORDS if foreign > sum(word in _ONLY_ENGLISH for word in folded) else _STOP_WORDS_OF_ENGLISH
