"""A code is the same with a hyphen, with a space and with nothing between its parts."""

import pytest

from rag.text.codes import codes_of, words_of_codes
from rag.text.index_terms import index_terms, search_terms


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("AB-123", "Part AB 123 is here."),
        ("AB 123", "Part ab123 is here."),
        ("QX77B", "Valve QX 77 B fits."),
        ("B 12", "flat: B12 | deposit: 870"),
        ("B-12", "flat: B 12 | deposit: 870"),
        ("DE44500105175407324931", "The account DE44 5001 0517 5407 3249 31 is hers."),
        ("DE44 5001 0517 5407 3249 31", "The account de44500105175407324931 is hers."),
        ("0221-5550103", "Call 0221 5550103."),
        ("contract 2031-0045", "Contract 2031/0045 was signed."),
    ],
)
def test_a_code_is_known_however_it_is_written(asked: str, written: str) -> None:
    stems = codes_of(f"What about {asked}?")
    assert stems and words_of_codes(stems, written) == frozenset().union(*stems.values())
    indexed = set(index_terms(written).split()) | set(written.lower().replace(".", " ").split())
    assert indexed & set(search_terms(f"What about {asked}?"))


@pytest.mark.parametrize("written", ["flat B 123", "flat AB 12", "flat B 12.5", "flat B 13", "1B 12"])
def test_another_code_is_another(written: str) -> None:
    assert words_of_codes(codes_of("the deposit of flat B12"), written) == frozenset()


@pytest.mark.parametrize("text", ["A 12 month lease", "EUR 50 at 5 PM", "NO 7 or 8", "3.5 m for 1,250.50 crowns"])
def test_words_in_front_of_numbers_are_no_codes(text: str) -> None:
    assert codes_of(text) == {}


def test_a_word_of_a_hundred_thousand_signs_is_little_work() -> None:
    for long in ("9" * 100_000, "0a" * 50_000, "x" * 100_000 + "1"):
        assert "ab12" in index_terms(f"{long} AB-12 {long}").split()
