"""Which answers a request gets of those that were generated for it: all, the best of several, or what beams found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.api.openai.requests import ChatBody, CompletionBody
from engines.errors import RequestError
from engines.serving.generation import Finished
from engines.serving.sampling import SampledToken


@dataclass(frozen=True, slots=True)
class Answer:
    """A text with its tokens and its end."""

    text: str
    tokens: Sequence[SampledToken]
    end: Finished


def generations_wanted(body: ChatBody | CompletionBody) -> int:
    """For each prompt. Raises RequestError for numbers that do not go together."""
    best_of = body.best_of if isinstance(body, CompletionBody) else None
    if body.num_beams > 1 and body.n > body.num_beams:
        raise RequestError(f"{body.num_beams} beams give no {body.n} answers.", "Lower n or raise num_beams.")
    if best_of is not None and (best_of < body.n or body.num_beams > 1):
        raise RequestError(f"best_of is {best_of}.", "It must be at least n, and left out with num_beams above 1.")
    several = body.num_beams > 1 and body.n > 1
    if body.stream and (several or (best_of or 1) > 1):
        raise RequestError("Which answers are the best is known at their end.", "Leave stream out, or set n to 1.")
    if body.num_beams > 1:
        return 1
    return body.n if best_of is None else best_of


def returned(body: ChatBody | CompletionBody, generated: Sequence[Answer]) -> list[Answer]:
    """What is returned of all prompts' answers, which follow each other, prompt by prompt."""
    if body.num_beams > 1:
        return [
            Answer(one.text, (), Finished(one.reason, replace(found.end.metrics, generated_tokens=len(one.tokens))))
            for found in generated
            for one in found.end.alternatives[: body.n]
        ]
    wanted = generations_wanted(body)
    if wanted == body.n:
        return list(generated)
    return [
        one
        for first in range(0, len(generated), wanted)
        for one in sorted(generated[first : first + wanted], key=_logprob_of_a_token, reverse=True)[: body.n]
    ]


def _logprob_of_a_token(answer: Answer) -> float:
    """The mean; tokens were asked for theirs."""
    values = [token.logprob for token in answer.tokens if token.logprob is not None]
    return sum(values) / max(1, len(values))
