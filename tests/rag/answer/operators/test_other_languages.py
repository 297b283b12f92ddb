"""Tables are counted, filtered, compared and looked up for questions in German, French and Spanish."""

import pytest

from tests.rag.answer.operators.one_table import ask

ZIMMER = [
    ["Zimmer", "Etage", "Balkon", "Preis in Euro"],
    ["Ahorn", "1", "ja", "64"],
    ["Birke", "1", "nein", "58"],
    ["Eiche", "2", "ja", "82"],
    ["Linde", "3", "ja", "95"],
]
WERKZEUG = [
    ["Werkzeug", "Zustand", "Gewicht", "Pfand in Euro"],
    ["Bohrhammer", "gut", "6,5 kg", "80"],
    ["Heckenschere", "stumpf", "3,2 kg", "40"],
    ["Häcksler", "gut", "48 kg", "150"],
    ["Leiter", "gut", "11 kg", "30"],
]
ETAPES = [
    ["Étape", "Distance en km", "Hébergement", "Prix de la nuit"],
    ["Brémont", "38", "gîte", "41"],
    ["Carvelle", "57", "hôtel", "88"],
    ["Dolzac", "64", "gîte", "45"],
]
HABITACIONES = [
    ["Habitación", "Balcón", "Precio en euros"],
    ["Azul", "sí", "70"],
    ["Verde", "no", "55"],
    ["Roja", "sí", "84"],
]


@pytest.mark.parametrize(
    ("question", "rows", "said"),
    [
        ("Wie viele Zimmer haben einen Balkon?", ZIMMER, "3: Ahorn, Eiche, Linde."),
        ("Welche Zimmer haben keinen Balkon?", ZIMMER, "Birke"),
        ("Welche Zimmer kosten mehr als 80 Euro?", ZIMMER, "Eiche, Linde."),
        ("Welches Zimmer ist am teuersten?", ZIMMER, "Linde, Preis in Euro: 95"),
        ("Um wie viel ist das Zimmer Eiche teurer als Birke?", ZIMMER, "24 (Preis in Euro)"),
        ("Was kostet das Zimmer Linde?", ZIMMER, "Preis in Euro: 95."),
        ("Welche Werkzeuge sind stumpf?", WERKZEUG, "Heckenschere"),
        ("Wie viele Werkzeuge gibt es?", WERKZEUG, "4: Bohrhammer"),
        ("Welche Werkzeuge haben unter 50 Euro Pfand?", WERKZEUG, "Heckenschere, Leiter."),
        ("Quelles étapes font plus de 50 km ?", ETAPES, "Carvelle, Dolzac."),
        ("Combien d'étapes y a-t-il avec un gîte ?", ETAPES, "2: Brémont, Dolzac."),
        ("¿Cuántas habitaciones tienen balcón?", HABITACIONES, "2: Azul, Roja."),
        ("¿Qué habitaciones cuestan menos de 75 euros?", HABITACIONES, "Azul, Verde."),
    ],
)
def test_answers_from_a_table_in_its_own_language(question: str, rows: list[list[str]], said: str) -> None:
    answer = ask(question, rows)
    assert answer.answerer == "operators", answer.text
    assert said in answer.text


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("Wie viele Zimmer haben eine Badewanne?", ZIMMER),
        ("Welche Werkzeuge sind geliehen?", WERKZEUG),
        ("Wie viele Gäste waren im Zimmer Linde?", ZIMMER),
        ("Quelles étapes ont une piscine ?", ETAPES),
    ],
)
def test_what_the_table_does_not_say_is_left_to_others(question: str, rows: list[list[str]]) -> None:
    assert ask(question, rows).text == "not computed"
