"""The page table against a plain model of it: every invariant after every step of random workloads."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engines.errors import EngineError
from engines.page_size import PAGE_TOKENS
from engines.serving.page_table import PageTable, SequencePages

POOL = 12


@dataclass(eq=False)  # two sequences may hold the same tokens
class ModelSequence:
    """What a sequence should read back: its tokens, and the table's view of it."""

    pages: SequencePages
    tokens: list[int] = field(default_factory=list)
    computed: int = 0


class PageTableMachine(RuleBasedStateMachine):
    """Writes token numbers into a simulated pool; a sequence must always read its own tokens back through its pages."""

    def __init__(self) -> None:
        super().__init__()
        self.table = PageTable(POOL)
        self.pool: dict[int, int] = {}
        self.sequences: list[ModelSequence] = []

    @rule(base=st.integers(0, 2), length=st.integers(1, 80), own=st.booleans())
    def open(self, base: int, length: int, own: bool) -> None:
        tokens = [base * 1000 + i for i in range(length)]
        if own:
            tokens[-1] = -len(self.sequences) - 1
        promised = self.table.cached_prefix(tokens)
        pages = self.table.open(tokens)
        assert pages.length == promised < length
        self.sequences.append(ModelSequence(pages, tokens, computed=promised))

    @precondition(lambda self: self.sequences)
    @rule(data=st.data(), count=st.integers(0, 40))
    def compute(self, data: st.DataObject, count: int) -> None:
        sequence = data.draw(st.sampled_from(self.sequences))
        count = min(count, len(sequence.tokens) - sequence.computed)
        before = (list(sequence.pages.pages), sequence.pages.length, self.table.available)
        if not self.table.can_extend(sequence.pages, count):
            with pytest.raises(EngineError):
                self.table.extend(sequence.pages, count)
            assert before == (list(sequence.pages.pages), sequence.pages.length, self.table.available)
            return
        slots = self.table.extend(sequence.pages, count)
        assert len(set(slots)) == count
        for slot in slots:
            self.pool[slot] = sequence.tokens[sequence.computed]
            sequence.computed += 1
        self.table.seal(sequence.pages, sequence.tokens[: sequence.computed])

    @precondition(lambda self: self.sequences)
    @rule(data=st.data(), token=st.integers(5000, 5003))
    def generate(self, data: st.DataObject, token: int) -> None:
        sequence = data.draw(st.sampled_from(self.sequences))
        sequence.tokens.append(token)

    @precondition(lambda self: self.sequences)
    @rule(data=st.data(), drop=st.integers(1, 30))
    def reject_drafts(self, data: st.DataObject, drop: int) -> None:
        sequence = data.draw(st.sampled_from(self.sequences))
        if not self.table.can_extend(sequence.pages, drop):
            return
        length = sequence.pages.length
        slots = self.table.extend(sequence.pages, drop)
        for slot in slots:
            self.pool[slot] = -99
        self.table.truncate(sequence.pages, length)

    @precondition(lambda self: self.sequences)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(self.sequences))
        self.sequences.remove(sequence)
        self.table.close(sequence.pages)

    @invariant()
    def every_sequence_reads_its_own_tokens(self) -> None:
        for sequence in self.sequences:
            assert sequence.pages.length == sequence.computed
            for position in range(sequence.computed):
                page = sequence.pages.pages[position // PAGE_TOKENS]
                assert self.pool[page * PAGE_TOKENS + position % PAGE_TOKENS] == sequence.tokens[position]

    @invariant()
    def counts_agree(self) -> None:
        holders = Counter(page for sequence in self.sequences for page in sequence.pages.pages)
        assert self.table.used == len(holders)
        assert self.table.used + self.table.available == POOL
        for sequence in self.sequences:
            pages = sequence.pages.pages
            assert len(pages) == len(set(pages)) == -(-sequence.pages.length // PAGE_TOKENS)
            if sequence.pages.length % PAGE_TOKENS:
                assert holders[pages[-1]] == 1, "a page with room left in it is nobody else's"

    def teardown(self) -> None:
        for sequence in self.sequences:
            self.table.close(sequence.pages)
        assert self.table.available == POOL


TestPageTable = PageTableMachine.TestCase
TestPageTable.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_closed_prefix_is_found_again_until_its_pages_are_needed() -> None:
    table = PageTable(4)
    tokens = list(range(40))
    first = table.open(tokens)
    table.extend(first, 40)
    table.seal(first, tokens)
    table.close(first)
    assert table.cached_prefix(tokens) == 32
    other = table.open([900])
    table.extend(other, 33)  # takes the two never used or unsealed pages and evicts one
    assert table.cached_prefix(tokens) == 16, "the end of a prefix goes before its beginning"


def test_sharing_can_be_switched_off() -> None:
    table = PageTable(4, share=False)
    tokens = list(range(20))
    sequence = table.open(tokens)
    table.extend(sequence, 20)
    table.seal(sequence, tokens)
    table.close(sequence)
    assert table.cached_prefix(tokens) == 0


def test_an_empty_pool_is_refused() -> None:
    with pytest.raises(EngineError, match="0 pages"):
        PageTable(0)
