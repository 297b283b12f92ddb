"""Holds the state of one request in the engine: its tokens, its pages and how far it is computed.

The scheduler moves it between states; the engine appends tokens and drafts.
"""

from dataclasses import dataclass, field
from enum import Enum

from engines.serving.page_table import SequencePages
from engines.serving.prompt_lookup import PromptLookup
from engines.serving.sampling_params import SamplingParams

INTERACTIVE, BACKGROUND = 0, 1


class State(Enum):
    WAITING = "waiting"  # holds no pages
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(eq=False, slots=True)
class Sequence:
    """``computed`` counts the tokens whose K and V lie in the pages. ``drafts`` are guesses of the tokens behind the
    last known one, which the model may verify in the next step."""

    id: int
    prompt: tuple[int, ...]
    params: SamplingParams
    seed: int
    priority: int = BACKGROUND
    arrival: int = 0  # scheduler step at which it arrived
    generated: list[int] = field(default_factory=list)
    pages: SequencePages = field(default_factory=SequencePages)
    computed: int = 0
    state: State = State.WAITING
    preemptions: int = 0
    lookup: PromptLookup | None = None
    drafts: tuple[int, ...] = ()

    @property
    def tokens(self) -> list[int]:
        return [*self.prompt, *self.generated]

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.generated)

    @property
    def pending(self) -> int:
        """Known tokens that are not computed yet; 1 while decoding, more while prefilling."""
        return self.length - self.computed

    def slice(self, start: int, stop: int) -> list[int]:
        """``tokens[start:stop]`` without building the whole list."""
        split = len(self.prompt)
        if start >= split:
            return self.generated[start - split : stop - split]
        return [*self.prompt[start:stop], *self.generated[: max(0, stop - split)]]
