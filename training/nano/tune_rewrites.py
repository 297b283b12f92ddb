"""Makes rewriting lessons for docent-nano: a conversation, a follow-up question, and the question that stands alone.

They are made from an article's questions (a name that was mentioned becomes a pronoun, "And in 1950?", "Why?",
questions that need nothing), and from the training parts of the rewriting sets.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

from rag.types import Turn
from training.data.corpus import Article
from training.data.grammar import may_be_verb, tagged
from training.nano.prompts import rewrite_prompt
from training.nano.tasks import Example, render
from training.nano.tune_answers import Asked

_NAME = re.compile(
    r"(?<![.?!] )(?<!^)\b(?:the )?[A-Z][\w'’-]*[\w](?: (?:(?:of|the|de|and|for) ){0,2}[A-Z][\w-]*\w){0,4}"
)
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_OBJECT_AFTER = re.compile(
    r"\b(?:of|to|for|with|by|from|about|in|on|at|against|after|before|called|gave|gives|made|named|into|than|"
    r"join|joined|leave|left|call|describe|consider|see|know|use|help|define)$",
    re.IGNORECASE,
)
_SUBJECT, _POSSESSIVE, _OBJECT = 0, 1, 2
_PRONOUNS = {
    "he": ("he", "his", "him"),
    "she": ("she", "her", "her"),
    "it": ("it", "its", "it"),
    "they": ("they", "their", "them"),
}
CANARD_TEST_SHARE = 40  # percent of CANARD's articles that no training sees


def lesson(question: str, target: str, history: Sequence[Turn]) -> Example:
    return Example("rewrite", render(rewrite_prompt(question, history)), target)


def rewrite_examples(article: Article, known: Sequence[Asked], each: int, rng: random.Random) -> Iterator[Example]:
    """Makes ``each`` conversations for every paragraph."""
    text = "\n".join(p.text for p in article.paragraphs)
    by_paragraph: dict[int, list[Asked]] = {}
    for k in known:
        by_paragraph.setdefault(k.paragraph, []).append(k)
    titles = _names_of(article.title)
    for group in by_paragraph.values():
        for _ in range(each):
            yield from _conversation(group, known, titles, text, rng)


def _names_of(title: str) -> list[str]:
    """Returns an article's name and the ways in which questions refer to it."""
    bare = re.sub(r" ?\(.*?\)", "", title).strip()
    last = bare.split()[-1]
    return [bare] + ([last] if " " in bare and last[0].isupper() and len(last) > 3 else [])


def _conversation(
    group: Sequence[Asked], known: Sequence[Asked], titles: Sequence[str], text: str, rng: random.Random
) -> Iterator[Example]:
    asked = rng.sample(list(group), min(len(group), rng.choice((2, 3, 4))))
    history: list[Turn] = []
    if rng.random() < 0.15 and known:
        other = rng.choice(known)
        history.append(Turn(other.question.text, other.reply + "."))
    for k in asked:
        question = k.question.text
        if history:
            leaning = _leaning(question, history, titles, text, rng)
            extra = _elliptic(history, known, titles, rng) if rng.random() < 0.3 else None
            if extra:
                yield lesson(*extra, history)
            if leaning:
                yield lesson(leaning, question, history)
                question = leaning
            elif rng.random() < 0.5:
                yield lesson(question, question, history)
        elif rng.random() < 0.05:
            yield lesson(question, question, history)
        history.append(Turn(question, k.reply + "." if rng.random() < 0.85 else k.question.answers[0][1]))


def _leaning(
    question: str, history: Sequence[Turn], titles: Sequence[str], text: str, rng: random.Random
) -> str | None:
    """Replaces the name of what was spoken of by a pronoun."""
    before = " ".join(f"{t.question} {t.answer}" for t in history[-2:])
    names = sorted({m.group().removeprefix("the ") for m in _NAME.finditer(question)}, key=len, reverse=True)
    for name in [*titles, *names]:
        at = question.find(name)
        if at < 0 or name not in before or question.count(name) > 1 or _YEAR.fullmatch(name):
            continue
        if at == 0 or re.match(r"[\w-]", question[at + len(name) :] or " "):
            continue
        start = at - 4 if question[max(0, at - 4) : at].lower() == "the " else at
        follows = question[at + len(name) :]
        if start > 0 and re.search(r"[\w)] ?$", question[:start]) and re.match(r" [A-Z]", follows):
            continue  # part of a longer name
        pronoun = _PRONOUNS[_gender(name, text)]
        if follows.startswith(("'s", "’s", "' ", "’ ")):
            said, rest = pronoun[_POSSESSIVE], re.sub(r"^['’]s?", "", follows)
        elif _is_attribute(question[:start], follows):
            continue
        elif _OBJECT_AFTER.search(question[:start].rstrip()) or not follows.strip(" ?."):
            said, rest = pronoun[_OBJECT], follows
        else:
            said, rest = pronoun[_SUBJECT], follows
        made = question[:start] + said + rest
        return made[0].upper() + made[1:] if rng.random() < 0.9 else made.lower()
    return None


def _is_attribute(before: str, follows: str) -> bool:
    """Says whether the name is an attribute of what follows it, as in 'the Paris museums'."""
    words = tagged(follows.strip(" ?."))
    if not words or (re.search(r"(?i)\b(?:did|does|do)\b", before) and may_be_verb(words[0].low)):
        return False
    return words[0].tag.startswith(("NN", "NP", "AJ", "CRD", "ORD", "VVG", "AT0"))


def _gender(name: str, text: str) -> str:
    """Guesses the gender by the pronouns that follow the name in its article."""
    counts: Counter[str] = Counter()
    groups = {"he": "he", "his": "he", "him": "he", "she": "she", "her": "she", "it": "it", "its": "it"}
    groups |= {"they": "they", "their": "they", "them": "they"}
    at = text.find(name)
    while at >= 0 and sum(counts.values()) < 40:
        for word in re.findall(r"[a-z]+", text[at + len(name) : at + len(name) + 160].lower()):
            if word in groups:
                counts[groups[word]] += 1
        at = text.find(name, at + 1)
    plural = name.split()[-1].endswith("s") and not name.endswith(("ss", "us", "is"))
    person = counts["he"] + counts["she"]
    if person > 2 * (counts["it"] + 1):
        return "he" if counts["he"] >= counts["she"] else "she"
    return "they" if plural and 3 * counts["they"] >= counts["it"] else "it"


def _elliptic(
    history: Sequence[Turn], known: Sequence[Asked], titles: Sequence[str], rng: random.Random
) -> tuple[str, str] | None:
    """Makes a fragment that stands for the last question with one part changed, and that question in full."""
    last = history[-1].question
    if re.search(r"(?i)\b(?:he|she|it|they|his|her|its|their|him|them)\b", last):
        return None
    chance = rng.random()
    years = _YEAR.findall(last)
    if years and chance < 0.6:
        new = str(int(years[0]) + rng.choice((-20, -10, -5, -2, -1, 1, 2, 3, 5, 10, 20)))
        joint = rng.choice(("And in {}?", "What about {}?", "And {}?", "what about in {}?", "How about {}?", "in {}?"))
        return joint.format(new), last.replace(years[0], new, 1)
    names = [m.group() for m in _NAME.finditer(last) if len(m.group()) > 3 and not m.group().startswith("the ")]
    if names and chance < 0.55:
        others = [
            m.group() for k in rng.sample(list(known), min(6, len(known))) for m in _NAME.finditer(k.question.text)
        ]
        others = [o for o in others if o not in last and not o.startswith("the ") and len(o) > 3]
        if others:
            new = rng.choice(others)
            joint = rng.choice(("What about {}?", "And {}?", "How about {}?", "what about {}", "And what about {}?"))
            return joint.format(new), last.replace(names[-1], new, 1)
    asks = re.match(r"(?i)(when|where|why|how) (did|was|were|is|does|do)\b", last)
    if asks and chance < 0.85:
        word = rng.choice([w for w in ("When", "Where", "Why", "How") if w.lower() != asks[1].lower()])
        return rng.choice(("{}?", "And {}?", "{}?")).format(word), word + last[len(asks[1]) :]
    named = next((t for t in titles if t in last), None)
    if named:
        return rng.choice(_MORE), f"Tell me more about {named}."
    return None


def _names_in(question: str) -> list[str]:
    return [n for n in _NAME.findall(question) if len(n) > 3 and not n.startswith("the ")]


_MORE = ("Tell me more.", "tell me more", "Tell me more about it.", "What else?", "Anything else?", "Can you say more?")


def held_out_rewrite(title: str) -> bool:
    """Says whether a CANARD conversation belongs to the held-out part; its article decides."""
    return crc32(title.encode()) % 100 < CANARD_TEST_SHARE


def canard_examples(data: Path) -> Iterator[Example]:
    """Makes lessons of the training part of CANARD."""
    path = data / "qa/rewrite-canard/data/release/dev.json"
    for row in json.loads(path.read_text(encoding="utf-8")):
        title, section, *exchanges = row["History"]
        if held_out_rewrite(title):
            continue
        turns = [Turn(f"Tell me about {title}, {section}", "")]
        for question, answer in zip(exchanges[::2], exchanges[1::2], strict=True):
            turns.append(Turn(question, "" if answer == "I don't know." else answer))
        yield lesson(row["Question"], row["Rewrite"], turns)


def cast_examples(data: Path) -> Iterator[Example]:
    """Makes lessons of the conversations of 2020; those of 2021 are held out as a test."""
    path = data / "qa/rewrite-cast/2020/2020_manual_evaluation_topics_v1.0.json"
    for conversation in json.loads(path.read_text(encoding="utf-8")):
        turns: list[Turn] = []
        for turn in conversation["turn"]:
            if turns:
                yield lesson(turn["raw_utterance"], turn["manual_rewritten_utterance"], turns)
            turns.append(Turn(turn["raw_utterance"], ""))
