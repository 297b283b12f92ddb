"""The prompts that docent-nano was tuned for: answering with the reader's hint, rewriting, titles, summaries.

    system   one line that names the task, then the passages as [1] [2] ... (answers only), in document order
    ...      earlier exchanges, numbers of passages taken out
    user     the question; under it what the reader found, if there is a reader

A model asks for these prompts by ``"prompt": "docent-nano/1"`` in the ``docent.json`` of its folder; any other model
gets ``rag.answer.prompt``. The training data is made with these very functions. Knows no model; it is told how to
count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answer.prompt import CountTokens, Message, Prompt, block, in_document_order
from rag.errors import RagError
from rag.text.markers import as_parentheses, strip_marks
from rag.text.sentences import cached_sentences
from rag.text.words import content_stems
from rag.types import Passage, Turn

NANO_STYLE = "docent-nano/1"
PROMPT_TOKENS = 1000  # of an answer's prompt: what it was tuned with, and what a CPU reads in about a second
ANSWER_TOKENS, REWRITE_TOKENS, TITLE_TOKENS, SUMMARY_TOKENS = 128, 64, 20, 128  # longest replies

ANSWER_TASK = "Answer the question from the passages. Cite them like [1]."
REWRITE_TASK = "Rewrite the last question so that it can be understood alone."
TITLE_TASK = "Write a short title for this conversation."
SUMMARY_TASK = "Summarise the passage in two sentences."

_PASSAGES = 5
_TURNS = 2  # earlier exchanges of an answer's prompt
_REWRITE_TURNS = 4
_ANSWER_CHARS = 320  # of an earlier answer, in whole sentences where possible
_HINT_CHARS = 240
_SUMMARY_CHARS = 2400
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


def rewrite_prompt(question: str, history: Sequence[Turn]) -> tuple[Message, ...]:
    """Asks for a follow-up as a question that stands alone. The reply is the question and nothing else."""
    turns = [turn for turn in history if turn.question.strip()]
    turns = [*turns[:1], *turns[1:][-(_REWRITE_TURNS - 1) :]]
    lines = []
    for turn in turns:
        lines.append(f"Q: {_line(turn.question)}")
        if answer := shortened(strip_marks(turn.answer), _ANSWER_CHARS):
            lines.append(f"A: {answer}")
    return Message("system", REWRITE_TASK), Message("user", "\n".join([*lines, f"Q: {_line(question)}"]))


def title_prompt(turn: Turn) -> tuple[Message, ...]:
    """Asks for a conversation's title of a few words, from its first exchange."""
    lines = [f"Q: {_line(turn.question)}"]
    if answer := shortened(strip_marks(turn.answer), _ANSWER_CHARS):
        lines.append(f"A: {answer}")
    return Message("system", TITLE_TASK), Message("user", "\n".join(lines))


def summary_prompt(where: str, text: str) -> tuple[Message, ...]:
    """Asks for two sentences. ``where`` is the document's title, with headings behind it (``Title > Heading``)."""
    passage = shortened(text, _SUMMARY_CHARS)
    return Message("system", SUMMARY_TASK), Message("user", f"{_line(where)}\n{passage}" if where.strip() else passage)


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
        answer = shortened(strip_marks(turn.answer), _ANSWER_CHARS)
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


def title_from(reply: str, turn: Turn) -> str | None:
    """The reply to ``title_prompt`` as far as the exchange bears it out: a subject in front that was made up goes, and
    None is returned where any other word of the title was said by nobody."""
    said = set(content_stems(f"{turn.question} {turn.answer}"))
    title = _line(reply).rstrip(".")
    subject, colon, rest = title.partition(": ")
    if colon and not set(content_stems(subject)) <= said:
        title = rest
    known = set(content_stems(title))
    return title[0].upper() + title[1:] if known and known <= said else None
