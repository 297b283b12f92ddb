"""Has a language model name a conversation after its first answer."""

import re

from rag.answer.generation.generative import TextGenerator
from rag.answer.generation.prompt import Message
from rag.answer.generation.thoughts import spoken
from rag.query.titles import LONGEST_TITLE

_TOKENS = 24
_ANSWER = 600  # characters of it that the model reads
_ASKED = (
    "Question: {question}\n\nAnswer: {answer}\n\nWrite a title of three to six words for this conversation, in the "
    "language of the question. Reply with the title alone."
)
_LEAD = re.compile(r"^(?:title|titel)\s*:\s*", re.IGNORECASE)
_AROUND = " \t\"'“”„«»`*_#.:"


def title_of(question: str, answer: str, generator: TextGenerator) -> str | None:
    """The title; None where the model says nothing that could be one."""
    asked = Message("user", _ASKED.format(question=question[:_ANSWER], answer=answer[:_ANSWER]))
    said = "".join(spoken(generator.stream([asked], _TOKENS))).strip()
    line = _LEAD.sub("", said.partition("\n")[0].strip(_AROUND)).strip(_AROUND)
    words = len(line.split())
    is_title = 1 < words <= 12 and len(line) <= LONGEST_TITLE and any(letter.isalpha() for letter in line)
    return line if is_title else None
