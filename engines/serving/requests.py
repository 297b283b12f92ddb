"""A request as the engine keeps it: a sequence, or the beams of a search, with what the scheduler need not know."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from engines.serving.beams import Beams
from engines.serving.detokenizer import Detokenizer
from engines.serving.generation import Delta, FinishReason, Generation, Metrics
from engines.serving.protocols import GrammarMatcher
from engines.serving.sampling import SampledToken
from engines.serving.sequence import Sequence


@dataclass(eq=False, slots=True)
class Request:
    """``beams`` go on from ``sequence``, if the answer is searched for; times are those of ``time.perf_counter``."""

    sequence: Sequence
    generation: Generation
    detokenizer: Detokenizer
    matcher: GrammarMatcher | None
    beams: Beams | None
    submitted: float
    started: float = 0.0
    first_token: float = 0.0
    cached: int = 0
    steps: int = 0
    drafted: int = 0
    accepted: int = 0
    unsent: list[SampledToken] = field(default_factory=list)

    @property
    def sequences(self) -> list[Sequence]:
        """All that hold pages."""
        return [self.sequence] if self.beams is None else list(self.beams.running)

    def take(self, chosen: SampledToken, eos_ids: Collection[int]) -> FinishReason | None:
        """Takes one sampled token over and hands out the text that is whole; returns why the answer ends with it, or
        None."""
        sequence = self.sequence
        if not self.first_token:
            self.first_token = time.perf_counter()
        sequence.generated.append(chosen.token)
        self.unsent.append(chosen)
        if chosen.token in eos_ids and not sequence.params.ignore_eos:
            return "stop"
        if self.matcher is not None:
            self.matcher.accept(chosen.token)
        text = self.detokenizer.push(chosen.token)
        if text:
            self.generation.put(Delta(text, tuple(self.unsent)))
            self.unsent.clear()
        if self.detokenizer.stopped or (self.matcher is not None and self.matcher.finished):
            return "stop"
        return "length" if len(sequence.generated) >= sequence.params.max_tokens else None

    @property
    def metrics(self) -> Metrics:
        now, count = time.perf_counter(), len(self.sequence.generated)
        first = self.first_token or now
        return Metrics(
            prompt_tokens=len(self.sequence.prompt),
            cached_tokens=self.cached,
            generated_tokens=count,
            queue_s=(self.started or now) - self.submitted,
            ttft_s=first - self.submitted,
            tpot_s=(now - first) / (count - 1) if count > 1 else 0.0,
            latency_s=now - self.submitted,
            steps=self.steps,
            drafted_tokens=self.drafted,
            accepted_tokens=self.accepted,
            preemptions=self.sequence.preemptions,
        )
