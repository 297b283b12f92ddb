"""Holds the state of one request in the engine: its tokens, its pages and how far it is computed.

The scheduler moves it between states; the engine appends tokens and drafts.
"""

from dataclasses import dataclass, field
from enum import Enum

from engines.page_size import PAGE_TOKENS
from engines.serving.page_table import SequencePages
from engines.serving.prompt_lookup import PromptLookup
from engines.serving.sampling_params import SamplingParams

INTERACTIVE, BACKGROUND = 0, 1
UNKNOWN = -1  # stands for a token that a step under way will sample


class State(Enum):
    WAITING = "waiting"  # holds no pages
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(eq=False, slots=True)
class Sequence:
    """``computed`` counts the tokens whose K and V lie in the pages, or will when the steps under way are done;
    ``in_flight`` those that these steps sample, behind the ``generated`` ones. ``drafts`` are guesses of the tokens
    behind them, which the model may verify in the next step."""

    id: int
    prompt: tuple[int, ...]
    params: SamplingParams
    seed: int
    priority: int = BACKGROUND
    arrival: int = 0  # scheduler step at which it arrived
    generated: list[int] = field(default_factory=list)
    pages: SequencePages = field(default_factory=SequencePages)
    computed: int = 0
    in_flight: int = 0
    state: State = State.WAITING
    preemptions: int = 0
    lookup: PromptLookup | None = None
    beams: "list[Sequence] | None" = None  # all running beams of a search, this one among them
    drafts: tuple[int, ...] = ()

    @property
    def tokens(self) -> list[int]:
        return [*self.prompt, *self.generated]

    @property
    def length(self) -> int:
        """Tokens, those in flight included."""
        return len(self.prompt) + len(self.generated) + self.in_flight

    @property
    def pending(self) -> int:
        """Tokens that are not computed yet; 1 while decoding, more while prefilling."""
        return self.length - self.computed

    @property
    def most_pages(self) -> int:
        """Pages that a beam search may need at once: the prompt's full ones, and each beam's own."""
        whole, rest = divmod(len(self.prompt), PAGE_TOKENS)
        return whole + self.params.num_beams * -(-(rest + self.params.max_tokens) // PAGE_TOKENS)

    @property
    def exhausted(self) -> bool:
        """Whether the steps under way sample the last token that was asked for."""
        return len(self.generated) + self.in_flight >= self.params.max_tokens

    def slice(self, start: int, stop: int) -> list[int]:
        """``tokens[start:stop]`` without building the whole list; UNKNOWN for those in flight."""
        split = len(self.prompt)
        if start >= split:
            found = self.generated[start - split : stop - split]
        else:
            found = [*self.prompt[start:stop], *self.generated[: max(0, stop - split)]]
        return found + [UNKNOWN] * (min(stop, self.length) - start - len(found))
