"""A model that searches again, behind the protocol of language models: scripted calls."""

from collections.abc import Generator, Sequence
from dataclasses import replace

from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import (
    ANSWER,
    SEARCH,
    FurtherSearch,
    RepeatedSearch,
    ToolCall,
    ToolDescription,
)
from rag.query.query import make_query
from rag.types import Passage
from tests.rag.answer.two_passages import PASSAGES

QUERY = make_query("Which is higher, the tower or the mast?")


class Calling:
    """Makes these calls, one for each question; a text is a search for it."""

    name = "calling"

    def __init__(self, *calls: str | ToolCall | None, context: int = 2000) -> None:
        self.calls, self.context = list(calls), context
        self.prompts: list[Sequence[Message]] = []
        self.closed = 0

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) + 4 for message in messages)

    def tokens_within(self, seconds: float) -> int | None:
        return None

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[str, None, None]:
        raise AssertionError("it only calls")

    def call(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription], max_tokens: int
    ) -> Generator[None, None, ToolCall | None]:
        assert [tool.name for tool in tools] == ["search", "answer"]
        self.prompts.append(messages)
        try:
            yield
            yield
            call = self.calls.pop(0)
            return ToolCall(SEARCH.name, {"query": call}) if isinstance(call, str) else call
        finally:
            self.closed += 1


def stands_at(start: int, document: int = 7) -> Passage:
    """A passage of 40 characters."""
    first = PASSAGES[0]
    return replace(first, document=replace(first.document, id=document), start=start, end=start + 40, text="m" * 40)


def done(model: Calling, found: dict[str, list[Passage]], rounds: int = 3) -> list[FurtherSearch]:
    searches = RepeatedSearch(model, rounds).searches(QUERY, PASSAGES, lambda text: found.get(text, []))
    return [search for search in searches if search is not None]


def test_it_searches_until_the_model_would_answer() -> None:
    model = Calling("height of the mast", "year of the mast", ToolCall(ANSWER.name, {}))
    found = {"height of the mast": [stands_at(0), stands_at(100)], "year of the mast": [stands_at(300)]}
    searches = done(model, found)
    assert [search.question for search in searches] == ["height of the mast", "year of the mast"]
    numbers = [passage.number for search in searches for passage in search.passages]
    assert numbers == [len(PASSAGES) + 1, len(PASSAGES) + 2, len(PASSAGES) + 3]
    first, second, third = ("\n".join(message.content for message in prompt) for prompt in model.prompts)
    assert PASSAGES[0].text in first and "m" * 40 not in first and QUERY.text in first
    assert "m" * 40 in second and "height of the mast" in second
    assert "year of the mast" in third
    assert model.closed == 3


def test_what_is_known_is_not_brought_twice() -> None:
    model = Calling("a", "b", None)
    searches = done(model, {"a": [stands_at(0)], "b": [stands_at(15), stands_at(35), replace(PASSAGES[0], number=1)]})
    assert [[passage.start for passage in search.passages] for search in searches] == [[0], [35]]


def test_it_ends_in_any_case() -> None:
    assert len(done(Calling(*(f"word {n}" for n in range(9))), {}, rounds=2)) == 2
    assert done(Calling(QUERY.text.upper()), {}) == [], "what was searched for already"
    assert done(Calling(None), {}) == []
    for odd in (ToolCall("search", {}), ToolCall("search", {"query": 3}), ToolCall("search", {"query": " "})):
        assert done(Calling(odd), {}) == []
    assert done(Calling("x", context=420), {}) == [], "there is no room for the question"


def test_a_person_can_stop_it() -> None:
    model = Calling("a")
    searches = RepeatedSearch(model).searches(QUERY, PASSAGES, lambda text: [])
    assert next(iter(searches)) is None
    searches.close()  # type: ignore[attr-defined]
    assert model.closed == 1
