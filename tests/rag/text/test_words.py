"""The words of index, question and evidence."""

from rag.text.index_terms import pairs, search_terms
from rag.text.words import match, stem, words


def test_search_terms() -> None:
    assert search_terms("What did Apple's 10-Q for 2022-06 tell about the AB-1234?") == [
        "apple",
        "10-q",
        "10q",
        "2022-06",
        "202206",
        "2022",
        "ab-1234",
        "ab1234",
        "1234",
    ]
    assert search_terms("What's that?") == ["what's", "that"]


def test_pairs_of_scripts_without_spaces() -> None:
    assert pairs("in 北京市, 大 and Tokyo") == ["北京", "京市", "大"]
    assert pairs("nothing to do") == []
    assert pairs("서울 시내") == ["서울", "시내"]


def test_words_with_their_places() -> None:
    assert words("The café's 1,234 佐々木さん") == [
        ("the", 0, 3),
        ("cafe", 4, 10),
        ("1234", 11, 16),
        ("佐々", 17, 19),
        ("々木", 18, 20),
        ("木さ", 19, 21),
        ("さん", 20, 22),
    ]


def test_plurals_without_an_ending_match() -> None:
    assert match(stem("child"), {stem("children")}) == match(stem("feet"), {stem("foot")}) == 1.0
    assert match(stem("child"), {stem("adults")}) == 0.0
