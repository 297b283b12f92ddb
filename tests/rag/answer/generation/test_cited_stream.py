"""The text that is shown does not depend on how the model's stream was cut, and loses nothing."""

import re
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.answer.generation.cited_stream import CitedStream, best_quote
from rag.text.markers import written
from tests.rag.answer.two_passages import PASSAGES, TOWER

LABELS = dict(enumerate(PASSAGES, start=1))
FRAGMENTS = [
    "The tower is 330 metres high",
    "Dr. Eiffel designed it",
    "It eats krill, e.g. four tonnes",
    "Napoleon financed the scaffolding",
    "I could not find this",
    "The passages do not mention it",
    ". ", ".", "! ", "? ", "\n", "\n\n- ", ": ", " ", "  ", " [1]", "[2]", " [1, 2]", " [9]", "[", "] ", "[1", "蓝鲸。",
    "…",     "approx. 5 km", "etc. The", "A", " x" * 30, "y" * 60,
]  # fmt: skip


def shown(text: str, cuts: list[int]) -> tuple[str, list[str]]:
    stream = CitedStream(LABELS)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    parts = [part for a, b in pairwise(places) for part in stream.feed(text[a:b])]
    parts += stream.close()
    return written(parts), [citation.quote for citation in stream.citations]


def bare(text: str) -> str:
    """Without references, marks and white space."""
    return re.sub(r"\s", "", re.sub(r"\[\d{1,3}(?: ?[,;] ?\d{1,3})*\]", "", text.replace("[?]", "")))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.lists(st.integers(0, 10**6), max_size=30))
@example("The tower is 330 metres high. It eats krill.", list(range(50)))
@example("etc. The.A", [])
def test_nothing_of_the_text_is_lost_and_every_reference_has_its_citation(text: str, cuts: list[int]) -> None:
    out, quotes = shown(text, cuts)
    assert bare(out) == bare(text)
    assert len(re.findall(r"\[\d{1,3}\]", out)) == len(quotes)


# Where these stand, what follows decides whether a sentence ends, and it may come later.
LOOKING_AHEAD = ("approx", "etc", "y", "[1", "\n")
STEADY = [fragment for fragment in FRAGMENTS if not fragment.startswith(LOOKING_AHEAD)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(STEADY), max_size=10).map("".join),
    st.lists(st.integers(0, 10**6), max_size=30),
)
def test_the_cuts_do_not_matter(text: str, cuts: list[int]) -> None:
    whole, _ = shown(text, [])
    assert shown(text, cuts)[0] == whole


def test_the_quote_is_the_sentence_that_shares_most() -> None:
    start, end = best_quote("It was opened in the year 1889", TOWER)
    assert TOWER[start:end] == "The Eiffel Tower was opened in 1889."
