"""The scheduler decides which tokens of which sequences the next step computes (in-flight batching).

A step has a token budget. Decodes come first, one token each and their drafts; what is left of the budget goes to
chunks of prefill, so that a long prompt never makes the others wait for more than one step. When pages run out, the
least urgent sequence gives all of its own back and is computed again later (its pages often still lie in the cache).
The beams of a search are sequences that go on together; the pages they may need are set aside when the search begins.
The scheduler is not thread-safe: the engine's loop owns it.
"""

from collections import deque
from dataclasses import dataclass

from engines.errors import RequestError
from engines.page_size import PAGE_TOKENS
from engines.serving.page_table import PageTable, SequencePages
from engines.serving.sequence import Sequence, State

# Steps between two looks at a request that did not fit, if nothing became free meanwhile: the hashes of a long prompt
# take as long as a small model's step.
_LOOK_AGAIN = 16
# A background request that has waited for so many steps counts as interactive: nobody starves.
PATIENCE = 256


@dataclass(frozen=True, slots=True)
class ScheduledSequence:
    """One sequence's share of a step: its tokens ``[start, start + count)``, then ``drafts`` to be verified.
    ``samples``: its last token is among them, so that its logits give the next one."""

    sequence: Sequence
    pages: SequencePages
    start: int
    count: int
    drafts: tuple[int, ...]
    slots: tuple[int, ...]  # one for each token and draft
    samples: bool


@dataclass(frozen=True, slots=True)
class SchedulerOutput:
    """What one step computes."""

    scheduled: tuple[ScheduledSequence, ...]


class Scheduler:
    """A step has at most ``token_budget`` tokens, drafts included; at most ``max_running`` sequences hold pages. Drafts
    are verified while at most ``max_drafting`` sequences run."""

    def __init__(
        self, table: PageTable, *, token_budget: int = 512, max_running: int = 64, max_drafting: int = 4
    ) -> None:
        if token_budget < max_running:
            raise RequestError(
                f"A token budget of {token_budget} is below the {max_running} sequences that may decode at once.",
                "Raise the budget or lower max_running.",
            )
        self._table = table
        self._budget = token_budget
        self._max_running = max_running
        self._max_drafting = max_drafting
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._refused = (0, 0, 0)  # the sequence that did not fit, pages and running sequences at that moment
        self._step = 0
        self._set_aside = 0  # pages that others than beams of a search must leave

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def add(self, sequence: Sequence) -> None:
        """Queues a sequence. Raises RequestError when it could never fit."""
        self.check_fits(sequence)
        sequence.arrival = self._step
        self._waiting.append(sequence)

    def check_fits(self, sequence: Sequence) -> None:
        """Raises RequestError when a sequence's tokens, or those of its beams, could never be held at once."""
        prompt, params = len(sequence.prompt), sequence.params
        capacity = self._table.num_pages * PAGE_TOKENS
        fits = prompt + params.max_tokens <= capacity
        if params.num_beams > 1:
            fits = sequence.most_pages <= self._table.num_pages and params.num_beams <= self._max_running
        if not fits:
            beams = f" in {params.num_beams} beams" if params.num_beams > 1 else ""
            raise RequestError(
                f"The prompt of {prompt} tokens and an answer of {params.max_tokens}{beams} do not fit into the KV "
                f"cache of {capacity} tokens.",
                "Shorten them or configure a larger cache.",
            )

    def finish(self, sequence: Sequence) -> None:
        """Takes a sequence out wherever it stands (finished or cancelled); its pages are free at once."""
        if sequence.state is State.RUNNING:
            self._running.remove(sequence)
        elif sequence.state is State.WAITING:
            self._waiting.remove(sequence)
        self._table.close(sequence.pages)
        sequence.state = State.FINISHED

    def schedule(self) -> SchedulerOutput:
        """Plans a step and reserves its slots."""
        self._step += 1
        self._set_aside = self._pages_set_aside()
        scheduled: list[ScheduledSequence] = []
        budget = self._budget
        for sequence in sorted(self._running, key=self._urgency):
            if sequence.pending != 1 or sequence.exhausted or sequence.state is not State.RUNNING:
                continue
            decode = self._schedule_decode(sequence, budget)
            if decode is not None:
                scheduled.append(decode)
                budget -= 1 + len(decode.drafts)
        for sequence in sorted(self._running, key=self._urgency):
            if sequence.pending > 1 and budget > 0 and sequence.state is State.RUNNING:
                budget -= self._schedule_prefill(sequence, budget, scheduled)
        for sequence in sorted(self._waiting, key=self._urgency):
            width = sequence.params.num_beams
            if budget <= 0 or self._places_taken + width > self._max_running or sequence.in_flight:
                break
            if not self._admit(sequence):
                break
            budget -= self._schedule_prefill(sequence, budget, scheduled)
        return SchedulerOutput(tuple(scheduled))

    def launched(self, scheduled: ScheduledSequence) -> None:
        """Counts the tokens of a step under way as computed, and the one that it samples as known to come, so that the
        next step can be planned. After drafts that is not known, and the step is completed first."""
        if not scheduled.drafts:
            scheduled.sequence.computed = scheduled.start + scheduled.count
            scheduled.sequence.in_flight += scheduled.samples

    def complete(self, scheduled: ScheduledSequence, accepted: int = 0) -> None:
        """Marks the tokens of a step computed, ``accepted`` of the drafts included, and gives the room of the rejected
        ones back. The engine has appended what it sampled before."""
        sequence = scheduled.sequence
        if sequence.state is not State.RUNNING or sequence.pages is not scheduled.pages:
            return
        computed = scheduled.start + scheduled.count + accepted
        if scheduled.drafts:
            sequence.computed = computed
            self._table.truncate(sequence.pages, computed)
        self._table.seal(sequence.pages, sequence.slice(0, computed))

    def reorder(self, beams: list[Sequence], parents: list[int], children: list[Sequence]) -> list[tuple[int, int]]:
        """Has ``children`` go on from beams, each from that with its number in ``parents``; what stands in both lists
        stays, what is in ``beams`` alone ends. Returns from which pages to which K and V are to be copied."""
        held = [beam.pages for beam in beams]
        computed, arrival = beams[0].computed, beams[0].arrival
        for number, pages in enumerate(held):
            if number not in parents:
                self._table.close(pages)
        copies, taken = [], set()
        given: list[SequencePages] = []
        for parent in parents:
            pages, copy = (held[parent], None) if parent not in taken else self._table.fork(held[parent])
            taken.add(parent)
            given.append(pages)
            copies += [copy] if copy else []
        for beam in beams:
            if beam not in children:
                beam.pages, beam.state = SequencePages(), State.FINISHED
                self._running.remove(beam)
        for child, pages in zip(children, given, strict=True):
            if child.state is not State.RUNNING:
                child.state = State.RUNNING
                self._running.append(child)
            child.pages, child.computed, child.arrival = pages, computed, arrival
        return copies

    def _urgency(self, sequence: Sequence) -> tuple[int, int, int]:
        overdue = self._step - sequence.arrival > PATIENCE
        return (0 if overdue else sequence.priority, sequence.arrival, sequence.id)

    def _schedule_decode(self, sequence: Sequence, budget: int) -> ScheduledSequence | None:
        while not self._can_extend(sequence, 1):
            # Scheduled sequences are more urgent than this one, so the victim is never among them.
            victim = self._victim()
            self._preempt(victim)
            if victim is sequence:
                return None
        # Every other running sequence may still need its one token of the budget.
        limit = min(budget - self._max_running, self._budget // 4)
        drafts = sequence.drafts[: max(0, limit)] if len(self._running) <= self._max_drafting else ()
        if not self._can_extend(sequence, 1 + len(drafts)):
            drafts = ()
        slots = self._table.extend(sequence.pages, 1 + len(drafts))
        return ScheduledSequence(sequence, sequence.pages, sequence.computed, 1, drafts, slots, samples=True)

    def _schedule_prefill(self, sequence: Sequence, budget: int, scheduled: list[ScheduledSequence]) -> int:
        """Adds the next chunk of a sequence's known tokens; returns how many."""
        while not scheduled and not self._can_extend(sequence, 1):
            victim = self._victim()
            if victim is sequence:
                return 0
            self._preempt(victim)
        kept = 0 if sequence.beams else self._set_aside * PAGE_TOKENS
        count = min(sequence.pending, budget, self._table.room(sequence.pages) - kept)
        if count <= 0:
            return 0
        slots = self._table.extend(sequence.pages, count)
        samples = count == sequence.pending
        scheduled.append(ScheduledSequence(sequence, sequence.pages, sequence.computed, count, (), slots, samples))
        return count

    def _admit(self, sequence: Sequence) -> bool:
        """Gives a waiting sequence the pages of its known prefix, if the rest of it fits as well, and a page for each
        running one to grow into: without it the newcomer would soon be preempted and computed again."""
        refused, available, running = self._refused
        unchanged = refused == sequence.id and self._table.available <= available and len(self._running) >= running
        if unchanged and self._step % _LOOK_AGAIN:
            return False
        pages = self._table.open(sequence.tokens)
        if sequence.beams:
            needed = sequence.most_pages - len(pages.pages)
        else:
            needed = self._table.pages_needed(pages, sequence.length + 1 - pages.length)
        if needed + len(self._running) > self._table.available - self._set_aside:
            self._table.close(pages)
            self._refused = (sequence.id, self._table.available, len(self._running))
            return False
        self._waiting.remove(sequence)
        self._running.append(sequence)
        sequence.pages, sequence.computed, sequence.state = pages, pages.length, State.RUNNING
        if sequence.beams:
            self._set_aside += needed
        return True

    @property
    def _places_taken(self) -> int:
        """Running sequences, those counted that searches will have."""
        searches = {id(one.beams): one.params.num_beams for one in self._running if one.beams}
        return sum(not one.beams for one in self._running) + sum(searches.values())

    def _pages_set_aside(self) -> int:
        """What running searches may still take."""
        total = 0
        for beams in {id(one.beams): one.beams for one in self._running if one.beams}.values():
            held = {page for beam in beams for page in beam.pages.pages}
            total += max(0, beams[0].most_pages - len(held))
        return total

    def _can_extend(self, sequence: Sequence, tokens: int) -> bool:
        kept = 0 if sequence.beams else self._set_aside
        return self._table.pages_needed(sequence.pages, tokens) <= self._table.available - kept

    def _victim(self) -> Sequence:
        """The least urgent running sequence that is no beam of a search; who asks is one of these."""
        return max((one for one in self._running if not one.beams), key=self._urgency)

    def _preempt(self, sequence: Sequence) -> None:
        self._running.remove(sequence)
        self._table.close(sequence.pages)
        sequence.computed = 0
        sequence.state = State.WAITING
        sequence.preemptions += 1
        self._waiting.appendleft(sequence)
