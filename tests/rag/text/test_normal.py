"""What counts as the same text in index, question and evidence, and where it stands."""

import pytest

from rag.query.query import dates_asked_for, words_of_dates
from rag.text.index_terms import index_terms, search_terms
from rag.text.normal import fold, normalized
from rag.text.numbers import value
from rag.text.words import words


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("ＧＸ－４４７１", "GX-4471"),
        ("ﾎﾟﾝﾌﾟ", "ポンプ"),
        ("٤٤٧١", "4471"),
        ("⽂件⽅法⻓", "文件方法长"),
        ("Haus\u00admeister\u200bbüro", "Hausmeisterbüro"),
        ("cafe\u0301", "café"),
        ("등대".encode().decode(), "등대"),
        ("\u1103\u1173\u11bc\u1103\u1162", "등대"),
        ("ﬁn", "fin"),
        ("م\u0640ركـز", "مركز"),
        ("שָׁלוֹם", "שלום"),
        ("10⁵ m²", "10^5 m2"),
        ("Hafen¹", "Hafen^1"),
        ("3½", "3 1/2 "),
    ],
)
def test_text_in_its_compared_form(written: str, typed: str) -> None:
    assert normalized(written).text == typed


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Łukasz Sørensen", "lukasz sorensen"),
        ("Þórsson", "thorsson"),
        ("Weiß", "weiss"),
        ("kızıl", "kizil"),
        ("ёлка", "елка"),
        ("Αθήνας", "αθηνασ"),
        ("أحمد", "احمد"),
        ("مدرسة", "مدرسه"),
        ("captain’s", "captain"),
    ],
)
def test_words_typed_as_ascii_or_in_another_variant(written: str, typed: str) -> None:
    assert fold(written) == typed


def test_letters_that_differ_in_cyrillic_stay_apart() -> None:
    assert fold("мой") != fold("мои")


def test_places_lead_back_to_the_original() -> None:
    text = "Der Haus\u00admeister­ hat 3½ ﬁne ＧＸ４４７１."
    assert [(word, text[start:end]) for word, start, end in words(text)] == [
        ("der", "Der"),
        ("hausmeister", "Haus\u00admeister"),
        ("hat", "hat"),
        ("3", "3"),
        ("1", "½"),
        ("2", "½"),
        ("fine", "ﬁne"),
        ("gx", "ＧＸ"),
        ("4471", "４４７１"),
    ]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1,234.50", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1 234,50", "1234.5"),
        ("1\u202f234.5", "1234.5"),
        ("2'615.20", "2615.2"),
        ("12,34,567", "1234567"),
        ("1.874,00", "1874"),
        ("1.234.567", "1234567"),
        ("0,125", "0.125"),
        ("3.5", "3.5"),
        ("2.10", "2.10"),
        ("12.05.2031", "12.05.2031"),
        ("192.168.17.40", "192.168.17.40"),
    ],
)
def test_numbers_by_value(written: str, number: str) -> None:
    assert value(written) == number
    assert words(f"over {written} crowns")[1] == (number, 5, 5 + len(written))


def test_a_space_between_digits_may_part_two_numbers() -> None:
    assert [word for word, _, _ in words("columns 100 200 here")] == ["columns", "100200", "100", "200", "here"]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("型番はKR-3510で", "KR3510"),
        ("型番はKR-3510で", "3510"),
        ("the pump GX4471", "GX-4471"),
        ("the pump GX4471", "4471"),
        ("the pump GX-4471", "GX4471"),
        ("call 090-1234", "0901234"),
        ("over 1.874,00 crowns", "1874"),
        ("over 3 118,75 crowns", "3,118.75"),
        ("Łukasz Müller", "Mueller"),
        ("Jens Højgaard", "Hojgaard"),
        ("IBAN DE89 3704 0044 0532 0130 00, paid", "DE89370400440532013000"),
        ("IBAN DE89370400440532013000", "DE89 3704 0044 0532 0130 00"),
        ("call +49 (30) 901820-12", "+493090182012"),
        ("the card 4111 1111 1111 1111.", "4111111111111111"),
    ],
)
def test_index_and_question_meet(text: str, question: str) -> None:
    assert set(search_terms(question)) & {*index_terms(text).split(), *text.lower().split()}


@pytest.mark.parametrize(
    "written",
    [
        "5 May 2031",
        "May 5th, 2031",
        "5. Mai 2031",
        "le 5 mai 2031",
        "5 de mayo de 2031",
        "05.05.2031",
        "5.5.31",
        "05/05/2031",
        "5-May-2031",
        "2031-05-05",
        "2031年5月5日",
        "٥ May ٢٠٣١",
    ],
)
def test_a_date_is_the_same_day_in_every_notation(written: str) -> None:
    assert "day20310505" in search_terms(f"What happened on {written}?")
    assert {"day20310505", "month203105"} <= set(index_terms(f"Inspected on {written}, all well.").split())


def test_months_days_in_either_order_and_what_is_no_date() -> None:
    assert "month203105" in search_terms("What happened in May 2031?")
    assert {"day20310506", "day20310605"} <= set(index_terms("on 05/06/2031").split())
    for other in ("192.168.17.2031", "pages 5 2031", "it was 2031", "on 45/06/2031 or 2031-17-80"):
        assert not [term for term in search_terms(other) if term.startswith(("day2", "month2"))]


def test_plain_text_adds_nothing_to_the_index() -> None:
    assert index_terms("The harbour master's naïve café closed in 2031.") == ""


def test_a_date_asked_for_is_known_in_another_notation() -> None:
    asked = dates_asked_for("Who inspected 12 ships on 5 May 2031?")
    assert asked == {"day20310505": frozenset({"5", "may", "2031"})}
    assert words_of_dates(asked, "Day: 2031-05-05 | What: Lamp") == {"5", "may", "2031"}
    assert words_of_dates(asked, "Day: 2031-05-06 | What: Lamp") == frozenset()
    assert words_of_dates(dates_asked_for("in May 2031"), "am 06.05.2031") == {"may", "2031"}
    assert words_of_dates(dates_asked_for("Who inspected ships?"), "am 06.05.2031") == frozenset()
