"""Sentence spans: what counts as one sentence, and the invariants any text keeps."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text.sentences import MAX_SENTENCE, is_list_item, is_table_row, skip_marker, split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Dr. J. R. Smith met Mr. Brown of Acme Inc. on Jan. 5.",
        "It cost $3.14 at www.example.com/a.b, i.e. less than before.",
        'He said "Stop!" and left.',
        "The U.S. Army has approx. 3.5 million items.",
        "See Fig. 3 and pp. 12 for details.",
        "Am 3. Oktober wurde, z. B. in Bonn, gefeiert.",
        "A paragraph that was wrapped by an editor after some seventy\ncharacters goes on in the next line.",
    ],
)
def test_one_sentence_stays_whole(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('She said "Go." He went.', ['She said "Go."', "He went."]),
        ("It grew.[12] The end came.", ["It grew.[12]", "The end came."]),
        ("They lived in the U.S. The war was over.", ["They lived in the U.S.", "The war was over."]),
        ("He loved art. The rest bored him.", ["He loved art.", "The rest bored him."]),
        ("今天很好。我们去公园！好吗？", ["今天很好。", "我们去公园！", "好吗？"]),
        ("هل هذا جيد؟ نعم.", ["هل هذا جيد؟", "نعم."]),
        ("यह अच्छा है। वह गया।", ["यह अच्छा है।", "वह गया।"]),
        ("- first item\n- second item\n1. third item", ["- first item", "- second item", "1. third item"]),
        ("Name | Age\nAnn | 3\nBob | 4", ["Name | Age", "Ann | 3", "Bob | 4"]),
        ("# Heading\nBody text.\n\nMore", ["# Heading", "Body text.", "More"]),
        ("a = 1;\nb = 2;", ["a = 1;", "b = 2;"]),
        (
            "no capitals. just notes, e.g. this one. done",
            ["no capitals.", "just notes, e.g. this one.", "done"],
        ),
        ("First line\r\n\r\nSecond line", ["First line", "Second line"]),
        ("", []),
        (" \n\t\n ", []),
    ],
)
def test_boundaries(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet=string.ascii_letters + string.digits + " .!?\n\r\t\"'()[]|-#:;,。؟।…é\u2028\x85", max_size=400))
def test_spans_are_ordered_trimmed_and_lose_nothing(text: str) -> None:
    spans = split_sentences(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert not text[position:start].strip(), "only white space lies between sentences"
        assert text[start:end] == text[start:end].strip()
        assert end - start <= MAX_SENTENCE
        position = end
    assert not text[position:].strip()


def test_an_endless_sentence_is_cut_where_it_hurts_least() -> None:
    clause = "and so the clause went on without a full stop, "
    pieces = sentences(clause * 100)
    assert all(len(piece) <= MAX_SENTENCE for piece in pieces)
    assert all(piece.endswith(",") for piece in pieces)
    assert "".join(sentences("x" * 5000)) == "x" * 5000


@pytest.mark.parametrize("unit", ["Word. ", "a.b.", ".", "((([", "\n", "A. ", "\t-", "1. "])
def test_long_hostile_text_is_split(unit: str) -> None:
    text = unit * 50_000
    spans = split_sentences(text)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


def test_markers_and_rows() -> None:
    text = "- item\n2) other\nA | B"
    (item, other, row) = split_sentences(text)
    assert text[skip_marker(text, *item) : item[1]] == "item"
    assert text[skip_marker(text, *other) : other[1]] == "other"
    assert is_list_item(text, *item)
    assert not is_list_item(text, *row)
    assert is_table_row(text, *row)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Subtotal        245.00\nVAT 20%          49.00", ["Subtotal        245.00", "VAT 20%          49.00"]),
        ("host: localhost\nport: 8443", ["host: localhost", "port: 8443"]),
        ("Flour 500 g (80% strong white, 20% wholemeal)\nWater 350 g\nSalt 10 g", None),
    ],
)
def test_lines_of_columns_of_settings_and_of_plain_lists_are_units(text: str, units: list[str] | None) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == (units or text.splitlines())


@pytest.mark.parametrize("mark", ["**", "_", ""])
def test_a_question_in_bold_type_ends_at_its_line(mark: str) -> None:
    text = f"{mark}How often should I clean the filter of the washing machine?{mark}\nEvery three months."
    assert [text[start:end] for start, end in split_sentences(text)] == text.splitlines()
