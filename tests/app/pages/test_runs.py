"""Answers that run in the background: how they grow, stop, fail and wait, and what followers are told."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.api.shapes.news import news_line
from app.errors import UsageError
from app.feed import Behind, ConversationsChanged, Feed, News
from app.pages.runs import Run, RunNews, Runs, TextNews, ThoughtNews
from rag.text.markers import joined, written
from rag.types import Filter
from tests.ui.fakes import FakeAssistant

PATIENCE_S = 20.0


class Heard:
    """Follows a feed on an event loop of its own, as a page does."""

    def __init__(self, feed: Feed) -> None:
        self.news: list[News] = []
        self._feed = feed
        self._changed = threading.Condition()
        self._open = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True).start()
        assert self._open.wait(PATIENCE_S)

    async def _follow(self) -> None:
        async for happened in self._feed.follow():
            self._open.set()
            with self._changed:
                self.news += happened
                self._changed.notify_all()

    def wait_for(self, true: Callable[[list[News]], Any]) -> Any:
        with self._changed:
            assert self._changed.wait_for(lambda: bool(true(self.news)), PATIENCE_S), self.news
            return true(self.news)

    def last(self, run: Run) -> Run:
        return [news.run for news in self.news if isinstance(news, RunNews) and news.run.id == run.id][-1]

    def state(self, run: Run, state: str) -> Run:
        """The run once it has reached a state."""
        found = self.wait_for(
            lambda all_news: [
                news.run
                for news in all_news
                if isinstance(news, RunNews) and news.run.id == run.id and news.run.state == state
            ]
        )
        assert isinstance(found[-1], Run)
        return found[-1]

    def said(self, run: Run) -> str:
        """The text as a page puts it together from news."""
        parts: list[Any] = []
        for news in list(self.news):
            if isinstance(news, RunNews) and news.run.id == run.id:
                parts = list(news.run.parts)
            elif isinstance(news, TextNews) and news.run == run.id:
                assert news.at == len(parts), "no word is missed or told twice"
                parts += news.parts
        return written(joined(parts))


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def heard(feed: Feed) -> Heard:
    return Heard(feed)


def garden(gate: Any = None) -> FakeAssistant:
    assistant = FakeAssistant(gate)
    assistant.put("/papers/garden.txt", "The garden was planted in 1987.")
    return assistant


def test_an_answer_grows_ends_and_is_kept(feed: Feed, heard: Heard) -> None:
    assistant = garden()
    runs = Runs(assistant, feed)
    run = runs.start("When was the garden planted?", None, Filter())
    assert [info.id for info in assistant.conversations()] == [run.conversation], "it is listed at once"
    heard.state(run, "done")
    heard.wait_for(lambda news: ConversationsChanged(run.conversation) in news)
    assert runs.all() == []
    (exchange,) = assistant.conversation(run.conversation)
    assert exchange.answer.text == "The garden was planted in 1987. [1]"
    assert exchange.work is not None and exchange.work.passages[0].title == "garden.txt"


def test_searches_and_thoughts_are_told_as_they_come(feed: Feed, heard: Heard, gate: Any) -> None:
    assistant = garden(gate)
    assistant.searches, assistant.thought = ("garden plan",), "It was planted, I think, early. ü"
    runs = Runs(assistant, feed)
    run = runs.start("When was the garden planted?", None, Filter())
    heard.state(run, "reading")
    gate.let(2)
    assert heard.state(run, "thinking").searches == ("garden plan",)
    gate.open()
    done = heard.state(run, "done")
    assert done.thought.split() == assistant.thought.split()
    told = next(news.run.thought for news in heard.news if isinstance(news, RunNews) and news.run.state == "thinking")
    for news in heard.news:
        if isinstance(news, ThoughtNews):
            assert news.at == len(told), "no word is missed or told twice"
            told += news.text
    assert told == done.thought


def test_a_page_puts_the_words_together(feed: Feed, heard: Heard, gate: Any) -> None:
    runs = Runs(garden(gate), feed)
    run = runs.start("When was the garden planted?", None, Filter())
    heard.state(run, "reading")
    for count, text in ((1, "The"), (1, "The garden"), (2, "The garden was planted")):
        gate.let(count)
        heard.wait_for(lambda news, text=text: heard.said(run) == text)
    gate.open()
    assert written(joined(heard.state(run, "done").parts)).startswith("The garden was planted in 1987.")


def test_chats_are_answered_at_the_same_time(feed: Feed, heard: Heard, gate: Any) -> None:
    runs = Runs(garden(gate), feed)
    first = runs.start("When was the garden planted?", None, Filter())
    second = runs.start("Who planted the garden?", None, Filter())
    heard.state(first, "reading"), heard.state(second, "reading")
    gate.open()
    heard.state(first, "done"), heard.state(second, "done")


def test_questions_of_a_chat_wait_for_each_other(feed: Feed, heard: Heard, gate: Any) -> None:
    assistant = garden(gate)
    runs = Runs(assistant, feed)
    first = runs.start("When was the garden planted?", None, Filter())
    heard.state(first, "reading")
    second = runs.start("and where was the garden planted?", first.conversation, Filter())
    third = runs.start("and why was the garden planted?", first.conversation, Filter())
    runs.stop(third.id)
    heard.state(third, "done")
    assert heard.last(second).state == "waiting"
    gate.open()
    heard.state(second, "done")
    asked = [exchange.question for exchange in assistant.conversation(first.conversation)]
    assert asked == ["When was the garden planted?", "and where was the garden planted?"]


def test_stop_keeps_the_words_so_far(feed: Feed, heard: Heard, gate: Any) -> None:
    assistant = garden(gate)
    runs = Runs(assistant, feed)
    run = runs.start("When was the garden planted?", None, Filter())
    gate.let(2)
    heard.wait_for(lambda news: heard.said(run) == "The garden")
    runs.stop(run.id)
    gate.open()
    heard.state(run, "done")
    (exchange,) = assistant.conversation(run.conversation)
    assert exchange.stopped and exchange.answer.text.startswith("The garden")


def test_errors_arrive_with_their_remedy_and_give_way_to_the_next_question(feed: Feed, heard: Heard) -> None:
    assistant = garden()
    assistant.error = UsageError("No model.", "Get one.")
    runs = Runs(assistant, feed)
    failed = heard.state(runs.start("When?", None, Filter()), "failed")
    assert (failed.message, failed.remedy) == ("No model.", "Get one.")
    assert [run.id for run in runs.all()] == [failed.id]
    assistant.error = None
    heard.state(runs.start("When was the garden planted?", failed.conversation, Filter()), "done")
    assert runs.all() == []


def test_a_new_conversation_that_is_to_follow_something_is_not_begun(feed: Feed) -> None:
    assistant = FakeAssistant()
    with pytest.raises(UsageError, match="nothing to follow"):
        Runs(assistant, feed).start("Why?", None, Filter(), after=5)
    assert assistant.conversations() == []


def test_a_defect_is_named_as_ours_and_logged(feed: Feed, heard: Heard, caplog: Any) -> None:
    assistant = garden()
    assistant.error = RuntimeError("secret path /home/me")
    failed = heard.state(Runs(assistant, feed).start("When?", None, Filter()), "failed")
    assert "inside Docent" in failed.message
    assert "secret" not in failed.message + failed.remedy
    assert "secret path" in caplog.text


def test_a_crowd_of_questions_is_refused(feed: Feed, gate: Any) -> None:
    runs = Runs(garden(gate), feed)
    for _ in range(100):
        runs.start("When was the garden planted?", None, Filter())
    with pytest.raises(UsageError, match="Too many"):
        runs.start("When was the garden planted?", None, Filter())
    gate.open()
    runs.stop_all()
    runs.join(PATIENCE_S)
    assert runs.all() == []


def test_a_follower_that_sleeps_is_told_that_it_is_behind(feed: Feed) -> None:
    async def follow() -> list[News]:
        stream = feed.follow()
        assert await anext(stream) == []
        for _ in range(3_000):
            feed.publish(ConversationsChanged())
        taken = await anext(stream)
        await stream.aclose()
        return taken

    with ThreadPoolExecutor(1) as thread:  # another test may have left an event loop to this one
        taken = thread.submit(asyncio.run, follow()).result()
    assert taken[0] == Behind() and len(taken) < 2_000
    assert feed.followers == 0


def test_news_become_json(feed: Feed, heard: Heard) -> None:
    run = Runs(garden(), feed).start("When was the garden planted?", None, Filter())
    heard.state(run, "done")
    lines = [news_line(news).plain() for news in heard.news]
    assert {line["event"] for line in lines} >= {"run", "conversations"}
    passages = next(line["run"]["passages"] for line in lines if line["event"] == "run" and line["run"]["passages"])
    assert passages[0]["title"] == "garden.txt" and "text" not in passages[0]
