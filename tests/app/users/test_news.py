"""Whom the feed tells what: chats and answers their own user, the library and the models everybody."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
