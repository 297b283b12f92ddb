"""The marks of an answer: read from a stream however it is cut, written from parts."""

from hypothesis import given
from hypothesis import strategies as st

from rag.text.markers import AnswerPart, Marker, MarkerParser, joined, parts_of, strip_markers, word_by_word, written


def parsed(chunks: list[str]) -> tuple[str, list[int], list[str | Marker]]:
    parser = MarkerParser()
    pieces = [piece for chunk in chunks for piece in parser.feed(chunk)] + parser.close()
    text = "".join(f"[{piece.number}]" if isinstance(piece, Marker) else piece for piece in pieces)
    numbers = [piece.number for piece in pieces if isinstance(piece, Marker)]
    return text, list(dict.fromkeys(numbers)), pieces


@given(st.text(alphabet="a [1]2,;\n", max_size=40), st.data())
def test_markers_do_not_depend_on_how_the_stream_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, numbers, _ = parsed([text])
    assert parsed(chunks)[:2] == (whole, numbers)


def test_no_half_marker_is_ever_let_through() -> None:
    parser = MarkerParser()
    assert parser.feed("Tea is old [") == ["Tea is old "]
    assert parser.feed("1") == []
    assert parser.feed("2] and") == [Marker(12), " and"]
    assert parser.feed(" [not a marker]") == [" [not a marker]"]
    assert parser.feed(" [3") == [" "]
    assert parser.close() == ["[3"]


def test_one_bracket_may_hold_several_numbers() -> None:
    assert parsed(["a [1, 3]; b [1]."]) == (
        "a [1][3]; b [1].",
        [1, 3],
        ["a ", Marker(1), Marker(3), "; b ", Marker(1), "."],
    )
    assert strip_markers("Tea is old [1, 2].") == "Tea is old."


@given(st.text(alphabet="a [1]2,;?\n", max_size=60))
def test_parts_say_what_the_text_said(text: str) -> None:
    parts = parts_of(text)
    assert written(parts) == parsed([text])[0]
    assert written(word_by_word(parts)) == written(parts)
    assert joined(word_by_word(parts)) == joined(parts) == parts


def test_numbers_and_missing_support_are_fields_of_a_part() -> None:
    assert parts_of("It was long [1][2]. It was blue. [?] So") == (
        AnswerPart("It was long ", (1, 2)),
        AnswerPart(". It was blue.", supported=False),
        AnswerPart(" So"),
    )
    assert parts_of("") == ()
