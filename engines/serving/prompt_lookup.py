"""Drafts the next tokens by prompt lookup: finds the last few tokens earlier in the same sequence.

Answers about documents quote them, so the continuation often stands in the prompt already (Saxena, "Prompt Lookup
Decoding", 2023). A draft is verified by the model in the same step as the next token; only what the model itself would
have written is kept, so drafts change speed and never the output. An index over the n-grams makes a look-up take
constant time. The length of a draft follows how the last ones fared, and each length of n-gram that misleads pauses for
a while that doubles with every miss, so that text without repetition costs next to nothing.
"""

from collections.abc import Sequence

NGRAMS = (4, 3, 2)  # longest first: a longer match is a better guess
FIRST_LENGTH = 4
LONGEST = 16
# Tokens that an n-gram length pauses for after its first miss. Two equal tokens follow each other in any text, four
# hardly ever but in a quotation.
FIRST_PAUSE = {4: 8, 3: 16, 2: 32}
LONGEST_PAUSE = 1024


class PromptLookup:
    """Drafts for one sequence. Call ``extend`` with every token that becomes final, in order."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._index: dict[tuple[int, ...], int] = {}  # n-gram -> position right behind its latest occurrence
        self._length = FIRST_LENGTH
        self._pause = dict(FIRST_PAUSE)  # how long each would pause after a miss
        self._resumes = dict.fromkeys(NGRAMS, 0)  # the position from which each may guess again
        self._used = NGRAMS[0]  # what the last draft was found by

    def extend(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            end = len(self._tokens)
            # The n-gram that ends here is entered one token late, so that a look-up never finds the sequence's own end.
            for n in NGRAMS:
                if end >= n:
                    self._index[tuple(self._tokens[end - n : end])] = end
            self._tokens.append(token)

    def draft(self, limit: int) -> list[int]:
        """Up to ``limit`` guessed tokens, often none."""
        end = len(self._tokens)
        for n in NGRAMS:
            if end < max(n, self._resumes[n]):
                continue
            found = self._index.get(tuple(self._tokens[end - n :]))
            if found is not None:
                self._used = n
                return self._tokens[found : found + min(limit, self._length)]
        return []

    def report(self, drafted: int, accepted: int) -> None:
        """Tells how the last draft fared, once the tokens that came of it are entered: the next ones grow, shrink or
        pause."""
        if not drafted:
            return
        if accepted == drafted:
            self._length = min(LONGEST, self._length * 2)
        elif accepted < drafted // 2:
            self._length = max(2, self._length // 2)
        if accepted:
            self._pause[self._used] = FIRST_PAUSE[self._used]
            return
        for n in NGRAMS:  # where a long match misleads, a shorter one at the same place would have as well
            if n <= self._used:
                self._resumes[n] = len(self._tokens) + self._pause[n]
                self._pause[n] = min(LONGEST_PAUSE, 2 * self._pause[n])
