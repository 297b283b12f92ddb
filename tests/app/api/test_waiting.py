"""Requests that wait for long keep no others waiting, however many they are."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.http import create_api
from app.assistant import Assistant
from app.errors import ModelError
from app.events import Exchange
from app.models.setup import LocalModel
from app.settings.schema import ModelSettings, Settings
from rag.ingest.preview import Preview
from tests.app.fakes import LightParts

MANY = 60  # more than there are threads for all requests
PATIENCE_S = 30
KINDS: dict[str, tuple[str, str, Any]] = {
    "a model": ("POST", "/v1/chat/completions", {"model": "large", "messages": [{"role": "user", "content": "a"}]}),
    "a model's place": ("POST", "/v1/responses", {"model": "large", "input": "a"}),
    "suggestions": ("GET", "/api/conversations/one/exchanges/1/suggestions", None),
    "removals": ("DELETE", "/api/sources?location=/elsewhere", None),
    "previews": ("POST", "/api/sync/preview", {}),
    "memory": ("POST", "/api/model/unload", {}),
}


class SlowParts(LightParts):
    def __init__(self, settings: Settings, going_on: threading.Event) -> None:
        super().__init__(settings)
        self._going_on = going_on

    def make_model(self) -> LocalModel | None:
        self._going_on.wait(PATIENCE_S)
        raise ModelError("There is none.", "")


class SlowAssistant(Assistant):
    """Everything that may wait does."""

    def __init__(self, settings: Settings) -> None:
        self.going_on = threading.Event()
        super().__init__(settings, SlowParts(settings, self.going_on))

    def conversation(self, conversation_id: str) -> list[Exchange]:
        self.going_on.wait(PATIENCE_S)
        return super().conversation(conversation_id)

    def remove(self, location: str) -> int:
        self.going_on.wait(PATIENCE_S)
        return 0

    def preview(
        self,
        locations: Sequence[str] | None = None,
        *,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
    ) -> Preview:
        self.going_on.wait(PATIENCE_S)
        return super().preview(locations, include=include, exclude=exclude)

    def unload_model(self) -> bool:
        self.going_on.wait(PATIENCE_S)
        return True


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[SlowAssistant]:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=str(tmp_path / "large")))
    with SlowAssistant(settings) as assistant:
        yield assistant


@pytest.mark.parametrize("kind", KINDS)
def test_other_requests_are_answered_meanwhile(assistant: SlowAssistant, kind: str) -> None:
    method, path, body = KINDS[kind]

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(create_api(assistant), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/api/status")).status_code == 200
            waiting = [asyncio.create_task(client.request(method, path, json=body)) for _ in range(MANY)]
            try:
                await asyncio.sleep(0.5)  # they have begun
                assert not any(task.done() for task in waiting)
                for looked_at in ("/api/status", "/api/documents", "/api/settings"):
                    reply = await asyncio.wait_for(client.get(looked_at), PATIENCE_S / 3)
                    assert reply.status_code == 200
                assert not any(task.done() for task in waiting)
            finally:
                assistant.going_on.set()
            return [reply.status_code for reply in await asyncio.gather(*waiting)]

    codes = asyncio.run(ask())
    assert len(codes) == MANY and 429 not in codes
