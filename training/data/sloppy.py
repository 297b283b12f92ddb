"""python -m training.data.sloppy --tokenizer MINILM/tokenizer.json --stores out/data/everyday-train.npz:4 [--share 0.7]

Rewords the questions of stores as people type them in a hurry, by rules, and keeps what they ask: lower case, no
question mark, "whats" and "dont", "number of X in Y", "X price", the question word last, articles and auxiliaries left
out, "87" for 1987, "our X" for "the X", "mins" and "nr", a greeting, a slip of the finger. Of each question so many
wordings are made as stand behind the colon; with ``--share`` the others stay as they are. Questions with and without
an answer are reworded alike, so a wording says nothing of whether there is one; statements are left out. Writes
``sloppy-NAME.npz`` beside each store, whose questions are learnt from their labels alone: a teacher would teach
how it doubts such a wording.
"""

import argparse
import random
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from training.data.store import ABSENT, CLAIM, Ragged, Store, load_tokenizer

_BE = r"(?:is|are|was|were)"
_AUX = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|shall|must|may|might)"
_ONE = r"(?:i|we|you|one|people)"
# fmt: off
# How a question begins -> other ways to ask it. {x} is what was found, {-x} that without its article.
_FORMS: list[tuple[str, str]] = [
    (r"(?:how much|what) (?:does|do|did|would|will) (?P<x>.+?) cost(?P<r> .+)?",
     "price of {-x}{r}|{-x} price{r}|{-x} cost{r}|how much for {-x}{r}|how much {-x}{r}|cost of {x}{r}|"
     "{-x}{r} how much|"
     "what's {x} cost{r}|{-x} costs{r}|price for {x}{r}|how much {x} costs{r}|{-x}{r} price"),
    (rf"(?:what|how high) {_BE} the (?:price|cost) (?:of|for) (?P<x>.+)",
     "price of {-x}|{-x} price|{-x} cost|how much for {-x}|how much is {x}|cost of {x}|{-x} how much|what's {x} cost"),
    (rf"how much {_BE} (?P<x>.+)",
     "{-x} how much|how much {-x}|{-x} amount|amount of {-x}|how much for {x}|{-x}|what's {x}|{-x} price|cost of {-x}"),
    (rf"how much (?P<n>[\w' -]{{2,30}}?) {_AUX} (?P<x>.+)",
     "how much {n} {x}|{x} how much {n}|amount of {n} {x}|{n} {x} how much|{-x} {n} amount"),
    (rf"how much {_AUX} (?P<x>.+)", "how much {x}|{x} how much|what {x}|amount {x}|{x} what amount|sum {x}"),
    (rf"how many (?P<x>.+?) {_BE} there(?P<r> .+)?",
     "number of {x}{r}|{x}{r} how many|count of {x}{r}|how many {x}{r}|{x}{r} number|total {x}{r}|# of {x}{r}|"
     "how many {x} we got{r}|{x} total{r}"),
    (r"how many (?P<x>.+?) (?:do|does|did) (?P<y>.+?) have(?P<r> .+)?",
     "number of {x} {y}{r}|number of {x} in {y}{r}|{-y} how many {x}{r}|{-y} {x}{r}|{-y} number of {x}{r}|"
     "{x} in {y} how many|{x} of {y}{r}|how many {x} in {y}{r}|count of {x} {y}{r}|number of {-y} {x}{r}"),
    (r"how many (?P<x>.+?) (?:has|have|had) (?P<y>.+?)(?: got)?",
     "number of {x} {y}|{-y} how many {x}|{x} {y} how many|how many {x} {y}|number of {x} in {y}|{-y} {x} number"),
    (rf"how many (?P<x>.+?) {_AUX} (?P<y>.+)",
     "how many {x} {y}|{y} how many {x}|number of {x} {y}|{x} {y} how many|count of {x} {y}|no of {x} {y}"),
    (r"how many (?P<x>.+)", "number of {x}|{x} how many|count of {x}|# of {x}|no of {x}|total {x}|how many of {x}"),
    (r"how long (?:does|do|did|will|would) (?P<x>.+?) (?:take|last)(?P<r> .+)?",
     "duration of {-x}{r}|{-x} duration{r}|how long {x} take{r}|how long for {x}{r}|{x} takes how long{r}|"
     "how long {-x}{r}|time for {x}{r}|{-x}{r} how long|how much time does {x} take{r}|how many mins {-x}{r}"),
    (rf"how (?P<m>long|tall|high|old|wide|deep|big|large|heavy|far|thick|fast|cold|hot|warm) {_BE} (?P<x>.+)",
     "how {m} {-x}|{-x} how {m}|{noun} of {-x}|{-x} {noun}|what {noun} {x}|what's the {noun} of {x}|{-x} {noun}"),
    (rf"how (?P<m>\w+) {_AUX} (?P<x>.+)", "how {m} {x}|{x} how {m}|how {m} {-x}"),
    (rf"how (?:do|does|can|could|should|must) {_ONE} (?P<x>.+)",
     "how to {x}|{x} how|how {x}|how do u {x}|way to {x}|steps to {x}|how do i {x}|how can we {x}"),
    (rf"how {_AUX} (?P<x>.+)", "how {x}|{x} how|in what way {x}"),
    (rf"(?:what|who) {_BE} (?P<x>.+) called",
     "name of {x}|{-x} name|what name {-x}|how is {x} called|{-x} called what"),
    (rf"what (?:happens|do {_ONE} do|must {_ONE} do|should {_ONE} do|is) (?:if|when) (?P<x>.+)|what if (?P<y>.+)",
     "if {x}{y}|{x}{y} what happens|{x}{y} what now|what if {x}{y}|what when {x}{y}|{x}{y}, what then"),
    (rf"(?:what|which|who) {_BE} the (?P<x>[\w' -]{{2,40}}?) (?P<p>of|for|in|on|at) (?P<y>.+)",
     "{x} {p} {y}|{-y} {x}|what's the {-y} {x}|{x} {-y}|{-y}: {x}|{-y} {x} what|the {-y} {x}|{x} {p} {-y}"),
    (rf"what {_BE} (?P<x>.+)", "{-x}|whats {x}|what {-x}|tell me {x}|{-x} what|{-x}|what's {-x}"),
    (rf"who {_BE} (?:the|our|my|an?) (?P<x>.+)",
     "who's the {x}|who {x}|{x} who|name of the {x}|{x} name|{x}|which person {x}"),
    (rf"who {_AUX} (?P<x>.+)", "who {x}|{x} who|whos {x}|which person {x}|{x} by who|the one {x}"),
    (r"who (?P<v>designed|wrote|made|owns|owned|founded|painted|teaches|taught|built|trains|manages|leads|"
     r"runs|composed|drew|"
     r"invented|created|directed|produced|won|sells|supplies|rents|insures) (?P<x>.+)",
     "{-x} {noun}|{noun} of {x}|{-x} {v} by who|who {v} {-x}|{x} who {v}|{noun} {-x}|name of {noun} of {x}|"
     "{-x} {noun}"),
    (r"who (?P<v>\w+ed|made|built|wrote|won|led|found|sold|bought|paid|gave|took|drew|held|ran|sang|sent) (?P<x>.+)",
     "{-x} {v} by who|{x} who {v}|who {v} {-x}|person who {v} {x}|{-x} was {v} by|which person {v} {x}|"
     "by who was {x} {v}"),
    (r"who (?P<v>\w+) (?P<x>.+)", "{x} who {v}|who {v} {-x}|person who {v} {x}|which person {v} {x}|name who {v} {x}"),
    (rf"(?:when|what (?:day|date)) {_BE} (?P<x>.+)",
     "when {-x}|{-x} when|{-x} date|date of {-x}|what date {x}|date for {-x}|when's {x}|{-x} what day|date {-x}"),
    (rf"when {_AUX} (?P<x>.+) (?P<v>start|begin|end|finish|open|close|leave|depart|arrive|expire|meet|retire|die)",
     "{-x} {noun}|{-x} {noun} when|{noun} of {x}|{-x} {noun} date|{-x} {v} when|when {x} {v}|{-x} {v}s when|"
     "{noun} {-x}"),
    (rf"when {_AUX} (?P<x>.+)", "when {x}|{x} when|{x} date|what date {x}|when {-x}|date {x}|{-x} when"),
    (rf"what time {_AUX} (?P<x>.+)", "what time {x}|{x} what time|{-x} time|time of {-x}|when {x}"),
    (rf"by when {_AUX} (?P<x>.+)",
     "deadline for {x}|{x} deadline|{x} by when|last day for {x}|{x} due when|{-x} due date|{-x} latest date"),
    (rf"(?P<p>until|till|since|from|to|up to) when {_AUX} (?P<x>.+)",
     "{p} when {x}|{x} {p} when|{x} {p}|{p} what date {x}|{-x} {p} when|{-x} {p} what time"),
    (rf"(?:what|which) year {_AUX} (?P<x>.+)", "what year {x}|{x} what year|{-x} year|year {x}|when {x}|{x} when"),
    (rf"where {_BE} (?P<x>.+)",
     "where {-x}|{-x} where|location of {-x}|{-x} location|wheres {x}|{-x} place|place of {x}"),
    (rf"where {_AUX} (?P<x>.+)", "where {x}|{x} where|place {x}|{x} at what place|where to {x}"),
    (rf"why {_AUX} (?P<x>.+)", "why {x}|{x} why|reason {x}|reason for {x}|how come {x}|why {-x}|{x} reason"),
    (rf"(?:what|which) (?P<n>[\w'-]+(?: [\w'-]+){{0,2}}?) {_AUX} (?P<x>.+)",
     "what {n} {x}|{x} what {n}|{x} {n}|{x} which {n}|{n} {x}|which {n} {-x}|{-x} {n}"),
    (rf"what {_AUX} (?P<x>.+)", "what {x}|{x} what|whats {x}|what thing {x}|{x}"),
    (rf"(?:can|may|could|should) {_ONE} (?P<x>.+)",
     "{x} allowed?|allowed to {x}|{x} ok?|ok to {x}|possible to {x}?|{x}?"),
    (rf"{_AUX} (?P<x>.+)", "{x}?|{x} yes or no|{x}, right?|{-x}?"),
]
_NOUNS = {
    "long": "length", "tall": "height", "high": "height", "old": "age", "wide": "width", "deep": "depth", "big": "size",
    "large": "size", "heavy": "weight", "far": "distance", "thick": "thickness", "fast": "speed", "cold": "temperature",
    "hot": "temperature", "warm": "temperature", "designed": "designer", "wrote": "author|writer", "made": "maker",
    "owns": "owner", "owned": "owner", "founded": "founder", "painted": "painter", "teaches": "teacher",
    "taught": "teacher", "built": "builder", "trains": "trainer|coach", "manages": "manager|boss",
    "leads": "leader|head",
    "runs": "manager|owner", "composed": "composer", "drew": "artist", "invented": "inventor", "created": "creator",
    "directed": "director", "produced": "producer", "won": "winner", "sells": "seller", "supplies": "supplier",
    "rents": "tenant", "insures": "insurer", "start": "start", "begin": "start|beginning", "end": "end",
    "finish": "end|finish", "open": "opening", "close": "closing", "leave": "departure|leaving", "depart": "departure",
    "arrive": "arrival", "expire": "expiry", "meet": "meeting", "retire": "retirement", "die": "death",
}
_SHORT = {
    "number": "no|nr|num", "telephone": "phone|tel", "minutes": "mins|min", "minute": "min", "hours": "hrs|h",
    "hour": "hr",
    "week": "wk", "weeks": "wks", "people": "ppl", "maximum": "max", "minimum": "min", "birthday": "bday",
    "appointment": "appt", "information": "info", "and": "&", "through": "thru", "you": "u", "your": "ur",
    "apartment": "apt", "department": "dept", "company": "firm", "photograph": "photo", "temperature": "temp",
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "august": "aug", "september": "sept|sep",
    "october": "oct", "november": "nov", "december": "dec", "monday": "mon", "tuesday": "tue", "wednesday": "wed",
    "thursday": "thu|thurs", "friday": "fri", "saturday": "sat", "sunday": "sun", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "first": "1st",
    "second": "2nd", "third": "3rd", "kilograms": "kg", "kilometres": "km", "kilometers": "km", "euros": "eur|€",
    "dollars": "$", "percent": "%", "advertisement": "ad", "favourite": "fav", "favorite": "fav", "versus": "vs",
    "document": "doc", "mobile": "cell", "photos": "pics", "pictures": "pics", "children": "kids", "until": "till|til",
    "because": "cause", "whom": "who", "which": "what", "received": "got", "receive": "get", "purchased": "bought",
}
_LEADS = [
    "hi, ", "hello, ", "hey ", "quick question: ", "question: ", "can you tell me ", "could you tell me ",
    "do you know ", "tell me ", "pls tell me ", "i need to know ", "i want to know ", "please find ", "looking for ",
    "just wondering ", "any idea ", "need: ", "i'd like to know ",
]
_TAILS = [
    " please", " pls", " thanks", " thx", ", any idea", " again", " exactly", " anyone know", " ??", " tia",
]
# fmt: on
_PATTERNS = [(re.compile(pattern, re.IGNORECASE), made.split("|")) for pattern, made in _FORMS]
_ARTICLE = re.compile(r"^(?:the|an?|our|my|your|his|her|their) (?=\w)", re.IGNORECASE)
_PREPOSITION = re.compile(r"^(?:in|at|on|from|to|for|with|of|under|after) (?=(?:what|which|whom|how)\b)", re.IGNORECASE)
_LEFT_OUT = re.compile(r"\b(?:the|an?|is|are|was|were|do|does|did|there) ", re.IGNORECASE)
_LITTLE = re.compile(r"\b(?:the|an?) ", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)(\d\d)\b(?![.,]\d)")
_SAID = re.compile(r"\b(what|who|where|when|how) is\b", re.IGNORECASE)
_FULL = re.compile(r"\b(what|who|where|when|how)['’]s\b", re.IGNORECASE)
_PERSON = re.compile(r"\b(?:does|do|can|may|must|should|has|have) (?:one|i|we|you|people)\b", re.IGNORECASE)
_THE = re.compile(r"\bthe (?=[a-z]{3,})")
_PER = re.compile(r"\bper (?=[a-z])")
_LONG = re.compile(r"(?<!\w)[a-z]{6,}(?!\w)")
_NEAR = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqwrtyuiopsasdfghjkxzxcvbn", strict=True))


def reworded(text: str, rng: random.Random) -> str:
    """The question in another wording: two or three of the rules at once. Text that no rule fits comes back in lower
    case without its question mark."""
    for _ in range(4):
        made = _once(text, rng)
        if _words(made) != _words(text):
            break
    return made


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _once(text: str, rng: random.Random) -> str:
    asked = _FULL.sub(r"\1 is", " ".join(text.replace("’", "'").split())).rstrip("?!. ")
    asked = _decapitalised(asked)
    changed = False
    if rng.random() < 0.65 and (other := _asked_otherwise(asked, rng)):
        asked, changed = other, True
    if rng.random() < (0.3 if changed else 0.5):
        asked = (_LEFT_OUT if rng.random() < 0.6 else _LITTLE).sub("", f"{asked} ").strip() or asked
    for chance, rule in _RULES:
        if rng.random() < chance:
            asked = rule(asked, rng)
    asked = " ".join(asked.split()).strip(" ,:")
    mark = "?" if rng.random() < 0.3 and not asked.endswith("?") else ""
    asked = f"{asked.rstrip('?') if rng.random() < 0.7 else asked}{mark}"
    if rng.random() < 0.8:
        return asked.lower()
    return asked[:1].upper() + asked[1:] if rng.random() < 0.5 else asked


def _decapitalised(text: str) -> str:
    """The first letter small, where it begins a common word."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:].islower() and first.lower() in _BEGINNINGS else text


# fmt: off
_BEGINNINGS = frozenset([
    "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "in", "at", "on", "from", "to", "for",
    "with", "of", "by", "until", "since", "is", "are", "was", "were", "do", "does", "did", "can", "may", "must",
    "has", "have", "will", "should", "the", "after", "before", "under",
])
# fmt: on


def _asked_otherwise(text: str, rng: random.Random) -> str | None:
    """Another form of the question; None where no pattern fits."""
    text = _PREPOSITION.sub("", text)
    for pattern, forms in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        parts = {name: value or "" for name, value in found.groupdict().items()}
        told = parts.get("m") or parts.get("v") or ""
        parts["noun"] = rng.choice(_NOUNS.get(told.lower(), "").split("|"))
        filled = [form for form in forms if "{noun}" not in form or parts["noun"]]
        return _filled(rng.choice(filled), parts)
    return None


def _filled(form: str, parts: Mapping[str, str]) -> str:
    return re.sub(r"\{(-?)(\w+)\}", lambda m: _ARTICLE.sub("", parts[m[2]].strip()) if m[1] else parts[m[2]], form)


def _years(text: str, rng: random.Random) -> str:
    mark = "'" if rng.random() < 0.3 else ""
    return _YEAR.sub(rf"{mark}\1", text)


def _owned(text: str, rng: random.Random) -> str:
    return _THE.sub(rng.choice(["our ", "my ", "this ", "our "]), text, count=1)


def _persons(text: str, rng: random.Random) -> str:
    return _PERSON.sub(lambda m: rng.choice(["do i", "do we", "can i", "do you"]), text, count=1)


def _per(text: str, rng: random.Random) -> str:
    return _PER.sub(rng.choice(["a ", "each ", "/ ", "every "]), text)


def _contracted(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=\w)'(?=s\b|t\b|re\b|ll\b|ve\b|m\b)", "", _SAID.sub(r"\1's", text))


def _shortened(text: str, rng: random.Random) -> str:
    """Short forms for one or two words."""
    at = [m for m in re.finditer(r"[A-Za-z]+", text) if m[0].lower() in _SHORT]
    for m in sorted(rng.sample(at, min(len(at), rng.randint(1, 2))), key=lambda m: -m.start()):
        text = text[: m.start()] + rng.choice(_SHORT[m[0].lower()].split("|")) + text[m.end() :]
    return text


def _slip(text: str, rng: random.Random) -> str:
    """One slip of the finger in a long word: two letters swapped, one left out, twice, or its neighbour's."""
    words = list(_LONG.finditer(text))
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    instead = rng.choice(
        [text[at + 1] + text[at], text[at + 1], text[at] * 2 + text[at + 1], _NEAR[text[at]] + text[at + 1]]
    )
    return text[:at] + instead + text[at + 2 :]


def _led(text: str, rng: random.Random) -> str:
    return rng.choice(_LEADS) + text


def _tailed(text: str, rng: random.Random) -> str:
    return text.rstrip("?") + rng.choice(_TAILS)


_RULES: list[tuple[float, Callable[[str, random.Random], str]]] = [
    (0.5, _years),
    (0.6, _contracted),
    (0.12, _owned),
    (0.4, _persons),
    (0.6, _per),
    (0.3, _shortened),
    (0.1, _slip),
    (0.08, _led),
    (0.06, _tailed),
]


def _all_reworded(share: float, texts: Sequence[str], seed: int) -> list[str]:
    rng = random.Random(seed)
    return [reworded(text, rng) if rng.random() < share else text for text in texts]


def sloppy(
    store: Store, tokenizer: Tokenizer, times: int = 1, share: float = 1.0, seed: int = 0, workers: int = 2
) -> tuple[Store, list[str]]:
    """The store's questions in ``times`` wordings each, its passages once; and the wordings."""
    kept = np.flatnonzero(store.kinds != CLAIM)
    asked = tokenizer.decode_batch([store.questions[int(i)].tolist() for i in kept])
    shares = [asked[at : at + 4000] for _ in range(times) for at in range(0, len(asked), 4000)]
    seeds = range(1000 * seed, 1000 * seed + len(shares))
    with ProcessPoolExecutor(workers) as pool:
        texts = [text for part in pool.map(partial(_all_reworded, share), shares, seeds) for text in part]
    rows = np.tile(kept, times)
    ids = [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return replace(
        store,
        questions=Ragged.of(ids),
        gold=store.gold[rows],
        spans=store.spans[rows],
        negatives=store.negatives[rows],
        kinds=np.full(len(rows), ABSENT, np.int32),
    ), texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--stores", nargs="+", required=True, help="NAME.npz or NAME.npz:WORDINGS")
    parser.add_argument("--share", type=float, default=1.0, help="of the questions that are reworded")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = load_tokenizer(args.tokenizer)
    for spec in args.stores:
        name, _, times = spec.partition(":")
        store, path = Store.load(Path(name)), Path(name)
        made, texts = sloppy(store, tokenizer, int(times or 1), args.share, args.seed, args.workers)
        made.save(path.with_name(f"sloppy-{path.name}"))
        print(
            f"sloppy-{path.name}: {len(made)}",
            *random.Random(0).sample(texts, min(8, len(texts))),
            sep="\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
