"""Answers of a scripted language model: citations, refusals, unsupported sentences, whatever way the stream is cut."""

import random
from collections.abc import Generator, Iterator, Sequence

import pytest

from rag.answer.generation.generative import GenerativeAnswerer
from rag.answer.generation.prompt import Message
from rag.answer.generation.repetition import without_repetition
from rag.answer.generation.thoughts import spoken, thoughts_apart
from rag.answer.refusal import NOT_FOUND
from rag.query.query import make_query
from rag.text.markers import AnswerPart
from rag.types import Answer, AnswerEvent, Passage, Query, TextDelta, ThoughtDelta, Turn
from tests.rag.answer.two_passages import PASSAGES, passage


class Scripted:
    """Says ``reply`` in pieces of random lengths and remembers what it was asked and whether it was closed."""

    name = "scripted"
    context = 2000
    tokens_s = 1000.0  # of prompts

    def __init__(self, reply: str, seed: int = 0) -> None:
        self.reply, self.seed = reply, seed
        self.messages: Sequence[Message] = ()
        self.closed = False
        self.sent = 0

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) + 4 for message in messages)

    def tokens_within(self, seconds: float) -> int:
        return int(self.tokens_s * seconds)

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        self.messages = messages
        chance = random.Random(self.seed)
        try:
            while self.sent < len(self.reply):
                step = chance.choice((0, 1, 2, 3, 7, 20)) if self.seed else 5
                self.sent += step
                yield self.reply[self.sent - step : self.sent]
        finally:
            self.closed = True


def ask(reply: str, seed: int = 0, passages: Sequence[Passage] = tuple(PASSAGES)) -> Answer:
    events = list(GenerativeAnswerer(Scripted(reply, seed)).answer(make_query("Well?"), passages))
    answer = events[-1]
    assert isinstance(answer, Answer)
    check(answer, events, passages)
    return answer


def check(answer: Answer, events: Sequence[AnswerEvent], passages: Sequence[Passage]) -> None:
    assert "".join(event.text for event in events[:-1] if isinstance(event, TextDelta)) == answer.text
    assert answer.found == bool(answer.citations)
    by_number = {passage.number: passage for passage in passages}
    for citation in answer.citations:
        source = by_number[citation.number]
        assert ("\0" * source.start + source.text)[citation.start : citation.end] == citation.quote
        assert citation.document_id == source.document.id


@pytest.mark.parametrize("seed", range(12))
def test_labels_become_passages_and_quotes_are_the_best_sentences(seed: int) -> None:
    answer = ask("The Eiffel Tower is 330 metres high [2]. A blue whale eats four tonnes of krill a day. [1]", seed)
    assert answer.text == "The Eiffel Tower is 330 metres high [1]. A blue whale eats four tonnes of krill a day. [2]"
    assert [citation.quote for citation in answer.citations] == [
        "The tower is 330 metres high.",
        "It eats about four tonnes of krill a day.",
    ]


@pytest.mark.parametrize("seed", range(12))
def test_a_supported_sentence_without_a_citation_gets_one_and_an_invented_one_a_mark(seed: int) -> None:
    answer = ask("The Eiffel Tower was opened in 1889. Napoleon financed the scaffolding himself. So it goes.", seed)
    assert answer.text == (
        "The Eiffel Tower was opened in 1889. [1] Napoleon financed the scaffolding himself. [?] So it goes."
    )
    assert [citation.quote for citation in answer.citations] == ["The Eiffel Tower was opened in 1889."]


@pytest.mark.parametrize("seed", range(8))
def test_references_to_no_passage_disappear(seed: int) -> None:
    answer = ask("The Eiffel Tower was opened in 1889 [7]. The tower is 330 metres high [2, 9].", seed)
    assert answer.text == "The Eiffel Tower was opened in 1889. [1] The tower is 330 metres high [1]."


def test_a_wrong_number_in_a_cited_sentence_is_marked() -> None:
    answer = ask("The Eiffel Tower was opened in 1925 [2].")
    assert answer.text.endswith("[1]. [?]")


def test_lines_lists_and_abbreviations_keep_their_shape() -> None:
    reply = "Dr. Eiffel designed the Eiffel Tower [2].\n\n- The tower is 330 metres high [2]\n- It opened in 1889 [2]\n"
    answer = ask(reply)
    assert answer.text == reply.replace("[2]", "[1]").rstrip()
    assert len(answer.citations) == 3


@pytest.mark.parametrize(
    "reply",
    [
        NOT_FOUND,
        "I couldn't find that in your documents.",
        "The passages do not mention the price of the tickets.",
        "The documents don't contain this information [1].",
        "Das steht nicht in Ihren Dokumenten.",
    ],
)
def test_a_refusal_is_recognised(reply: str) -> None:
    answer = ask(reply)
    assert not answer.found
    assert "[?]" not in answer.text


def test_a_refusal_of_one_part_does_not_spoil_the_other() -> None:
    answer = ask("The Eiffel Tower was opened in 1889 [2]. The passages do not mention the price.")
    assert answer.found


def test_an_answer_that_nothing_supports_is_not_found() -> None:
    answer = ask("Napoleon financed the scaffolding himself.")
    assert not answer.found
    assert answer.text.endswith("[?]")


def test_nothing_retrieved_or_nothing_said_is_not_found() -> None:
    assert ask("whatever", passages=()).text == NOT_FOUND
    assert ask("whatever", passages=[passage(1, " \n")]).text == NOT_FOUND
    assert ask("  ").text.strip() == NOT_FOUND


def test_text_without_spaces_streams_too() -> None:
    answer = ask("蓝鲸是世界上最大的动物。" * 4)
    assert answer.text.replace(" [?]", "") == "蓝鲸是世界上最大的动物。" * 4


def test_leaving_early_closes_the_generation() -> None:
    generator = Scripted("word " * 1000)
    events = GenerativeAnswerer(generator).answer(make_query("Well?"), PASSAGES)
    for _ in range(5):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert generator.closed
    assert generator.sent < 100


def test_the_reply_is_shown_while_it_is_written() -> None:
    generator = Scripted("The Eiffel Tower was opened in 1889 after two years of work by three hundred people.")
    shown = ""
    for event in GenerativeAnswerer(generator).answer(make_query("Well?"), PASSAGES):
        shown += event.text if isinstance(event, TextDelta) else ""
        assert len(generator.reply[: generator.sent]) - len(shown) < 24 or isinstance(event, Answer)


def test_the_conversation_reaches_the_model_without_its_old_numbers() -> None:
    generator = Scripted("Yes.")
    list(
        GenerativeAnswerer(generator).answer(make_query("And how high?", [Turn("When?", "In 1889 [3]. [?]")]), PASSAGES)
    )
    assert [message.role for message in generator.messages] == ["system", "user", "assistant", "user"]
    assert generator.messages[2].content == "In 1889."


@pytest.mark.parametrize("size", [1, 3, 100])
def test_thinking_is_kept_apart(size: int) -> None:
    text = "<think>\nThe tower... [1]\n</think>\n\nIn 1889."
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(spoken(thoughts_apart(pieces))) == "In 1889."
    thought = "".join(piece.text for piece in thoughts_apart(pieces) if isinstance(piece, ThoughtDelta))
    assert thought == "\nThe tower... [1]\n"
    plain = "<thin ice> is <think> no block"
    assert "".join(spoken(thoughts_apart([plain[i : i + size] for i in range(0, len(plain), size)]))) == plain


class Quoting:
    """Stands in for the built-in way."""

    name = "quotes"

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        yield TextDelta((AnswerPart("Quoted."),))
        yield Answer((AnswerPart("Quoted."),), found=True, citations=(), answerer=self.name)


def with_fallback(reply: str) -> tuple[Answer, str]:
    """The answer, and what was shown of it."""
    events = list(GenerativeAnswerer(Scripted(reply), fallback=Quoting()).answer(make_query("Well?"), PASSAGES))
    answer = events[-1]
    assert isinstance(answer, Answer)
    return answer, "".join(event.text for event in events if isinstance(event, TextDelta))


def test_what_nothing_supports_gives_way_to_the_built_in_answer() -> None:
    invented = "Napoleon financed the scaffolding himself. It was painted green by sailors. It cost nine ducats."
    answer, shown = with_fallback(invented)
    assert (answer.answerer, shown) == ("quotes", "Quoted.")
    answer, shown = with_fallback("  ")
    assert shown == "Quoted."


def test_what_is_supported_is_shown_with_what_stood_before_it() -> None:
    answer, shown = with_fallback("Here it is: the tower was opened in 1889 [2]. Napoleon financed the scaffolding.")
    assert answer.answerer == "scripted"
    assert shown == answer.text
    assert shown.startswith("Here it is: the tower was opened in 1889 [1].")
    refused, shown = with_fallback("The passages do not mention the price of the tickets.")
    assert (refused.found, refused.answerer) == (False, "scripted")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_answer_that_goes_in_circles_ends_where_it_begins_to(seed: int) -> None:
    once = "The Eiffel Tower was opened in 1889 [2]. The blue whale eats four tonnes of krill a day [1]."
    answer = ask(f"{once} {once} {once}", seed)
    assert answer.text.count("1889") == answer.text.count("krill") == 1
    assert len(answer.citations) == 2
    looped = ask("The tower is 330 metres high " + "and high " * 200, seed)
    assert looped.text.count("and high") < 12


def test_two_statements_that_begin_alike_are_both_kept() -> None:
    both = "The Eiffel Tower was opened in 1889. The Eiffel Tower was designed by Dr. Eiffel."
    assert ask(both).text.replace(" [1]", "") == both
    assert ask("Yes. Yes.").text.count("Yes") == 2


def test_tables_and_code_may_repeat_lines() -> None:
    header = "| ship | built in | cargo of it | home port |\n| --- | --- | --- | --- |\n"
    text = f"{header}| Ada | 1801 | coal and iron | Oban |\n\n{header}| Bea | 1802 | coal and iron | Oban |"
    pieces = [text[i : i + 7] for i in range(0, len(text), 7)]
    assert "".join(without_repetition(pieces)) == text
    row = "| Ada | 1801 | coal and iron | Oban |\n"
    assert "".join(without_repetition([row] * 20)).count("Ada") < 5


def test_a_slow_model_reads_fewer_passages() -> None:
    many = [
        passage(n, f"The ship number {n} was built in {1800 + n}. " + "It carried coal. " * 60) for n in range(1, 9)
    ]
    asked = {}
    for speed in (10.0, 300.0, 10000.0):
        generator = Scripted("Yes.")
        generator.tokens_s = speed
        list(GenerativeAnswerer(generator, max_tokens=100, patience_s=3).answer(make_query("Well?"), many))
        asked[speed] = generator.messages[0].content.count("was built")
    assert 1 <= asked[10.0] < asked[300.0] < asked[10000.0]
