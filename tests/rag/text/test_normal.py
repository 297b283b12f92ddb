"""What counts as the same text in index, question and evidence, and where it stands."""

import pytest

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
    ],
)
def test_index_and_question_meet(text: str, question: str) -> None:
    assert set(search_terms(question)) & {*index_terms(text).split(), *text.lower().split()}


def test_plain_text_adds_nothing_to_the_index() -> None:
    assert index_terms("The harbour master's naïve café closed in 2031.") == ""
