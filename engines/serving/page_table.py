"""The page table assigns pages of the KV pool to the tokens of sequences.

A page holds ``PAGE_TOKENS`` tokens. A full page is found by a hash over all tokens from the start of the sequence to
the page's end, so that sequences with the same beginning share it (vLLM calls this automatic prefix caching). A page
nobody refers to stays findable until its space is needed; the least recently used one is taken first. Only full pages
are shared, so a page is never written by two sequences.

Every change is asked for before it is made: ``can_extend`` answers whether ``extend`` will succeed, and ``extend``
either happens whole or raises before anything changed. All calls take constant time per page. Not thread-safe: one
scheduler owns it.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from engines.errors import EngineError
from engines.page_size import PAGE_TOKENS


@dataclass(eq=False, slots=True)
class SequencePages:
    """The pages of one sequence, in order. ``length`` counts tokens with room reserved in them; the first ``sealed``
    pages are full, hashed and shareable, the last of their hashes is ``digest``."""

    pages: list[int] = field(default_factory=list)
    length: int = 0
    sealed: int = 0
    digest: bytes = b""


class PageTable:
    """Reference counts, sharing and eviction for a pool of ``num_pages`` pages of ``PAGE_TOKENS`` tokens."""

    def __init__(self, num_pages: int, *, share: bool = True) -> None:
        if num_pages < 1:
            raise EngineError(f"A KV cache of {num_pages} pages holds nothing.", "Give it at least one page.")
        self.num_pages = num_pages
        self._share = share
        self._free: deque[int] = deque(range(num_pages))
        self._references = [0] * num_pages
        self._digest_of: list[bytes | None] = [None] * num_pages
        self._page_of: dict[bytes, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # findable, unreferenced; oldest first

    @property
    def available(self) -> int:
        """Pages that can be handed out now, by eviction where needed."""
        return len(self._free) + len(self._idle)

    @property
    def used(self) -> int:
        """Pages that sequences refer to."""
        return self.num_pages - self.available

    def cached_prefix(self, tokens: Sequence[int]) -> int:
        """How many leading tokens lie in shared pages already. At least one token is always left to compute."""
        return len(self._matching_pages(tokens)) * PAGE_TOKENS

    def _matching_pages(self, tokens: Sequence[int]) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        if not self._share:
            return found
        digest = b""
        for start in range(0, (len(tokens) - 1) // PAGE_TOKENS * PAGE_TOKENS, PAGE_TOKENS):
            digest = _page_digest(digest, tokens[start : start + PAGE_TOKENS])
            page = self._page_of.get(digest)
            if page is None:
                break
            found.append((page, digest))
        return found

    def open(self, tokens: Sequence[int]) -> SequencePages:
        """A sequence that begins with whatever pages of ``tokens`` are known. Takes no new page, so it cannot fail."""
        sequence = SequencePages()
        for page, digest in self._matching_pages(tokens):
            self._retain(page)
            sequence.pages.append(page)
            sequence.digest = digest
        sequence.sealed = len(sequence.pages)
        sequence.length = sequence.sealed * PAGE_TOKENS
        return sequence

    def pages_needed(self, sequence: SequencePages, tokens: int) -> int:
        """New pages that ``extend`` by ``tokens`` would take."""
        return -(-(sequence.length + tokens) // PAGE_TOKENS) - len(sequence.pages)

    def room(self, sequence: SequencePages) -> int:
        """The most tokens that ``extend`` would take."""
        return (self.available + len(sequence.pages)) * PAGE_TOKENS - sequence.length

    def can_extend(self, sequence: SequencePages, tokens: int) -> bool:
        return self.pages_needed(sequence, tokens) <= self.available

    def extend(self, sequence: SequencePages, tokens: int) -> tuple[int, ...]:
        """Reserves room for ``tokens`` more tokens and returns the slot of each, page * PAGE_TOKENS + offset. Raises
        EngineError, with nothing changed, when pages lack."""
        if not self.can_extend(sequence, tokens):
            raise EngineError(
                f"The KV cache lacks {self.pages_needed(sequence, tokens) - self.available} pages.",
                "Ask can_extend first, or configure a larger cache.",
            )
        slots = []
        for position in range(sequence.length, sequence.length + tokens):
            if position // PAGE_TOKENS == len(sequence.pages):
                sequence.pages.append(self._take())
            slots.append(sequence.pages[position // PAGE_TOKENS] * PAGE_TOKENS + position % PAGE_TOKENS)
        sequence.length += tokens
        return tuple(slots)

    def fork(self, sequence: SequencePages) -> tuple[SequencePages, tuple[int, int] | None]:
        """Another sequence with the same tokens so far. Full pages are shared; of a last one that is not full a copy is
        needed, before either is written: returns from which page to which. Takes a page then; ask ``available``."""
        whole = sequence.length // PAGE_TOKENS
        child = SequencePages(sequence.pages[:whole], sequence.length, sequence.sealed, sequence.digest)
        for page in child.pages:
            self._retain(page)
        if whole == len(sequence.pages):
            return child, None
        child.pages.append(self._take())
        return child, (sequence.pages[whole], child.pages[whole])

    def seal(self, sequence: SequencePages, tokens: Sequence[int]) -> None:
        """Makes full pages findable once their K and V are written. ``tokens`` are the sequence's tokens from its
        start, as many as are computed and final; a drafted token that may yet be rejected does not belong in it."""
        assert len(tokens) <= sequence.length, "sealing tokens without room for them"
        if not self._share:
            return
        while (sequence.sealed + 1) * PAGE_TOKENS <= len(tokens):
            start = sequence.sealed * PAGE_TOKENS
            sequence.digest = _page_digest(sequence.digest, tokens[start : start + PAGE_TOKENS])
            page = sequence.pages[sequence.sealed]
            # Two sequences may have computed the same page at the same time: the first stays the findable one.
            if self._digest_of[page] is None and sequence.digest not in self._page_of:
                self._digest_of[page] = sequence.digest
                self._page_of[sequence.digest] = page
            sequence.sealed += 1

    def truncate(self, sequence: SequencePages, length: int) -> None:
        """Gives up the room beyond ``length`` tokens (rejected drafts)."""
        assert sequence.sealed * PAGE_TOKENS <= length <= sequence.length, "truncating into sealed pages"
        while len(sequence.pages) * PAGE_TOKENS >= length + PAGE_TOKENS:
            self._release(sequence.pages.pop())
        sequence.length = length

    def close(self, sequence: SequencePages) -> None:
        """Ends the sequence; pages that nobody else uses become free, or findable if they are sealed."""
        # Last page first, so that eviction takes the end of a prefix before its beginning.
        while sequence.pages:
            self._release(sequence.pages.pop())
        sequence.length = sequence.sealed = 0
        sequence.digest = b""

    def _take(self) -> int:
        if self._free:
            page = self._free.popleft()
        else:
            page, _ = self._idle.popitem(last=False)
            digest = self._digest_of[page]
            assert digest is not None, "an idle page without a hash"
            del self._page_of[digest]
            self._digest_of[page] = None
        self._references[page] = 1
        return page

    def _retain(self, page: int) -> None:
        if self._references[page] == 0:
            del self._idle[page]
        self._references[page] += 1

    def _release(self, page: int) -> None:
        self._references[page] -= 1
        assert self._references[page] >= 0, f"page {page} released twice"
        if self._references[page] == 0:
            if self._digest_of[page] is None:
                self._free.append(page)
            else:
                self._idle[page] = None


def _page_digest(before: bytes, tokens: Sequence[int]) -> bytes:
    return blake2b(before + np.asarray(tokens, dtype=np.int64).tobytes(), digest_size=16).digest()
