"""Chats in which an answer was given already."""

from collections.abc import Callable
from typing import Any

import pytest

from app.events import Work
from rag.types import Answer
from tests.ui.chats.mill import TEXT


@pytest.fixture
def told(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """Opens a chat in which an answer was given."""

    def start(answer: Answer, *, stopped: bool = False, work: Work | None = None) -> Any:
        fake.put("/papers/mill.txt", TEXT)
        chat = fake.store.add(None, "What became of the mill?", answer, stopped=stopped, work=work)
        served = serve(fake)
        watched = open_page(served.link)
        watched.page.goto(f"{served.address}/chat/{chat}")
        watched.served = served
        return watched

    return start
