"""Renders docent-nano's training texts: the product's prompts in its chat template, with the replies to be learnt.

The prompts come from rag.answer.generation.small_model_prompt, so training and product use the same ones. Token counts
are estimated.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.generation.prompt import Message
from rag.answer.generation.small_model_prompt import PROMPT_TOKENS, Hint, build_nano_prompt
from rag.types import Document, Passage, Turn
from training.data.cloze import BLANK, Cloze
from training.data.corpus import Section

CHARS_A_TOKEN = 4.2
END = "<|end|>"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document. Pieces of one ``document`` are ordered by ``start``."""

    document: int
    start: int
    title: str
    headings: tuple[str, ...]
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the reply to be learnt, without the token that ends it."""

    kind: str
    prompt: str
    reply: str


def render(messages: Sequence[Message]) -> str:
    """Applies the chat template of training.nano.tokenizer, up to the beginning of the reply."""
    turns = "".join(f"<|{m.role}|>\n{m.content}{END}\n" for m in messages)
    return f"<|bos|>{turns}<|assistant|>\n"


def estimated_tokens(messages: Sequence[Message]) -> int:
    return int(sum(len(m.content) / CHARS_A_TOKEN + 4 for m in messages)) + 3


def passages_of(pieces: Sequence[Piece]) -> list[Passage]:
    """Returns the pieces as passages, best first; ``Passage.number`` is the place in ``pieces``, from 1."""
    return [
        Passage(
            n,
            Document(p.document, 1, "", p.title, "text/plain", "ok", None, 1, 1, 1, "", 0.0),
            p.start,
            p.start + len(p.text),
            p.text,
            1.0 / n,
            p.headings,
            p.page,
        )
        for n, p in enumerate(pieces, 1)
    ]


def answer_prompt(
    question: str,
    pieces: Sequence[Piece],
    history: Sequence[Turn] = (),
    hint: tuple[int, int, int] | None = None,
    refused: bool = False,
    budget: int = PROMPT_TOKENS,
) -> tuple[str, dict[int, int]]:
    """Returns the prompt and the label of each piece, by its place in ``pieces`` from 0; a piece left out has none.

    ``hint`` is (place of the piece, start, end)."""
    named = Hint(hint[0] + 1, hint[1], hint[2]) if hint else None
    passages = passages_of(pieces)
    prompt = build_nano_prompt(question, passages, history, named, estimated_tokens, budget, refused=refused)
    return render(prompt.messages), {p.number - 1: label for label, p in prompt.labels.items()}


def headings_of(section: Section) -> tuple[str, ...]:
    return (section.heading,) if section.heading else ()


def cloze_examples(
    title: str, sections: Sequence[Section], made: Sequence[Cloze], rng: random.Random
) -> Iterator[Example]:
    """Makes cloze questions in the answer prompt: the reply is the sentence with its blank filled, and cited."""
    for c in made:
        shown = [c.section, *rng.sample(c.negatives, min(len(c.negatives), rng.choice((1, 2, 3))))]
        rng.shuffle(shown)
        pieces = [
            Piece(1, i, title, (sections[i].heading,) * bool(sections[i].heading), sections[i].text) for i in shown
        ]
        at = shown.index(c.section)
        place = rng.choice(c.places)
        hint = (at, place, place + len(c.answer)) if rng.random() < 0.7 else None
        prompt, labels = answer_prompt(c.question.replace(BLANK, "<|blank|>"), pieces, hint=hint)
        if at not in labels:
            continue
        whole = c.question.replace(BLANK, c.answer).rstrip()
        end = whole[-1] if whole[-1] in ".!?" else "."
        yield Example("cloze", prompt, f"{whole.rstrip('.!?')} [{labels[at]}]{end}")
