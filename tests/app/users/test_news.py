"""Whom the feed tells what: chats and answers their own user, the library and the models everybody."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.testclient import TestClient

from app.api.gate import MOST_WAITING, Gates
from app.api.http import create_api
from app.assistant import Assistant
from app.feed import (
    CollectionsChanged,
    ConversationsChanged,
    DocumentsChanged,
    Feed,
    ModelsChanged,
    News,
    SettingsChanged,
)
from app.pages.desk import Desk
from app.pages.runs import RunForgotten
from tests.app.users.team import users


def told(feeds: list[Feed], publish: Feed, news: list[News]) -> list[list[News]]:
    """What the followers of each feed hear when ``news`` are published to one of them."""

    async def heard(feed: Feed) -> list[News]:
        found: list[News] = []
        async for some in feed.follow():
            found += some
            if any(one == DocumentsChanged() for one in found):  # the last one, which all hear
                return found
        raise AssertionError

    async def all_heard() -> list[list[News]]:
        tasks = [asyncio.create_task(heard(feed)) for feed in feeds]
        await asyncio.sleep(0)
        for one in [*news, DocumentsChanged()]:
            publish.publish(one)
        return await asyncio.wait_for(asyncio.gather(*tasks), 20)

    with ThreadPoolExecutor(1) as thread:  # that of the tests may hold the loop of a browser
        return thread.submit(asyncio.run, all_heard()).result()


def test_chats_are_told_to_their_user_alone(assistant: Assistant, tmp_path: Path) -> None:
    desk = Desk(assistant, tmp_path / "inbox", tmp_path / "uploads")
    anna, ben = (desk.of_user(user) for user in users("anna", "ben")[1])
    private: list[News] = [ConversationsChanged("1"), RunForgotten(1)]
    shared: list[News] = [CollectionsChanged(), SettingsChanged(), ModelsChanged()]
    feeds = [desk.feed, anna.feed, ben.feed]
    last: list[News] = [DocumentsChanged()]
    assert told(feeds, anna.feed, private + shared) == [shared + last, private + shared + last, shared + last]
    assert told(feeds, desk.feed, private + shared) == [private + shared + last, shared + last, shared + last]


def test_settings_that_are_changed_count_for_users_too(assistant: Assistant, tmp_path: Path) -> None:
    desk = Desk(assistant, tmp_path / "inbox", tmp_path / "uploads")
    anna = desk.of_user(users("anna")[1][0])
    desk.preferences.change("answer.history_turns", 3)
    assert anna.assistant.settings.answer.history_turns == 3
    assert anna.preferences is desk.preferences
    anna.assistant.close()
    assert assistant.status().counts["ok"] == 0, "closing a user's leaves the library open"


def test_work_for_the_models_is_bounded_for_all_users_together(assistant: Assistant, tmp_path: Path) -> None:
    """Who has taken the last place keeps the next one waiting, whosever application that is."""
    desk = Desk(assistant, tmp_path / "inbox", tmp_path / "uploads")
    gates = Gates(1)
    anna, ben = (desk.of_user(user) for user in users("anna", "ben")[1])
    assert anna.runs.room is ben.runs.room is desk.runs.room
    apis = [create_api(one.assistant, one, gates) for one in (anna, ben)]
    for gate in (gates.work, gates.asks):
        taken = [gate.enter() for _ in range(1 + MOST_WAITING)]
        for api in apis:
            with TestClient(api) as client:
                asked = client.post("/api/ask", json={"question": "Why?"})
                searched = client.get("/api/search", params={"question": "Why?"})
                assert 429 in (asked.status_code, searched.status_code)
        for ticket in taken:
            ticket.give_back()
    anna.assistant.close()
    ben.assistant.close()
