"""Changes one thing in a question or statement, so that the passage it came from no longer answers or supports it.

What is changed: a name, a number or a year, a word of relation (first and last, before and after, won and lost), a
content word, or a time is added; or another property of a named thing is asked for, of which the passage says nothing.
A change whose new word the passage holds too is left out, but for names, where the mix-up is the point. English only.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.data.search import STOP

NAME = re.compile(r"\b[A-Z][\w'’-]+(?: (?:(?:of|the|de|von|van) )?[A-Z][\w'’-]+){0,3}")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d|(?<![\w.,])\d(?![\w.,])")
YEAR = re.compile(r"\b1[0-9]\d\d\b|\b20[0-2]\d\b")
_WORD = re.compile(r"[A-Za-z][a-z'’-]*")
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ASKING = frozenset(
    [
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "many",
        "much",
        "long",
        "old",
        "often",
        "far",
        "did",
        "does",
        "do",
        "was",
        "were",
        "is",
        "are",
        "has",
        "have",
        "had",
        "name",
        "type",
        "kind",
        "city",
        "country",
        "year",
        "people",
        "person",
        "term",
        "word",
    ]
)
_NO_NAME = _ASKING | STOP
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

# fmt: off
_OPPOSITES = """
largest smallest|biggest smallest|first last|highest lowest|most least|before after|north south|northern southern|
east west|eastern western|won lost|win lose|born killed|founded dissolved|increase decrease|increased decreased|
longest shortest|oldest newest|began ended|begin end|start end|started ended|opened closed|open close|
maximum minimum|more fewer|best worst|male female|king queen|father mother|son daughter|brother sister|husband wife|
export import|exports imports|exported imported|sold bought|sell buy|entered left|married divorced|accepted rejected|
appointed dismissed|majority minority|early late|earliest latest|upper lower|inside outside|above below|
cause prevent|causes prevents|caused prevented|built demolished|build demolish|supported opposed|support oppose|
allies enemies|attacked defended|winter summer|hot cold|warm cold|strongest weakest|fastest slowest|rich poor|
richest poorest|wealthy poor|public private|urban rural|ancient modern|tallest shortest|heavy light|heaviest lightest|
deepest shallowest|widest narrowest|nearest farthest|common rare|popular unpopular|similar different|
success failure|successful unsuccessful|victory defeat|alive dead|birth death|arrived departed|arrive depart|
gained lost|gain lose|rose fell|rise fall|joined left|created destroyed|create destroy|allowed banned|allow ban|
legal illegal|positive negative|teacher student|teachers students|boys girls|men women|man woman|parents children|
hired fired|elected defeated|agreed disagreed|remembered forgotten|freed captured|hidden shown|raised lowered|
strengthened weakened|permanent temporary|internal external|major minor|front back|left right|top bottom|
day night|morning evening|beginning end|old young|older younger|larger smaller|higher lower|longer shorter|
better worse|faster slower|stronger weaker|advantage disadvantage|advantages disadvantages|benefits drawbacks|
always never|indoor outdoor|domestic foreign|native foreign|given taken|gave took|give take|sent received|
send receive|taught learned|asked answered|invented banned|discovered lost|
""".replace("\n", "")
_PERSON = """When was {} born?|Where was {} born?|How old is {}?|When did {} die?|Who is {} married to?|How tall is {}?|
What is {}'s phone number?|What is {}'s email address?|Who are {}'s parents?|What is the salary of {}?|
Which school did {} attend?|What languages does {} speak?|What is {}'s nationality?|How many children does {} have?|
Who taught {}?|What was {}'s first job?|Where does {} live?|What is {}'s favorite food?|What was the name of {}'s wife?|
In which month was {} born?|What illness did {} have?|What religion does {} follow?|What prize did {} receive?
""".replace("\n", "")
_THING = """How much did {} cost?|What color is {}?|Who designed {}?|How heavy is {}?|How tall is {}?|Who owns {}?|
When was {} founded?|Who founded {}?|How many people work at {}?|What is the motto of {}?|Who paid for {}?|
What is the address of {}?|What is the annual revenue of {}?|What is the budget of {}?|When was {} demolished?|
What was the weather like in {}?|How many visitors does {} have each year?|What is the area of {}?|
What is the population of {}?|What is the nickname of {}?|Who manages {}?|When does {} close?|What is {} made of?
""".replace("\n", "")
# fmt: on
_CUES = {  # words of a property's question -> what a passage that may tell of it holds
    "born": r"born|birth|native",
    "old": r"\bage|years old|born|founded|\d{4}",
    "die": r"die|death|kill|dead|murder",
    "married": r"marri|wife|husband|spouse",
    "wife": r"marri|wife|spouse",
    "tall": r"tall|height|high|feet|metre|meter",
    "parents": r"father|mother|parent|son|daughter|born",
    "salary": r"salar|paid|pay|earn",
    "school": r"school|universit|colleg|educat|academ",
    "languages": r"language|speak|spoke|fluent",
    "nationality": r"national|citizen|born|[A-Z]\w+(?:ish|ian|ese|an)\b",
    "children": r"child|son|daughter|kids",
    "taught": r"taught|teach|stud|pupil|mentor",
    "job": r"job|work|career|employ|began",
    "live": r"live|home|resid|house",
    "food": r"food|eat|ate",
    "illness": r"ill|disease|sick|cancer|fever|suffer",
    "religion": r"religi|church|christ|muslim|islam|jew|cathol|protest|buddh|hindu",
    "prize": r"prize|award|medal|honou?r",
    "cost": r"cost|price|\$|£|€|million|billion|dollar|pound",
    "color": r"colou?r|red|blue|green|white|black|yellow|brown|gr[ae]y",
    "designed": r"design|architect|engineer|creat",
    "heavy": r"weigh|kg|kilo|pound|ton",
    "owns": r"own|belong|propert|bought|purchas|acquir",
    "founded": r"found|establish|creat|began|start|form",
    "work": r"employ|work|staff",
    "motto": r"motto|slogan",
    "paid": r"paid|fund|financ|donat|pay",
    "address": r"street|avenue|road|address|located",
    "revenue": r"revenue|\$|million|billion|income|profit|sales",
    "budget": r"budget|\$|million|billion|fund|spend|cost",
    "demolished": r"demolish|destroy|torn|raze|burn",
    "weather": r"weather|rain|snow|storm|temperature|climate|cold|hot|sunny",
    "visitors": r"visitor|tourist|attend|visit",
    "area": r"area|square|acre|hectare|km|mile",
    "population": r"population|inhabit|people|resid|census",
    "nickname": r"nickname|called|known as|dubbed",
    "manages": r"manag|direct|run|head|lead|administ|operat",
    "close": r"close|shut|end",
    "made": r"made|built|construct|material|compos|consist|stone|wood|steel",
    "phone": r"phone|call",
    "email": r"e-?mail|@",
}  # fmt: skip
_OPPOSITE: dict[str, list[str]] = {}
for _pair in _OPPOSITES.split("|"):
    if _pair.strip():
        _one, _other = _pair.split()
        _OPPOSITE.setdefault(_one, []).append(_other)
        _OPPOSITE.setdefault(_other, []).append(_one)
_PEOPLE = [t.strip() for t in _PERSON.split("|")]
_THINGS = [t.strip() for t in _THING.split("|")]


@dataclass(frozen=True)
class Pool:
    """What changes draw from: names and content words of the article's other passages, and of other articles."""

    names: Sequence[str]
    words: Sequence[str]
    other_names: Sequence[str]


def names_in(text: str) -> list[str]:
    """Names that do not begin a sentence."""
    found = [m[0] for m in NAME.finditer(text) if m.start() > 1 and text[m.start() - 2] not in ".!?\n"]
    return [name for name in found if name.split()[0].lower() not in _NO_NAME]


def change(text: str, passage: str, pool: Pool, rng: random.Random, keep: str = "") -> tuple[str, str] | None:
    """Returns the changed text and the kind of change; None where nothing fits. ``keep`` must not be touched."""
    ways: list[tuple[float, Callable[[], tuple[str, str] | None]]] = [
        (3.0, lambda: _other_name(text, passage, pool, rng, keep)),
        (2.0, lambda: _other_number(text, passage, rng, keep)),
        (2.5, lambda: _opposite(text, rng, keep)),
        (1.0, lambda: _other_word(text, passage, pool, rng, keep)),
        (0.5, lambda: _negated(text, rng)),
        (0.5, lambda: _with_time(text, passage, rng)),
    ]
    for _, way in sorted(ways, key=lambda w: -(rng.random() ** (1 / w[0]))):
        made = way()
        if made is not None and made[0] != text:
            return made
    return None


def other_property(passage: str, rng: random.Random) -> str | None:
    """A question about something that the passage names and of which it does not say this."""
    names = [n for n in names_in(passage) if n.split()[0] not in MONTHS and len(n) > 3]
    for name in rng.sample(names, min(3, len(names))):
        person = len(name.split()) == 2 and " of " not in name
        form = rng.choice(_PEOPLE if person and rng.random() < 0.7 else _THINGS)
        cues = [pattern for word, pattern in _CUES.items() if word in form]
        if not any(re.search(pattern, passage, re.IGNORECASE) for pattern in cues):
            return form.format(name)
    return None


def same_kind(answer: str, candidates: Sequence[str], rng: random.Random) -> str | None:
    """A candidate that could stand where the answer stands: a number for a number, a name for a name."""
    kind = _kind(answer)
    fitting = [
        c
        for c in candidates
        if _kind(c) == kind and c.lower() not in answer.lower() and answer.lower() not in c.lower()
    ]
    return rng.choice(fitting) if fitting else None


def values_in(text: str) -> list[str]:
    """Names, years and numbers of a text, as answers could be."""
    return [m[0] for pattern in (NAME, YEAR, NUMBER) for m in pattern.finditer(text) if m[0].lower() not in STOP]


def _kind(text: str) -> str:
    if YEAR.fullmatch(text):
        return "year"
    if text[:1].isdigit():
        return "number"
    return f"name{min(len(text.split()), 2)}" if text[:1].isupper() else "words"


def _put(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text, count=1)


def _other_name(text: str, passage: str, pool: Pool, rng: random.Random, keep: str) -> tuple[str, str] | None:
    names = [n for n in names_in(f"xx {text}") if n not in keep and n.split()[0] not in MONTHS]
    if not names:
        return None
    old = rng.choice(names)
    chance = rng.random()
    from_passage = [n for n in names_in(passage) if n not in text]
    candidates = from_passage if chance < 0.15 else pool.names if chance < 0.7 else pool.other_names
    fitting = [n for n in candidates if _kind(n) == _kind(old) and n not in text and old not in n and n not in old]
    if chance >= 0.15:
        fitting = [n for n in fitting if n not in passage]
    if not fitting:
        return None
    return _put(text, old, rng.choice(fitting)), "name"


def _other_number(text: str, passage: str, rng: random.Random, keep: str) -> tuple[str, str] | None:
    found = [m[0] for m in NUMBER.finditer(text) if m[0] not in keep]
    found += [w for w in re.findall(r"[A-Za-z]+", text) if w in MONTHS or w.lower() in _ORDINALS + _NUMBERS]
    found = [f for f in found if f not in keep]
    if not found:
        return None
    old = rng.choice(found)
    if old in MONTHS:
        new = rng.choice([m for m in MONTHS if m != old and m not in passage] or [old])
    elif old.lower() in _ORDINALS:
        new = rng.choice([o for o in _ORDINALS if o != old.lower() and o not in passage.lower()] or [old])
    elif old.lower() in _NUMBERS:
        new = rng.choice([o for o in _NUMBERS if o != old.lower() and o not in passage.lower()] or [old])
    elif YEAR.fullmatch(old):
        new = str(int(old) + rng.choice((-1, 1)) * rng.choice((1, 2, 3, 5, 8, 10, 20, 37, 100)))
    else:
        digits = re.sub(r"\D", "", old)
        new = str(max(1, int(int(digits[:9]) * rng.choice((0.5, 0.8, 1.3, 2, 3)) + rng.randint(1, 9))))
        new = f"{int(new):,}" if "," in old else new
    return None if new in passage or new == old else (_put(text, old, new), "number")


def _opposite(text: str, rng: random.Random, keep: str) -> tuple[str, str] | None:
    found = [w for w in _WORD.findall(text) if w in _OPPOSITE and w not in keep]
    if not found:
        return None
    old = rng.choice(found)
    return _put(text, old, rng.choice(_OPPOSITE[old])), "relation"


def _other_word(text: str, passage: str, pool: Pool, rng: random.Random, keep: str) -> tuple[str, str] | None:
    kept = set(_WORD.findall(keep))
    lowered = passage.lower()
    found = [
        w
        for w in _WORD.findall(text)
        if w.islower() and len(w) > 3 and w not in STOP and w not in _ASKING and w not in kept and w[:5] in lowered
    ]
    if not found:
        return None
    old = rng.choice(found)
    fitting = [w for w in pool.words if w[-3:] == old[-3:] and w[:4] != old[:4] and w[:5] not in lowered]
    return (_put(text, old, rng.choice(fitting)), "word") if fitting else None


def _negated(text: str, rng: random.Random) -> tuple[str, str] | None:
    found = re.search(r"\b(?:did|does|do|was|were|is|are|has|have|had|can|could|will|would) (?!not)", text)
    if found is None or " not " in text:
        return None
    if found[0].strip() in ("did", "does", "do", "can", "could", "will", "would"):
        subject = re.match(r"(?:the |a )?[\w'’-]+(?: [A-Z][\w'’-]+)*", text[found.end() :])
        at = found.end() + (subject.end() if subject else 0)
        return f"{text[:at]} {rng.choice(('not', 'never'))}{text[at:]}", "negation"
    return f"{text[: found.end()]}{rng.choice(('not', 'never'))} {text[found.end() :]}", "negation"


def _with_time(text: str, passage: str, rng: random.Random) -> tuple[str, str] | None:
    if YEAR.search(text) or re.search(r"(?i)\bwhen\b|\byear\b|\bdate\b|\bcentury\b", text):
        return None
    years = [int(y) for y in YEAR.findall(passage)]
    year = rng.choice(years) + rng.choice((-40, -12, -7, -3, 4, 9, 15, 30)) if years else rng.randint(1820, 2020)
    if str(year) in passage:
        return None
    end = re.search(r"[?.]?\s*$", text)
    at = end.start() if end else len(text)
    return f"{text[:at]} in {year}{text[at:]}", "time"


def with_own_time(text: str, sentence: str) -> str | None:
    """The question with the only year of its answering sentence added: still answered."""
    years = set(YEAR.findall(sentence))
    if len(years) != 1 or YEAR.search(text) or re.search(r"(?i)\bwhen\b|\byear\b|\bdate\b|\bcentury\b", text):
        return None
    end = re.search(r"[?.]?\s*$", text)
    at = end.start() if end else len(text)
    return f"{text[:at]} in {years.pop()}{text[at:]}"
