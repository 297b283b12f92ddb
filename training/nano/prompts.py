"""The prompts of docent-nano's tasks beside answering: rewriting a follow-up, a title, a summary.

The application answers with ``rag.answer.generation.small_model_prompt`` and does these tasks by rules; the model
learns them all.
"""

from collections.abc import Sequence

from rag.answer.generation.prompt import Message
from rag.answer.generation.small_model_prompt import ANSWER_CHARS, shortened
from rag.text.markers import strip_marks
from rag.types import Turn

REWRITE_TASK = "Rewrite the last question so that it can be understood alone."
TITLE_TASK = "Write a short title for this conversation."
SUMMARY_TASK = "Summarise the passage in two sentences."
REWRITE_TOKENS, SUMMARY_TOKENS = 64, 128  # longest replies

_REWRITE_TURNS = 4
_SUMMARY_CHARS = 2400


def rewrite_prompt(question: str, history: Sequence[Turn]) -> tuple[Message, ...]:
    """Asks for a follow-up as a question that stands alone. The reply is the question and nothing else."""
    turns = [turn for turn in history if turn.question.strip()]
    turns = [*turns[:1], *turns[1:][-(_REWRITE_TURNS - 1) :]]
    lines = []
    for turn in turns:
        lines.append(f"Q: {one_line(turn.question)}")
        if answer := shortened(strip_marks(turn.answer), ANSWER_CHARS):
            lines.append(f"A: {answer}")
    return Message("system", REWRITE_TASK), Message("user", "\n".join([*lines, f"Q: {one_line(question)}"]))


def title_prompt(turn: Turn) -> tuple[Message, ...]:
    """Asks for a conversation's title of a few words, from its first exchange."""
    lines = [f"Q: {one_line(turn.question)}"]
    if answer := shortened(strip_marks(turn.answer), ANSWER_CHARS):
        lines.append(f"A: {answer}")
    return Message("system", TITLE_TASK), Message("user", "\n".join(lines))


def summary_prompt(where: str, text: str) -> tuple[Message, ...]:
    """Asks for two sentences. ``where`` is the document's title, with headings behind it (``Title > Heading``)."""
    passage = shortened(text, _SUMMARY_CHARS)
    return Message("system", SUMMARY_TASK), Message(
        "user", f"{one_line(where)}\n{passage}" if where.strip() else passage
    )


def one_line(text: str) -> str:
    return " ".join(text.split())
