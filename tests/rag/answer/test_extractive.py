"""The extractive answerer: right sentence, exact quotes, honest refusal."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.answer.extractive import MOST_SENTENCES, ExtractiveAnswerer
from rag.answer.refusal import NOT_FOUND
from rag.query.query import make_query
from rag.types import Answer, AnswerEvent, Document, Passage, TextDelta, Turn
from tests.rag.fakes import FakeEmbedder, ScriptedReader

LOVELACE = (
    "Ada Lovelace was an English mathematician. She was born in London on 10 December 1815. Her father was the poet "
    "Lord Byron. She published the first algorithm for the Analytical Engine because she saw its promise.\n\n"
    "Engineer | Role | Year\nBabbage | inventor | 1837\nMenabrea | author | 1842\n\n"
    "Her interests were:\n- music\n- horses\n- flying machines"
)
TEA = (
    "Green tea is made of leaves that are not fermented. Water for green tea should have 70 degrees. Oolong is "
    "fermented in part. Tea came to Portugal in the sixteenth century."
)


def document(number: int, title: str) -> Document:
    return Document(number, 1, f"/docs/{number}.txt", title, "text/plain", "ok", None, 1, 1, 1, "h", 0.0)


def passages(*texts: str, titles: Sequence[str] = ("Ada Lovelace", "Tea")) -> list[Passage]:
    return [
        Passage(n, document(n, titles[(n - 1) % len(titles)]), 50 * n, 50 * n + len(text), text, 1.0 / n)
        for n, text in enumerate(texts, start=1)
    ]


def ask(question: str, given_passages: Sequence[Passage]) -> tuple[Answer, list[AnswerEvent]]:
    events = list(ExtractiveAnswerer(FakeEmbedder(dimension=256)).answer(make_query(question), given_passages))
    answer = events[-1]
    assert isinstance(answer, Answer)
    return answer, events


def check(answer: Answer, events: Sequence[AnswerEvent], given_passages: Sequence[Passage]) -> None:
    """What holds for every answer."""
    assert all(isinstance(event, TextDelta) for event in events[:-1])
    assert "".join(event.text for event in events[:-1] if isinstance(event, TextDelta)) == answer.text
    assert answer.found == bool(answer.citations)
    assert len(answer.citations) <= MOST_SENTENCES
    by_document = {passage.document.id: passage for passage in given_passages}
    shown = [citation for event in events if isinstance(event, TextDelta) for citation in event.citations]
    assert shown == list(answer.citations)
    assert list(dict.fromkeys(c.number for c in shown)) == list(range(1, len({c.document_id for c in shown}) + 1))
    for citation in answer.citations:
        passage = by_document[citation.document_id]
        document_text = "\0" * passage.start + passage.text
        assert document_text[citation.start : citation.end] == citation.quote
        assert citation.document_id == passage.document.id
        assert f"[{citation.number}]" in answer.text
    if not answer.found:
        assert answer.text.startswith(NOT_FOUND)


@pytest.mark.parametrize(
    ("question", "quoted"),
    [
        ("When was Ada Lovelace born?", "10 December 1815"),
        ("Who was the father of Ada Lovelace?", "Lord Byron"),
        ("Why did Ada Lovelace publish the algorithm for the Analytical Engine?", "because she saw its promise"),
        ("How many degrees should water for green tea have?", "70 degrees"),
        ("When did tea come to Portugal?", "sixteenth century"),
    ],
)
def test_quotes_the_sentence_that_answers(question: str, quoted: str) -> None:
    given_passages = passages(LOVELACE, TEA)
    answer, events = ask(question, given_passages)
    check(answer, events, given_passages)
    assert answer.found
    assert any(quoted in citation.quote for citation in answer.citations)


@pytest.mark.parametrize(
    "question", ["What is the boiling point of tungsten?", "Who won the 1998 football championship in Peru?"]
)
def test_says_so_when_nothing_is_relevant(question: str) -> None:
    answer, events = ask(question, passages(LOVELACE, TEA))
    check(answer, events, [])
    assert not answer.found


@pytest.mark.parametrize("texts", [(), ("",), (" \n ",), ("...",)])
def test_no_text_no_answer(texts: tuple[str, ...]) -> None:
    answer, _ = ask("When was Ada Lovelace born?", passages(*texts))
    assert not answer.found


def test_a_list_is_quoted_with_the_sentence_that_announces_it() -> None:
    answer, _ = ask("What were the interests of Ada Lovelace?", passages(LOVELACE))
    assert any("horses" in citation.quote and "flying" in citation.quote for citation in answer.citations)


def test_a_list_asked_for_is_quoted_whole() -> None:
    text = "# Packing list\n\n- warm socks for the hike\n- a hiking map\n- water\n\nThe bus leaves at nine."
    answer, events = ask("List the things for the hike", passages(text, titles=("Packing list",)))
    check(answer, events, passages(text, titles=("Packing list",)))
    assert answer.text.startswith("- warm socks for the hike\n- a hiking map\n- water [1]")


def test_a_numbered_heading_is_not_an_answer() -> None:
    text = "3. Warranty\n\nThe contractor answers for the masonry for ten years.\n\n4. Cat\n\nThe cat inspects it."
    answer, _ = ask("What is the warranty in the contract?", passages(text, titles=("Contract",)))
    assert [citation.quote for citation in answer.citations] == [
        "The contractor answers for the masonry for ten years."
    ]


def test_headings_and_questions_are_not_answers() -> None:
    text = "# Warranty period\n\nHow long is the warranty period?\nThe warranty period is 24 months from purchase."
    answer, _ = ask("How long is the warranty period?", passages(text, titles=("Manual",)))
    assert [citation.quote for citation in answer.citations] == ["The warranty period is 24 months from purchase."]


@pytest.mark.parametrize("question", ["Summarise this document", "What is this about?", "Worum geht es hier?"])
def test_a_request_for_a_summary_is_never_refused(question: str) -> None:
    given_passages = passages(LOVELACE)
    answer, events = ask(question, given_passages)
    check(answer, events, given_passages)
    assert answer.found
    assert answer.citations[0].quote.startswith("Ada Lovelace was")


class CharacterEmbedder(FakeEmbedder):
    """Compares characters, for scripts without spaces."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return super().embed_query(" ".join(text))


def test_other_scripts_are_answered_too() -> None:
    text = "東京タワーは1958年に完成した。高さは333メートルである。"
    given_passages = passages(text, titles=("東京タワー",))
    events = list(ExtractiveAnswerer(CharacterEmbedder()).answer(make_query("東京タワーの高さは？"), given_passages))
    answer = events[-1]
    assert isinstance(answer, Answer)
    check(answer, events, given_passages)
    assert answer.found
    assert any("333" in citation.quote for citation in answer.citations)


def test_a_sentence_too_long_to_read_is_cut_around_the_words_asked_for() -> None:
    long = "word and more " * 30 + "the zirconium valve opens at nine bars " + "and yet other words " * 20
    given_passages = passages(long)
    answer, events = ask("When does the zirconium valve open?", given_passages)
    check(answer, events, given_passages)
    assert "zirconium valve" in answer.citations[0].quote
    assert len(answer.citations[0].quote) < len(long) / 2
    assert "…" in answer.text


def test_a_whole_book_as_one_passage_is_bearable() -> None:
    embedder = FakeEmbedder()
    book = "The ship sailed on and nothing happened that day. " * 20_000 + LOVELACE
    events = list(ExtractiveAnswerer(embedder).answer(make_query("When did the ship sail?"), passages(book)))
    assert isinstance(events[-1], Answer)
    assert embedder.passages_embedded < 100


def test_nothing_is_written_after_the_consumer_stops() -> None:
    stream = ExtractiveAnswerer(FakeEmbedder(dimension=256)).answer(
        make_query("When was Ada Lovelace born?"), passages(LOVELACE)
    )
    assert isinstance(next(stream), TextDelta)
    stream.close()  # type: ignore[attr-defined]
    assert list(stream) == []


_TEXT = st.text(alphabet="abcdeAB .!?\n|-:é漢。\"'", max_size=200)


@settings(max_examples=150, deadline=None)
@given(_TEXT, st.lists(_TEXT, max_size=4), st.floats(0, 1))
def test_any_question_and_any_passages_give_exact_quotes(
    question: str, texts: list[str], min_confidence: float
) -> None:
    given_passages = passages(*texts)
    answerer = ExtractiveAnswerer(FakeEmbedder(), min_confidence=min_confidence)
    events = list(answerer.answer(make_query(question), given_passages))
    answer = events[-1]
    assert isinstance(answer, Answer)
    check(answer, events, given_passages)


def quotes(question: str, *texts: str, titles: Sequence[str] = ("Notes",)) -> list[str]:
    answer, events = ask(question, passages(*texts, titles=titles))
    check(answer, events, passages(*texts, titles=titles))
    return [citation.quote for citation in answer.citations]


def test_the_best_sentence_comes_first_whatever_stands_before_it() -> None:
    text = "The soup simmers for a while with carrots. The soup freezes well for three months. Serve the soup hot."
    assert quotes("How long does the soup freeze well?", text)[0] == "The soup freezes well for three months."


def test_a_sentence_that_leans_back_is_quoted_with_the_one_before() -> None:
    text = "Elena Petrova joins in July. Her salary is 68,000 euros a year.\n\nThe room is called Curie."
    assert quotes("What is the salary of Elena Petrova?", text) == [
        "Elena Petrova joins in July. Her salary is 68,000 euros a year."
    ]


def test_below_a_question_the_whole_answer_is_quoted() -> None:
    text = (
        "**What does error E18 mean?**\nThe water cannot drain. Clean the filter.\n\n"
        "**What does error E23 mean?**\nWater has leaked. Close the tap."
    )
    assert quotes("What does error E18 mean?", text)[0] == "The water cannot drain. Clean the filter."
    assert quotes("What does error E23 mean?", text)[0] == "Water has leaked. Close the tap."


def test_a_list_asked_for_is_found_by_its_heading() -> None:
    text = "## Ingredients\n\n- 250 g lentils\n- 2 carrots\n\n## Method\n\nFry the carrots first."
    found = quotes("What ingredients does the soup have?", text, titles=("Soup",))
    assert found[0] == "- 250 g lentils\n- 2 carrots"


def test_a_row_answers_for_the_names_of_its_columns() -> None:
    text = "Honey by roof and year.\n\nRoof | Honey 2019 | Honey 2020\nGreen | 12.9 | 14.1\nGravel | 9.0 | 9.9"
    assert quotes("How much honey in 2020 on the gravel roof?", text)[0] == "Gravel | 9.0 | 9.9"


def test_a_line_in_capitals_and_the_title_are_no_answers() -> None:
    text = "SECURITY DEPOSIT, RETURN AND INTEREST\n\nThe security deposit is 1,065 pounds."
    assert quotes("How much is the security deposit?", text) == ["The security deposit is 1,065 pounds."]
    text = "Beekeeping in Rotterdam: a study\n\nThe beekeeping study was paid for by the Muller Foundation."
    assert quotes("Who paid for the beekeeping study?", text, titles=("Beekeeping in Rotterdam: a study",)) == [
        "The beekeeping study was paid for by the Muller Foundation."
    ]


def test_a_summary_is_of_the_document_that_is_named() -> None:
    policy = "Employees may work remotely three days a week."
    handbook = "The trustee holds the meeting in the usual room of the court."
    answer, _ = ask(
        "Summarise the remote work policy",
        passages(handbook, policy, handbook, handbook, titles=("Handbook", "Remote work policy", "Handbook", "Book")),
    )
    assert [citation.quote for citation in answer.citations] == [policy]


def test_a_slip_of_the_finger_does_not_hide_the_answer() -> None:
    text = "To reset the washing machine hold both buttons for five seconds."
    assert quotes("how to reset the washing machien", text) == [text]
    assert quotes("how to reset the washing mahcine", text) == [text]


def test_in_a_conversation_what_is_new_in_the_question_counts_most() -> None:
    text = "Hives on green roofs gained 14 kg of honey.\n\nFunding: the study was paid for by the Muller Foundation."
    question = "Who paid for the study regarding hives on green roofs?"
    history = [Turn("How much honey did hives on green roofs gain?", "14 kg")]
    *_, answer = ExtractiveAnswerer(FakeEmbedder(dimension=256)).answer(make_query(question, history), passages(text))
    assert isinstance(answer, Answer)
    assert answer.citations[0].quote == "Funding: the study was paid for by the Muller Foundation."


def test_the_steps_asked_for_are_quoted_together() -> None:
    text = "1. Fry the onion for the soup.\n2. Add lentils.\n3. Simmer."
    assert quotes("Give me the steps for the onion soup", text) == [text]
    text = "- A talk about the lens\n- Lighthouse Museum"
    assert quotes("What kind of lens does the talk show?", text) == ["A talk about the lens"]


def read(question: str, given_passages: Sequence[Passage], answers: dict[str, float]) -> Answer:
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader(answers))
    events = list(answerer.answer(make_query(question), given_passages))
    answer = events[-1]
    assert isinstance(answer, Answer)
    check(answer, events, given_passages)
    return answer


def test_the_sentence_that_the_reader_read_from_is_quoted_first_and_names_the_words() -> None:
    answer = read("What did she publish?", passages(LOVELACE, TEA), {"the first algorithm": 0.97})
    assert answer.found
    assert answer.citations[0].quote.startswith("She published the first algorithm")
    assert answer.span is not None
    assert answer.span.text == "the first algorithm"
    assert answer.citations[0].start <= answer.span.start < answer.span.end <= answer.citations[0].end
    assert answer.confidence is not None
    assert answer.confidence > 0.8


class ReadsAll(ScriptedReader):
    reads_any_language = True


@pytest.mark.parametrize(("sure", "found"), [(0.97, True), (0.3, False)])
def test_a_question_in_another_language_is_answered_where_the_reader_is_sure(sure: float, found: bool) -> None:
    reader = ReadsAll({"the first algorithm": sure})
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=reader)
    *_, answer = answerer.answer(make_query("Was hat sie damals als Erste veröffentlicht?"), passages(LOVELACE, TEA))
    assert isinstance(answer, Answer)
    assert answer.found is found
    if found:
        assert answer.citations[0].quote.startswith("She published the first algorithm")
        assert answer.confidence == sure
        assert answer.span is not None
        assert answer.span.text == "the first algorithm"


def test_a_sentence_that_names_nobody_is_quoted_with_the_one_before() -> None:
    diary = "Captain Brekke carves. He has made a chess set from the door of the hen house."
    answer = read("Who made the chess set?", passages(diary), {"a chess set": 0.6})
    assert answer.citations[0].quote.startswith("Captain Brekke carves. He has made a chess set")


def test_what_the_reader_doubts_is_refused_where_the_words_say_little_too() -> None:
    weak = read("Who won the 1998 football championship in Peru?", passages(LOVELACE, TEA), {"Lord Byron": 0.02})
    assert not weak.found
    assert weak.span is None
    assert weak.confidence is not None
    assert weak.confidence < 0.2


def test_a_quote_without_what_was_read_is_no_answer() -> None:
    answer = read("Which role did Menabrea have?", passages(LOVELACE), {"Lord Byron": 0.35})
    assert not answer.found
    sure = read("Which role did Menabrea have?", passages(LOVELACE), {"author": 0.9})
    assert sure.found
    assert "Menabrea | author | 1842" in sure.citations[0].quote


def test_a_sure_reading_answers_without_the_form_that_was_asked_for() -> None:
    text = "The apprenticeship lasts until the exam.\n\nPay: 850 in 3 years."
    answer = read("How long is the apprenticeship?", passages(text), {"until the exam": 0.95})
    assert answer.found
    assert answer.citations[0].quote == "The apprenticeship lasts until the exam."


def test_which_clause_says_something_is_told_by_words() -> None:
    text = "4. Keys are returned at the end. A late fee of forty crowns is added after ten days."
    answer = read("Which clause adds a late fee?", passages(text), {"Keys": 0.02})
    assert answer.found
    assert "A late fee of forty crowns" in answer.citations[0].quote


LAMP = (
    "Where a lamp is out of use for long, the harbour master is told 48 hours before.\n\n"
    "A great sea broke the pane in the night. We had her lit again in nineteen minutes."
)
LAMP_ROWS = "| what | how long |\n| lamp out of use | 48 hours |\n| lit again | nineteen minutes |"


def test_a_sure_reader_outweighs_words_that_match_in_running_text() -> None:
    sure = read("How long was the lamp out?", passages(LAMP), {"nineteen minutes": 0.95})
    assert sure.citations[0].quote.endswith("We had her lit again in nineteen minutes.")
    unsure = read("How long was the lamp out?", passages(LAMP), {"nineteen minutes": 0.1})
    assert not unsure.found, "48 hours, which the words suggest, would be false"
    rows = read("How long was the lamp out of use?", passages(LAMP_ROWS), {"nineteen minutes": 0.97})
    assert "48 hours" in rows.citations[0].quote


def test_a_reader_sure_of_another_day_is_overruled() -> None:
    log = "March 8, 2031: the lock gate was painted here.\n\n9/3/2031: the swans came back to us."
    answer = read("What happened on 2031-03-08?", passages(log), {"the swans came back": 0.97})
    assert [citation.quote for citation in answer.citations] == ["March 8, 2031: the lock gate was painted here."]


def test_an_overview_is_not_read() -> None:
    reader = ScriptedReader({"Lord Byron": 0.99})
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=reader)
    *_, answer = answerer.answer(make_query("Summarise this document"), passages(LOVELACE))
    assert isinstance(answer, Answer)
    assert answer.found
    assert answer.span is None
    assert reader.asked == []


def test_a_question_in_another_language_is_not_read() -> None:
    reader = ScriptedReader({"70 degrees": 0.99})
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=reader)
    list(answerer.answer(make_query("Wann kam der Tee nach Portugal?"), passages(TEA)))
    list(answerer.answer(make_query("お茶はいつポルトガルに来ましたか"), passages(TEA)))
    assert reader.asked == []
    list(answerer.answer(make_query("When did tea come to Portugal?"), passages(TEA)))
    assert len(reader.asked) == 1


BAKERY = "Los lunes la panadería está cerrada, y los domingos el horno se enciende a las cinco de la mañana."


@pytest.mark.parametrize(("sure", "found"), [(0.97, True), (0.3, False)])
def test_an_english_question_is_answered_by_a_text_in_another_language_where_the_reader_is_sure(
    sure: float, found: bool
) -> None:
    given_passages = passages(LOVELACE, BAKERY, titles=("Ada Lovelace", "Bakery"))
    answerer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=ScriptedReader({"lunes": sure}))
    *_, answer = answerer.answer(make_query("Which day does the shop stay shut?"), given_passages)
    assert isinstance(answer, Answer)
    assert answer.found is found
    assert not found or answer.text.startswith("Los lunes la panadería está cerrada")


def test_what_was_read_in_english_goes_before_other_languages() -> None:
    given_passages = passages(LOVELACE, BAKERY, titles=("Ada Lovelace", "Bakery"))
    reader = ScriptedReader({"London": 0.7, "lunes": 0.9})
    *_, answer = ExtractiveAnswerer(FakeEmbedder(dimension=256), reader=reader).answer(
        make_query("Where was Ada Lovelace born?"), given_passages
    )
    assert isinstance(answer, Answer)
    assert "She was born in London" in answer.text
