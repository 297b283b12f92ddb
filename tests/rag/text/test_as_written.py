"""A question in the spelling of the text that is read for it."""

import pytest

from rag.text.as_written import as_written

TEXT = (
    "Łukasz Sørensen of Müller & Søn owes 1.234,50 crowns since 12 May 2031 for AB-123 from DE44 5001 0517 5407. "
    "The keeper’s café pays 2,000."
)


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("What does Lukasz Sorensen owe?", "What does łukasz sørensen owe?"),
        ("Who owes 1234.50 crowns, and who 2000?", "Who owes 1.234,50 crowns, and who 2,000?"),
        ("Is Mueller a company?", "Is müller a company?"),
        ("Is Müller a company?", "Is Müller a company?"),
        ("What does the keeper's cafe pay?", "What does the keeper's café pay?"),
        ("What of AB123 and ab 123?", "What of AB-123 and ab 123?"),
        ("Whose account is DE44500105175407?", "Whose account is DE44 5001 0517 5407?"),
        ("Who owes since 2031-05-12?", "Who owes since 12 May 2031?"),
        ("Who owes money?", "Who owes money?"),
    ],
)
def test_words_and_numbers_take_the_form_of_the_text(question: str, written: str) -> None:
    assert as_written(question, TEXT) == written


def test_a_word_that_stands_in_both_forms_stays() -> None:
    assert as_written("Who is Lukasz?", "Łukasz is the cook, Lukasz the smith.") == "Who is Lukasz?"
