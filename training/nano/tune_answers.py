"""Makes answering lessons for docent-nano: a question with its passages, the reader's hint and the reply to be learnt.

They come from SQuAD-format articles (found, not found, wrong hints, earlier exchanges, keywords instead of questions)
and MedQuAD. A reply is a statement made by rules or the passage's own sentence; every one cites.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.answer.refusal import NOT_FOUND
from rag.types import Turn
from training.data.corpus import Article, Paragraph, Question, sentences
from training.data.search import STOP
from training.data.statements import state
from training.nano.tasks import Example, Piece, answer_prompt

_WORD = re.compile(r"[\w'’-]+")
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: (?:of |the )?[A-Z][\w'’-]+){0,3}|\b\d[\d,.]*\d?(?: [a-z]{3,})?")
_CONNECTING = re.compile(
    r"^(?:However|Also|But|And|Thus|Therefore|Moreover|Furthermore|In addition|Additionally|So),? "
)
_POINTING = re.compile(r"^(?:This|These|Those|That|Such|Another|Both|Here|There|Then)\b")
_KEYWORDS = ("what", "which", "who", "is", "are", "was", "were", "did", "does", "do", "the", "a", "an", "how")
_LONGEST_REPLY = 45  # words


def content(text: str) -> frozenset[str]:
    return frozenset(w for w in (m.group().lower() for m in _WORD.finditer(text)) if len(w) > 2 and w not in STOP)


def sentence_with(text: str, start: int, span: str) -> str | None:
    """Returns the sentence of a passage that holds its answer, shortened; None where no sentence reads well by
    itself."""
    at = 0
    for sentence in sentences(text):
        first = text.index(sentence, at)
        at = first + len(sentence)
        if first <= start and start + len(span) <= at:
            return trimmed(sentence, span)
    return None


def trimmed(sentence: str, span: str) -> str | None:
    sentence = _CONNECTING.sub("", sentence.strip()).rstrip(".!? ")
    if not sentence or _POINTING.match(sentence) or "\n" in sentence:
        return None
    for found in list(re.finditer(r" \([^()]*\)", sentence))[::-1]:
        if span not in found[0] and span in sentence[: found.start()] + sentence[found.end() :]:
            sentence = sentence[: found.start()] + sentence[found.end() :]
    for mark in ("; ", ", which ", ", while ", ", although ", ", but ", ", and ", ", with ", ", including "):
        cut = sentence.split(mark, 1)[0]
        if len(sentence.split()) > 28 and span in cut and len(cut.split()) >= 7:
            sentence = cut
    if sentence.count('"') % 2 or sentence.count("(") != sentence.count(")") or span not in sentence:
        return None
    words = len(sentence.split())
    return sentence[0].upper() + sentence[1:] if 4 <= words <= _LONGEST_REPLY else None


def reply_to(question: str, text: str, start: int, span: str) -> str | None:
    """Returns the reply without citation and full stop."""
    made = state(question, text, start, span)
    if made is None:
        made = sentence_with(text, start, span)
    return None if made is None else re.sub(r"\[\d{1,3}\]", "", made).rstrip(".!?,;: ")


def cited(statement: str, label: int) -> str:
    return f"{statement} [{label}]."


@dataclass
class Asked:
    """A question of an article with all that its lessons need."""

    paragraph: int
    question: Question
    reply: str


@dataclass
class Shelf:
    """Paragraphs of several articles, from which passages without the answer are drawn."""

    articles: Sequence[Article]
    bags: list[list[frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bags = [[content(p.text) for p in a.paragraphs] for a in self.articles]

    def near(self, article: int, question: str, rng: random.Random, most: int) -> list[tuple[int, int]]:
        """Returns (article, paragraph) pairs, most words shared with the question first, mostly of the same article."""
        asked = content(question)
        others = rng.sample(range(len(self.articles)), min(len(self.articles), 12))
        rows = [
            (len(asked & bag) + (1.5 if a == article else 0) + rng.random(), a, p)
            for a in {article, *others}
            for p, bag in enumerate(self.bags[a])
        ]
        rows.sort(reverse=True)
        return [(a, p) for _, a, p in rows[:most]]


def asked_of(article: Article) -> list[Asked]:
    """Returns the questions for which a reply could be made."""
    out = []
    for n, p in enumerate(article.paragraphs):
        for q in p.questions:
            if q.answers:
                start, span = q.answers[0]
                reply = reply_to(q.text, p.text, start, span)
                if reply and span.rstrip(".,;: ") and span.rstrip(".,;: ").lower() in reply.lower():
                    out.append(Asked(n, q, reply))
    return out


def answer_examples(
    shelf: Shelf, number: int, known: Sequence[Asked], each: int, rng: random.Random
) -> Iterator[Example]:
    """Makes ``each`` lessons for every known question of one article of the shelf."""
    for asked in known:
        for _ in range(each):
            example = _lesson(shelf, number, asked, known, rng)
            if example is not None:
                yield example


def _lesson(shelf: Shelf, number: int, asked: Asked, known: Sequence[Asked], rng: random.Random) -> Example | None:
    start, span = asked.question.answers[0]
    answerable = rng.random() > 0.16
    near = [x for x in shelf.near(number, asked.question.text, rng, 14) if x != (number, asked.paragraph)]
    gold, offset = _gold_piece(shelf.articles[number], asked.paragraph, start, span, rng)
    touched = {(number, p) for p in range(asked.paragraph - 1, asked.paragraph + 2)}
    lacking = [
        x for x in near if x not in touched and span.lower() not in shelf.articles[x[0]].paragraphs[x[1]].text.lower()
    ]
    if not answerable and rng.random() < 0.3:  # the document is not there at all
        lacking = [x for x in lacking if x[0] != number]
    chosen = lacking[: rng.choice((5, 8))]
    chosen = rng.sample(chosen, min(len(chosen), rng.choice((1, 2, 2, 3, 3, 4))))
    order = {a: n for n, a in enumerate(rng.sample(range(len(shelf.articles)), len(shelf.articles)))}
    others = [_piece(shelf.articles[a], p, order[a]) for a, p in chosen]
    if not answerable and not others:
        return None
    pieces = others
    at = -1
    if answerable:
        at = rng.randrange(len(others) + 1)
        placed = Piece(order[number], gold.start, gold.title, (), gold.text)
        pieces = [*others[:at], placed, *others[at:]]
    pieces = _dressed(pieces, rng)
    hint, refused = _hint(pieces, at, offset, span, answerable, rng)
    question = _varied(asked.question.text, rng)
    prompt, labels = answer_prompt(question, pieces, _history(known, asked, rng), hint, refused, rng.choice(_BUDGETS))
    if not answerable:
        return Example("none", prompt, NOT_FOUND)
    if at not in labels or pieces[at].text[offset : offset + len(span)] != span:
        return None
    return Example("answer", prompt, cited(asked.reply, labels[at]))


_BUDGETS = (400, 500, 600, 800, 1000)


def _piece(article: Article, paragraph: int, document: int) -> Piece:
    return Piece(document, paragraph * 10_000, article.title, (), article.paragraphs[paragraph].text)


def _gold_piece(article: Article, number: int, start: int, span: str, rng: random.Random) -> tuple[Piece, int]:
    """Returns the answering paragraph, sometimes with a neighbour or cut to some sentences, and where the answer
    starts."""
    paragraphs: Sequence[Paragraph] = article.paragraphs
    text, place = paragraphs[number].text, number * 10_000
    chance = rng.random()
    if chance < 0.15 and number > 0:
        head = paragraphs[number - 1].text + "\n\n"
        return Piece(0, place - 10_000, article.title, (), head + text), start + len(head)
    if chance < 0.3 and number + 1 < len(paragraphs):
        return Piece(0, place, article.title, (), f"{text}\n\n{paragraphs[number + 1].text}"), start
    if chance < 0.45:
        pieces = sentences(text)
        at, spans = 0, []
        for s in pieces:
            first = text.index(s, at)
            spans.append((first, first + len(s)))
            at = first + len(s)
        holding = [i for i, (a, b) in enumerate(spans) if a <= start and start + len(span) <= b]
        if holding:
            first, last = max(0, holding[0] - rng.randrange(3)), min(len(spans) - 1, holding[0] + rng.randrange(3))
            begin = spans[first][0]
            return Piece(0, place + begin, article.title, (), text[begin : spans[last][1]]), start - begin
    return Piece(0, place, article.title, (), text), start


def _dressed(pieces: list[Piece], rng: random.Random) -> list[Piece]:
    """Gives pieces titles as files have them, and pages where a document has pages."""
    chance = rng.random()
    names: dict[str, str] = {}
    for p in pieces:
        title = p.title
        if chance < 0.12:
            title = re.sub(r"\W+", "_", title.lower()) + rng.choice((".pdf", ".docx", ".txt", ""))
        elif chance < 0.2:
            title = rng.choice(("Notes", "Report", "Document", "Chapter")) + f" {len(names) + 1}"
        names.setdefault(p.title, title)
    paged = rng.random() < 0.2
    return [
        Piece(p.document, p.start, names[p.title], p.headings, p.text, p.start // 15_000 + 1 if paged else None)
        for p in pieces
    ]


def _hint(
    pieces: Sequence[Piece], at: int, offset: int, span: str, answerable: bool, rng: random.Random
) -> tuple[tuple[int, int, int] | None, bool]:
    """Simulates the reader: its answer, mostly right, at times wrong or absent, and whether it refused."""
    chance = rng.random()
    if answerable:
        if chance < 0.80:
            return (at, offset, offset + len(span)), False
        if chance < 0.86:  # a word too many or too few
            return _shifted(pieces[at].text, at, offset, span, rng), False
        if chance < 0.91:
            return _wrong(pieces, rng, span), False
        return None, chance > 0.985
    if chance < 0.62:
        return None, True
    if chance < 0.96:
        return None, False
    return _wrong(pieces, rng, span), False


def _shifted(text: str, at: int, offset: int, span: str, rng: random.Random) -> tuple[int, int, int]:
    words = list(_WORD.finditer(text))
    inside = [i for i, m in enumerate(words) if m.start() < offset + len(span) and m.end() > offset]
    if not inside:
        return at, offset, offset + len(span)
    first, last = inside[0], inside[-1]
    if rng.random() < 0.5 and last > first:
        first, last = (first + 1, last) if rng.random() < 0.5 else (first, last - 1)
    else:
        first, last = max(0, first - rng.randrange(3)), min(len(words) - 1, last + rng.randrange(3))
    return at, words[first].start(), words[last].end()


def _wrong(pieces: Sequence[Piece], rng: random.Random, span: str) -> tuple[int, int, int] | None:
    at = rng.randrange(len(pieces))
    names = list(_NAME.finditer(pieces[at].text))
    for found in rng.sample(names, min(4, len(names))):
        if found[0].lower() not in span.lower() and span.lower() not in found[0].lower():
            return at, found.start(), found.end()
    return None


def _history(known: Sequence[Asked], asked: Asked, rng: random.Random) -> list[Turn]:
    if rng.random() > 0.22 or len(known) < 4:
        return []
    earlier = [k for k in rng.sample(known, 3) if k is not asked]
    return [Turn(k.question.text, f"{k.reply} [1].") for k in earlier[: rng.choice((1, 1, 2))]]


def _varied(question: str, rng: random.Random) -> str:
    """Varies some questions as people type them: keywords, no capitals, no question mark, a request."""
    chance = rng.random()
    if chance < 0.78:
        return question
    bare = question.rstrip("? .")
    lowered = bare[0].lower() + bare[1:]
    if chance < 0.84:
        return lowered.lower() if rng.random() < 0.5 else lowered
    if chance < 0.90:
        words = [w for w in bare.split() if w.lower() not in _KEYWORDS]
        return " ".join(words) if len(words) >= 2 else question
    opening = rng.choice(("Tell me", "Please tell me", "I want to know", "Can you tell me", "Find out", "Do you know"))
    return f"{opening}: {lowered}{rng.choice(('?', '', '.'))}"


def medquad_examples(rows: Sequence[tuple[str, str]], rng: random.Random) -> Iterator[Example]:
    """Makes lessons of health questions; the reply is one or two sentences that share words with the question, or the
    first."""
    bodies = [" ".join(text.split()[:230]) for _, text in rows]
    for n, (title, _) in enumerate(rows):
        parts = sentences(bodies[n])
        if len(parts) < 2:
            continue
        question = title.replace(" ?", "?")
        asked = content(question)
        first = max(range(min(6, len(parts))), key=lambda i: len(asked & content(parts[i])) - 0.4 * i)
        taken = [p for p in parts[first : first + 2] if len(p.split()) <= _LONGEST_REPLY]
        if not taken or len(taken[0].split()) < 5 or "?" in taken[0]:
            continue
        taken = taken[: 1 if len(taken[0].split()) > 18 else 2]
        others = [n + d for d in (-3, -2, -1, 1, 2, 3) if 0 <= n + d < len(rows)]
        chosen = rng.sample(others, min(len(others), rng.choice((1, 2, 3))))
        found = rng.random() < 0.85
        texts = [(title_of(rows[m][0]), bodies[m], m) for m in chosen]
        at = rng.randrange(len(texts) + 1)
        if found:
            texts.insert(at, (title_of(title), bodies[n], n))
        else:
            texts = [t for t in texts if title_of(title).lower() not in t[1].lower()]
        if not texts:
            continue
        pieces = [Piece(m, 0, t if rng.random() < 0.7 else f"Health {m % 97}", (), body) for t, body, m in texts]
        hint = None
        if found and rng.random() < 0.6:
            start = bodies[n].index(parts[first])
            words = list(_WORD.finditer(parts[first]))[: rng.randrange(3, 14)]
            hint = (at, start, start + words[-1].end()) if words else None
        prompt, labels = answer_prompt(question, pieces, hint=hint, refused=not found and rng.random() < 0.6)
        if not found:
            yield Example("none", prompt, NOT_FOUND)
        elif at in labels:
            body = " ".join(t.rstrip(". ") + f" [{labels[at]}]." for t in taken)
            yield Example("health", prompt, body)


def title_of(question: str) -> str:
    """Returns the subject of a health question."""
    found = re.search(r"(?:of|for|with|about|is \(are\)|is|are|prevent|by) ([^?]+?) ?\?", question)
    return found[1].strip() if found else question.rstrip("? ")
