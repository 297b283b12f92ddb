"""Exact citations, markers in a stream, support of a sentence by a passage."""

from hypothesis import given
from hypothesis import strategies as st

from rag.answer.citations import citation_for, support
from rag.answer.evidence_weights import evidence_weights
from rag.types import Document, Passage, Place

DOCUMENT = Document(7, 1, "/docs/tea.txt", "Tea", "text/plain", "ok", None, 1, 1, 1, "h", 0.0)


def passage(text: str, start: int = 0) -> Passage:
    return Passage(3, DOCUMENT, start, start + len(text), text, 0.5, ("History",), page=2, start_s=1.5)


@given(st.text(min_size=1, max_size=80), st.text(max_size=40), st.data())
def test_quote_is_the_exact_span_of_the_document(text: str, before: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    document_text = before + text
    citation = citation_for(passage(text, len(before)), start, end)
    assert document_text[citation.start : citation.end] == citation.quote == text[start:end]


def test_page_and_time_come_from_where_the_quote_begins() -> None:
    asked: list[tuple[int, int]] = []

    def locate(document_id: int, start: int) -> Place:
        asked.append((document_id, start))
        return Place(9, 42.0, "vii")

    citation = citation_for(passage("Green tea is not fermented.", 100), 6, 9, locate, score=0.25)
    assert asked == [(7, 106)]
    assert (citation.page, citation.page_label, citation.start_s, citation.score) == (9, "vii", 42.0, 0.25)
    assert (citation.number, citation.source, citation.title) == (3, "/docs/tea.txt", "Tea")
    without = citation_for(passage("Green tea."), 0, 5)
    assert (without.page, without.start_s, without.score) == (2, 1.5, 0.5)


def test_support_tells_what_a_passage_says_from_what_it_does_not() -> None:
    source = passage(
        "Tea reached Portugal in the sixteenth century. Catherine of Braganza drank 12 cups of it daily in 1662."
    )
    said = support("Catherine of Braganza drank tea daily [1].", source)
    invented_number = support("Catherine of Braganza drank 40 cups daily [1].", source)
    unrelated = support("Coffee houses spread through Vienna and Paris.", source)
    assert said > 0.9
    assert unrelated < evidence_weights().supported
    assert invented_number < evidence_weights().supported < said
    assert support("[1]", source) == 0.0
