"""rag.answer.reading over a scripted reader: windows of long passages, positions in the passage, the best first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag.answer.reading import WINDOW, find_spans, tidied, windows_of
from rag.text.sentences import cached_sentences
from rag.types import Chunk, Hit, Passage, Reading, Span
from tests.rag.fakes import ScriptedReader, a_document, a_reading


def passage(text: str, number: int = 1, start: int = 0) -> Passage:
    return Passage(number, a_document(number), start, start + len(text), text, 1.0 / number)


@dataclass
class Counting(ScriptedReader):
    reads_any_language = False

    longest: int = 0

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.longest = max(self.longest, *(len(p.text) for p in passages))
        assert all(p.end - p.start == len(p.text) for p in passages)
        return super().read(question, passages)


def test_an_answer_at_the_end_of_a_long_passage_is_found_at_its_place() -> None:
    text = "Nothing happened that day. " * 150 + "The key is under the mat. " + "Nobody came. " * 20
    reader = Counting({"under the mat": 0.9})
    (best, *_) = find_spans("where is the key", [passage(text, start=500)], reader)
    assert best.span.text == text[best.span.start - 500 : best.span.end - 500] == "under the mat"
    assert reader.longest <= WINDOW


def test_the_surest_answer_comes_first() -> None:
    reader = ScriptedReader({"blue": 0.3, "green": 0.8})
    found = find_spans("colour", [passage("The door is blue."), passage("The door is green.", 2)], reader)
    assert [(each.span.text, each.confidence) for each in found] == [("green", 0.8), ("blue", 0.3)]


def test_nothing_to_read_finds_nothing() -> None:
    reader = ScriptedReader({})
    assert find_spans("colour", [], reader) == []
    assert find_spans("colour", [passage(" \n ")], reader) == []
    assert find_spans("colour", [passage("...")], reader) == []


def test_a_span_ends_within_its_paragraph_and_without_marks() -> None:
    text = "- five years.\n\n5. The cat"
    assert text[slice(*tidied(text, 0, 16))] == "five years"


@given(st.text(alphabet="ab .!?\n|-", max_size=3000))
def test_every_sentence_lies_in_one_window(text: str) -> None:
    windows = [(window.start - 70, window.end - 70) for window in windows_of(passage(text, start=70))]
    for start, end in cached_sentences(text):
        assert sum(first <= start and end <= last for first, last in windows) == 1
    assert all(end <= start for (_, end), (start, _) in pairwise(windows))


def test_a_passage_is_read_in_the_chunks_it_was_merged_from() -> None:
    text = "One is here. Two is between. Three is there. Rest."
    chunks = [
        Chunk(1, n, 500 + text.index(part), 500 + text.index(part) + len(part), part, ("Head", part))
        for n, part in enumerate(("One is here.", "Three is there."))
    ]
    merged = replace(passage(text, start=500), hits=tuple(Hit(chunk, a_document(), 1.0) for chunk in chunks))
    windows = windows_of(merged)
    assert [window.text for window in windows] == ["One is here.", "Two is between.", "Three is there.", "Rest."]
    assert [window.heading_path for window in windows] == [
        ("Head", "One is here."),
        (),
        ("Head", "Three is there."),
        (),
    ]
    assert all(text[w.start - 500 : w.end - 500] == w.text for w in windows)
    (best, *_) = find_spans("?", [merged], ScriptedReader({"there": 0.9}))
    assert text[best.span.start - 500 : best.span.end - 500] == best.span.text == "there"


def test_chunks_beyond_the_end_of_a_passage_that_was_cut_are_not_read() -> None:
    text = "One is here. Two is there."
    chunk = Chunk(1, 0, 0, len(text), text)
    cut = replace(passage(text[:12]), hits=(Hit(chunk, a_document(), 1.0),))
    assert [window.text for window in windows_of(cut)] == ["One is here."]


def test_what_the_reranker_read_is_not_read_again() -> None:
    text = "One is here. Two is there."
    chunk = Chunk(1, 0, 0, 12, text[:12])
    known = a_reading(Span(1, 0, 3, "One"), 0.9)
    reader = Counting({"Two": 0.5})
    found = find_spans("?", [replace(passage(text), hits=(Hit(chunk, a_document(), 1.0, reading=known),))], reader)
    assert [(each.span.text, each.confidence) for each in found] == [("One", 0.9), ("Two", 0.5)]
    assert reader.longest == len("Two is there.")
