"""Makes lessons on tables, forms and definitions, for passages that do not look like an encyclopaedia.

Tables and forms are invented (names come from real articles, values from chance); definitions are sentences of real
documents.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence

from rag.answer.refusal import NOT_FOUND
from training.data.corpus import Section, sentences
from training.nano.tasks import Example, Piece, answer_prompt, headings_of
from training.nano.tune_answers import cited, content, trimmed

Value = Callable[[random.Random, Sequence[str]], str]
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


def _money(rng: random.Random, _: Sequence[str]) -> str:
    small, large = f"{rng.randrange(1, 99)}.{rng.randrange(10, 99)}", f"{int(10 ** rng.uniform(2, 7)):,}"
    amount = rng.choice((small, large))
    return rng.choice(("${}", "£{}", "€{}", "{} USD", "{} EUR")).format(amount)


def _count(rng: random.Random, _: Sequence[str]) -> str:
    return f"{int(10 ** rng.uniform(0.5, 5.5)):,}"


def _percent(rng: random.Random, _: Sequence[str]) -> str:
    return f"{rng.uniform(0.5, 99):.{rng.randrange(2)}f}%"


def _date(rng: random.Random, _: Sequence[str]) -> str:
    day, month, year = rng.randrange(1, 29), rng.choice(_MONTHS), rng.randrange(1890, 2027)
    numbers = f"{year}-{rng.randrange(1, 13):02d}-{day:02d}"
    return rng.choice((f"{day} {month} {year}", f"{month} {day}, {year}", numbers))


def _hours(rng: random.Random, _: Sequence[str]) -> str:
    first, last = rng.randrange(6, 12), rng.randrange(13, 22)
    return rng.choice((f"{first:02d}:{rng.choice(('00', '30'))} to {last}:00", f"{first} am to {last - 12} pm"))


def _span(rng: random.Random, _: Sequence[str]) -> str:
    return f"{rng.choice(_DAYS)} to {rng.choice(_DAYS)}"


def _length(rng: random.Random, _: Sequence[str]) -> str:
    return f"{rng.uniform(1, 400):.{rng.randrange(3)}f} {rng.choice(('m', 'km', 'cm', 'feet', 'miles'))}"


def _weight(rng: random.Random, _: Sequence[str]) -> str:
    return f"{rng.uniform(1, 400):.{rng.randrange(3)}f} {rng.choice(('kg', 'g', 'tonnes', 'pounds'))}"


def _name(rng: random.Random, names: Sequence[str]) -> str:
    return rng.choice(names)


def _code(rng: random.Random, _: Sequence[str]) -> str:
    letters = f"{rng.choice('ABCDEFGHK')}{rng.randrange(100, 99999)}"
    return rng.choice((letters, f"{rng.randrange(1990, 2027)}-{rng.randrange(1, 9999):04d}"))


# column or field: (value, the way it is asked for, the way it is said); {r} is the row, {v} the value
_COLUMNS: dict[str, tuple[Value, tuple[str, ...], str]] = {
    "Price": (_money, ("What is the price of {r}?", "How much does {r} cost?"), "The price of {r} is {v}"),
    "Revenue": (_money, ("What was the revenue of {r}?",), "The revenue of {r} was {v}"),
    "Budget": (_money, ("What is the budget for {r}?",), "The budget for {r} is {v}"),
    "Visitors": (_count, ("How many visitors did {r} have?",), "{r} had {v} visitors"),
    "Population": (_count, ("What is the population of {r}?",), "The population of {r} is {v}"),
    "Quantity": (_count, ("What is the quantity of {r}?", "How many of {r} are there?"), "The quantity of {r} is {v}"),
    "Members": (_count, ("How many members does {r} have?",), "{r} has {v} members"),
    "Share": (_percent, ("What is the share of {r}?", "What percentage is {r}?"), "The share of {r} is {v}"),
    "Growth": (_percent, ("How much did {r} grow?", "What was the growth of {r}?"), "The growth of {r} was {v}"),
    "Date": (_date, ("What is the date of {r}?", "When is {r}?", "When was {r}?"), "The date of {r} is {v}"),
    "Founded": (_date, ("When was {r} founded?",), "{r} was founded on {v}"),
    "Hours": (_hours, ("What are the hours of {r}?", "When is {r} open?"), "The hours of {r} are {v}"),
    "Days": (_span, ("On which days is {r} open?", "Which days is {r} open?"), "{r} is open {v}"),
    "Length": (_length, ("What is the length of {r}?", "How long is {r}?"), "The length of {r} is {v}"),
    "Weight": (_weight, ("How much does {r} weigh?", "What is the weight of {r}?"), "The weight of {r} is {v}"),
    "Owner": (_name, ("Who is the owner of {r}?", "Who owns {r}?"), "The owner of {r} is {v}"),
    "Author": (_name, ("Who is the author of {r}?", "Who wrote {r}?"), "The author of {r} is {v}"),
    "Contact": (_name, ("Who is the contact for {r}?",), "The contact for {r} is {v}"),
    "Supplier": (_name, ("Who supplies {r}?", "Which supplier delivers {r}?"), "The supplier of {r} is {v}"),
    "Location": (_name, ("Where is {r}?", "What is the location of {r}?"), "The location of {r} is {v}"),
    "Code": (_code, ("What is the code of {r}?", "Which code does {r} have?"), "The code of {r} is {v}"),
}
_FIELDS: dict[str, Value] = {
    "Invoice number": _code, "Customer": _name, "Due date": _date, "Total": _money, "Author": _name, "Date": _date,
    "Version": _code, "Project": _name, "Manager": _name, "Deposit": _money, "Start date": _date, "End date": _date,
    "Subject": _name, "From": _name, "To": _name, "Reference": _code, "Address": _name, "Order number": _code,
    "Weight": _weight, "Opening hours": _hours, "Owner": _name, "Inspector": _name, "Next inspection": _date,
    "Rent": _money, "Capacity": _count, "Serial number": _code, "Deadline": _date, "Approved by": _name,
}  # fmt: skip
_TITLES = (
    "Inventory", "Price list 2023", "Annual report", "Visitor statistics", "Membership", "Overview", "Budget 2024",
    "Contract", "Invoice", "Meeting notes", "Inspection report", "Catalogue", "Handbook", "Schedule", "Appendix A",
    "Projects", "Letter", "Order form", "Timetable", "Register",
)  # fmt: skip


def _table(rng: random.Random, names: Sequence[str]) -> tuple[str, list[tuple[str, int, str, str]]]:
    """Makes a table: its text and (question, place of the value, value, reply) of every cell."""
    columns = rng.sample(sorted(_COLUMNS), rng.choice((1, 2, 2, 3, 4)))
    rows = list(dict.fromkeys(rng.sample(list(names), min(len(names), rng.randrange(2, 9)))))
    text = " | ".join([rng.choice(("Name", "Item", "Place", "Entry", "Product", "Year")), *columns])
    facts = []
    for row in rows:
        text += f"\n{row}"
        for c in columns:
            value, asks, said = _COLUMNS[c]
            v = value(rng, names)
            text += " | "
            facts.append((rng.choice(asks).format(r=row), len(text), v, said.format(r=row, v=v)))
            text += v
    return text, facts


def _form(rng: random.Random, names: Sequence[str]) -> tuple[str, list[tuple[str, int, str, str]]]:
    text, facts = "", []
    for field in rng.sample(sorted(_FIELDS), rng.randrange(3, 9)):
        v = _FIELDS[field](rng, names)
        text += f"{field}: "
        low = field[0].lower() + field[1:]
        if field not in ("From", "To", "Approved by"):
            plural = low.endswith("hours")
            ask = f"What {'are' if plural else 'is'} the {low}?"
            if _FIELDS[field] is _name and field not in ("Subject", "Project", "Address"):
                ask = f"Who is the {low}?"
            facts.append((ask, len(text), v, f"The {low} {'are' if plural else 'is'} {v}"))
        elif field == "Approved by":
            facts.append(("Who approved it?", len(text), v, f"It was approved by {v}"))
        else:
            ask = "Who wrote the message?" if field == "From" else "Who is the message for?"
            facts.append((ask, len(text), v, f"The message is {'from' if field == 'From' else 'for'} {v}"))
        text += v + rng.choice(("\n", "\n", "\n\n"))
    return text.strip(), facts


def form_examples(
    names: Sequence[str], prose: Sequence[tuple[str, str]], count: int, rng: random.Random
) -> Iterator[Example]:
    """Makes lessons on tables and forms; ``prose`` holds (title, text) of the passages that stand beside them."""
    for _ in range(count):
        text, facts = (_table if rng.random() < 0.6 else _form)(rng, names)
        if not facts:
            continue
        question, place, value, reply = rng.choice(facts)
        if sum(f[0] == question for f in facts) > 1 or reply.count("|"):
            continue
        lead = f"{trimmed_lead(rng.choice(prose)[1])}\n\n" if rng.random() < 0.35 else ""
        others = [
            Piece(2 + n, 0, t, (), x) for n, (t, x) in enumerate(rng.sample(list(prose), rng.choice((0, 1, 1, 2))))
        ]
        title = rng.choice(_TITLES)
        missing = rng.random() < 0.12
        if missing:
            text = "\n".join(line for line in text.split("\n") if value not in line)
            if question_words(question) <= content(text):
                continue
        here = Piece(1 + rng.randrange(4), 0, title, (), lead + text)
        at = rng.randrange(len(others) + 1)
        pieces = [*others[:at], here, *others[at:]]
        start = len(lead) + place
        hint = (at, start, start + len(value)) if not missing and rng.random() < 0.8 else None
        prompt, labels = answer_prompt(question, pieces, hint=hint, refused=missing and rng.random() < 0.6)
        if missing:
            yield Example("none", prompt, NOT_FOUND)
        elif at in labels and value in pieces[at].text:
            yield Example("answer", prompt, cited(reply[0].upper() + reply[1:].rstrip("."), labels[at]))


def question_words(question: str) -> frozenset[str]:
    return content(question)


def trimmed_lead(text: str) -> str:
    return sentences(text)[0][:200]


_DEFINED = re.compile(
    r"^(?P<subject>(?:(?:A|An|The) )?(?:[A-Z]?[\w'’-]+ ){0,3}[\w'’-]+) (?P<verb>is|are|was|were) "
    r"(?P<what>(?:a|an|the|one of)\b.{12,160})$"
)


def definition_examples(title: str, sections: Sequence[Section], most: int, rng: random.Random) -> Iterator[Example]:
    """Makes lessons that ask 'What is X?' where a sentence says what X is."""
    order = rng.sample(range(len(sections)), len(sections))
    made = 0
    for i in order:
        for sentence in sentences(sections[i].text):
            found = _DEFINED.match(sentence.rstrip("."))
            said = trimmed(sentence, found["what"]) if found else None
            if not found or not said or not _names_something(found["subject"]):
                continue
            subject = re.sub(r"^(?:A|An|The) ", lambda m: m[0].lower(), found["subject"])
            person = found["verb"] == "was" and re.match(r"[A-Z]\w+ [A-Z]\w+$", subject) and " who " in found["what"]
            question = f"{'Who' if person else 'What'} {found['verb']} {subject}?"
            others = rng.sample([n for n in order if n != i], min(len(order) - 1, rng.choice((1, 2, 3))))
            others = [n for n in others if subject.lower() not in sections[n].text.lower()]
            shown = [i, *others]
            rng.shuffle(shown)
            pieces = [Piece(1, n, title, headings_of(sections[n]), sections[n].text) for n in shown]
            at = shown.index(i)
            start = sections[i].text.index(sentence) + found.start("what")
            length = len(found["what"].split(",")[0])
            hint = (at, start, start + length) if rng.random() < 0.75 else None
            prompt, labels = answer_prompt(question, pieces, hint=hint)
            if at in labels:
                yield Example("answer", prompt, cited(said, labels[at]))
                made += 1
            break
        if made >= most:
            return


# fmt: off
_NO_NAMES = frozenset({
    "it", "he", "she", "this", "that", "there", "they", "these", "those", "which", "what", "one", "its", "his", "her",
    "their", "if", "while", "when", "since", "although", "as", "in", "for", "at", "from", "on", "with", "because",
    "such", "another", "some", "all", "both", "other", "here", "where", "today", "our", "my", "your", "we", "you", "i",
    "also", "however", "but", "and", "or", "so", "only", "among", "by", "after", "before", "during", "then", "each",
    "most",
})
# fmt: on


def _names_something(subject: str) -> bool:
    first = subject.split()[0].lower()
    bare = subject.islower() and first == "the" and len(subject.split()) < 3  # 'the day'
    return (
        first not in _NO_NAMES
        and len(subject) > 3
        and not bare
        and not re.search(r"\b(?:and|that|which|of|in|for|to|by|as)\b", subject.split(" ", 1)[-1])
    )
