"""The forms of English verbs that no ending makes: "pay" and "paid" are one word."""

from functools import lru_cache

from rag.text.words import stem

_FORMS = (
    "become became", "begin began begun", "break broke broken", "bring brought", "build built", "buy bought",
    "choose chose chosen", "come came", "draw drew drawn", "drink drank drunk", "drive drove driven", "eat ate eaten",
    "fall fell fallen", "feed fed", "fight fought", "find found", "fly flew flown", "forget forgot forgotten",
    "freeze froze frozen", "give gave given", "go went gone", "grow grew grown", "hang hung", "hide hid hidden",
    "hold held", "keep kept", "know knew known", "lay laid", "lead led", "leave left", "lose lost", "make made",
    "meet met", "pay paid", "ride rode ridden", "ring rang rung", "rise rose risen", "run ran", "sell sold",
    "send sent", "shoot shot", "sing sang sung", "sit sat", "sleep slept", "speak spoke spoken", "spend spent",
    "stand stood", "steal stole stolen", "swim swam swum", "take took taken", "teach taught", "throw threw thrown",
    "wear wore worn", "win won", "write wrote written",
)  # fmt: skip
_GROUPS = tuple(frozenset(map(stem, forms.split())) for forms in _FORMS)


@lru_cache(maxsize=4096)
def other_forms(term: str) -> frozenset[str]:
    """The stems of a verb's other forms; none for other words."""
    return frozenset().union(*(group for group in _GROUPS if term in group)) - {term}
