"""The sequences of a beam search: they share the pages of what they have in common and go on together.

After each step of them all the best continuations are chosen, whose sequences take over the pages of those that they
continue: full pages are shared, the last one is copied where a beam is continued more than once.
"""

from collections.abc import Callable, Collection
from collections.abc import Sequence as Tokens

from engines.errors import RequestError
from engines.serving.beam_search import BeamSearch, Hypothesis
from engines.serving.detokenizer import Detokenizer
from engines.serving.generation import Alternative
from engines.serving.row_sampling import RowSampling
from engines.serving.sampling import SampledToken
from engines.serving.sampling_params import MOST_LOGPROBS, SamplingParams
from engines.serving.scheduler import Scheduler
from engines.serving.sequence import Sequence


class Beams:
    """``running`` begins with the sequence of the prompt; ``number`` gives further ones their ids. Raises RequestError
    where more continuations would be needed than a step gives."""

    def __init__(self, first: Sequence, end_tokens: Collection[int], number: Callable[[], int]) -> None:
        params = first.params
        ends = () if params.ignore_eos else end_tokens
        self._search = BeamSearch(params.num_beams, params.max_tokens, ends, params.length_penalty)
        wanted = self._search.continuations_wanted
        if wanted > MOST_LOGPROBS:
            raise RequestError(
                f"{params.num_beams} beams are too many for a model with {len(ends)} tokens that end an answer.",
                f"Set num_beams to {MOST_LOGPROBS - len(ends)} or fewer.",
            )
        self._params = SamplingParams(logprobs=wanted)
        self._number = number
        self._found: dict[int, tuple[tuple[int, float], ...]] = {}
        self.running = [first]
        first.beams = self.running

    def row(self, sequence: Sequence) -> RowSampling:
        """How the step's row of a beam is looked at."""
        return RowSampling(self._params, sequence.seed, sequence.length)

    def take(self, sequence: Sequence, sampled: SampledToken) -> bool:
        """Takes over what a step found for a beam; returns whether it is there for all."""
        sequence.in_flight -= 1
        self._found[sequence.id] = sampled.top
        return len(self._found) == len(self.running)

    def go_on(self, scheduler: Scheduler) -> list[tuple[int, int]] | None:
        """Chooses the next beams. Returns from which pages to which K and V are to be copied before the next step, or
        None where the search is over."""
        parents = self._search.advance([self._found[beam.id] for beam in self.running])
        self._found.clear()
        if self._search.done:
            return None
        first = self.running[0]
        children = self.running[: len(parents)]
        for _ in range(len(parents) - len(children)):
            children.append(Sequence(self._number(), first.prompt, first.params, first.seed, first.priority))
        copies = scheduler.reorder(self.running, parents, children)
        for child, beam in zip(children, self._search.beams, strict=True):
            child.generated, child.beams = list(beam.tokens), self.running
        self.running[:] = children
        return copies

    def alternatives(self, decode: Callable[[Tokens[int]], str]) -> tuple[Alternative, ...]:
        """The finished answers, the best one first."""
        return tuple(
            Alternative(_text(one, decode), one.tokens, one.logprob, one.reason) for one in self._search.hypotheses
        )


def _text(found: Hypothesis, decode: Callable[[Tokens[int]], str]) -> str:
    detokenizer = Detokenizer(decode)
    written = found.tokens[:-1] if found.reason == "stop" else found.tokens
    return "".join([*map(detokenizer.push, written), detokenizer.finish()])
