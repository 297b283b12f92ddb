"""How the language of a text is told."""

import pytest

from rag.text.language import is_english, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie viele Stufen hat der Turm?", "de"),
        ("Combien coûte un billet pour un adulte ?", "fr"),
        ("Ile kosztuje bilet dla osoby dorosłej?", "pl"),
        ("Kulenin kaç basamağı var, biliyor musun?", "tr"),
        ("塔楼有多少级台阶？", "zh"),
        ("كم عدد درجات البرج؟", "ar"),
    ],
)
def test_the_language_of_a_question(text: str, language: str) -> None:
    assert language_of(text) == language
    assert not is_english(text)


@pytest.mark.parametrize(
    "text",
    ["How many steps does the tower have?", "gaming revenue", "Nora Dacre", "GR-022", "opening hours in July", ""],
)
def test_questions_and_keywords_in_english(text: str) -> None:
    assert is_english(text)
