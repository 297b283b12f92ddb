"""The prompt that docent-nano was tuned to answer from, with the reader's hint.

    system   one line that names the task, then the passages as [1] [2] ..., in document order
    ...      earlier exchanges, numbers of passages taken out
    user     the question; under it what the reader found, if there is a reader

A model asks for this prompt by ``"prompt": "docent-nano/1"`` in the ``docent.json`` of its folder; any other model gets
``rag.answer.generation.prompt``. The training data is made with this very function.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answer.generation.prompt import CountTokens, Message, Prompt, block, in_document_order
from rag.errors import RagError
from rag.text.markers import as_parentheses, strip_marks
from rag.text.sentences import cached_sentences
from rag.types import Passage, Turn

NANO_STYLE = "docent-nano/1"
PROMPT_TOKENS = 1000  # of an answer's prompt: what it was tuned with, and what a CPU reads in about a second
ANSWER_TOKENS = 128  # longest reply

ANSWER_TASK = "Answer the question from the passages. Cite them like [1]."

_PASSAGES = 5
_TURNS = 2  # earlier exchanges of an answer's prompt
ANSWER_CHARS = 320  # of an earlier answer, in whole sentences where possible
_HINT_CHARS = 240
_LEAST_CHARS = 160


@dataclass(frozen=True, slots=True)
class Hint:
    """The reader's verbatim answer and the ``Passage.number`` it stands in. ``start`` and ``end`` are positions in
    that passage's text; a passage that is too long is cut around them."""

    number: int
    start: int
    end: int


def build_nano_prompt(
    question: str,
    passages: Sequence[Passage],
    history: Sequence[Turn],
    hint: Hint | None,
    count_tokens: CountTokens,
    budget: int = PROMPT_TOKENS,
    *,
    refused: bool = False,
) -> Prompt:
    """The prompt of at most ``budget`` tokens. ``hint`` is None where there is no reader or it found nothing;
    ``refused`` says that it was asked and found nothing. Earlier exchanges beyond the last two are left out; then the
    least relevant passages, never the hinted one; then the other exchanges; then the passage is cut.

    Raises RagError when not even the question fits."""
    kept = _most_relevant([passage for passage in passages if passage.text.strip()], hint)
    turns = [turn for turn in history if turn.question.strip() and strip_marks(turn.answer)][-_TURNS:]
    found = next((p.text[hint.start : hint.end] for p in kept if hint and p.number == hint.number), "")
    while True:
        prompt = _assemble(question, kept, turns, hint, found, refused)
        excess = count_tokens(prompt.messages) - budget
        if excess <= 0:
            return prompt
        if len(kept) > 1:
            kept = kept[:-1]
        elif turns:
            turns = turns[1:]
        elif kept and len(kept[0].text) > _LEAST_CHARS:
            tokens = max(1, count_tokens([Message("user", kept[0].text)]))
            share = 1 - (excess + 8) / tokens
            kept = [_cut(kept[0], hint, max(_LEAST_CHARS, int(len(kept[0].text) * share)))]
            hint = _moved(hint, kept[0], found)
        else:
            raise RagError("The question is too long for the language model.", "Ask in fewer words.")


def hint_line(found: str, label: int | None, refused: bool = False) -> str:
    """What stands under the question; empty without a reader."""
    span = as_parentheses(_line(found))[:_HINT_CHARS].strip()
    if span and label is not None:
        return f"\nReader: {span} [{label}]"
    return "\nReader: nothing" if refused else ""


def shortened(text: str, limit: int) -> str:
    """The text in one line, its first whole sentences within ``limit`` characters, or its beginning."""
    text = _line(text)
    if len(text) <= limit:
        return text
    ends = [end for _, end in cached_sentences(text) if end <= limit]
    return text[: ends[-1]].strip() if ends else text[:limit].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"


def _line(text: str) -> str:
    return " ".join(text.split())


def _most_relevant(passages: Sequence[Passage], hint: Hint | None) -> list[Passage]:
    """Best first; the hinted one before all others."""
    named = hint.number if hint else None
    return sorted(passages, key=lambda p: (p.number != named, -p.score, p.number))[:_PASSAGES]


def _assemble(
    question: str, passages: Sequence[Passage], turns: Sequence[Turn], hint: Hint | None, found: str, refused: bool
) -> Prompt:
    labels = in_document_order(passages)
    system = "\n\n".join([ANSWER_TASK, *(block(label, passage) for label, passage in labels.items())])
    messages = [Message("system", system)]
    for turn in turns:
        answer = shortened(strip_marks(turn.answer), ANSWER_CHARS)
        messages += [Message("user", _line(turn.question)), Message("assistant", answer)]
    label = next((label for label, passage in labels.items() if hint and passage.number == hint.number), None)
    return Prompt((*messages, Message("user", _line(question) + hint_line(found, label, refused))), labels)


def _cut(passage: Passage, hint: Hint | None, limit: int) -> Passage:
    """About ``limit`` characters in whole sentences: from the beginning, or around the hint."""
    spans = cached_sentences(passage.text) or [(0, len(passage.text))]
    at = hint.start if hint and hint.number == passage.number else 0
    first = last = max((i for i, (start, _) in enumerate(spans) if start <= at), default=0)
    forward = backward = True
    while forward or backward:
        forward = last + 1 < len(spans) and spans[last + 1][1] - spans[first][0] <= limit
        last += forward
        backward = first > 0 and spans[last][1] - spans[first - 1][0] <= limit
        first -= backward
    start, end = spans[first][0], spans[last][1]
    if end - start > limit:  # one long sentence
        start = max(start, min(at - limit // 3, end - limit))
        end = start + limit
    if end - start == len(passage.text):
        end -= max(1, min(8, end - start - 1))  # always some progress
    return replace(passage, text=passage.text[start:end], start=passage.start + start, end=passage.start + end)


def _moved(hint: Hint | None, passage: Passage, found: str) -> Hint | None:
    """The hint where its words stand in the passage that was cut."""
    if hint is None or hint.number != passage.number or not found:
        return hint
    at = max(0, passage.text.find(found))
    return replace(hint, start=at, end=at + len(found))
