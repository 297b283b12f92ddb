"""/v1/rerank with the reader that is shipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.http import create_api
from app.assistant import Assistant
from app.settings.schema import ModelSettings, Settings
from app.wiring import Parts
from rag.protocols import RankingReader
from tests.app.fakes import LightParts

TEXTS = [
    "The museum is closed on Mondays.",
    "The lamp was lit for the first time on 3 October 1871.",
    "Tickets cost four crowns for adults.",
]


class ReadingParts(LightParts):
    def make_reader(self) -> RankingReader | None:
        return Parts.make_reader(self)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name=None))
    with Assistant(settings, ReadingParts(settings)) as assistant, TestClient(create_api(assistant)) as opened:
        yield opened


def test_texts_are_ordered_by_how_well_they_answer(client: TestClient) -> None:
    body = {"model": "docent-reader", "query": "When was the lamp first lit?", "documents": TEXTS}
    reply = client.post("/v1/rerank", json=body).json()
    scores = [one["relevance_score"] for one in reply["results"]]
    assert sorted(one["index"] for one in reply["results"]) == [0, 1, 2] and reply["results"][0]["index"] == 1
    assert scores == sorted(scores, reverse=True) and 0 <= scores[-1] < scores[0] <= 1
    given = [{"text": text} for text in TEXTS]
    best = client.post("/v1/rerank", json={**body, "documents": given, "top_n": 1, "return_documents": True}).json()
    assert best["results"] == [{"index": 1, "relevance_score": scores[0], "document": {"text": TEXTS[1]}}]


@pytest.mark.parametrize("change", [{"documents": []}, {"query": ""}, {"top_n": 0}, {"documents": [3]}])
def test_what_cannot_be_ordered_is_refused(client: TestClient, change: dict[str, object]) -> None:
    reply = client.post("/v1/rerank", json={"model": "docent-reader", "query": "When?", "documents": TEXTS, **change})
    assert reply.status_code == 400 and reply.json()["error"]["type"] == "invalid_request_error"


def test_another_model_is_not_there(client: TestClient) -> None:
    reply = client.post("/v1/rerank", json={"model": "other", "query": "When?", "documents": TEXTS})
    assert reply.status_code == 404 and reply.json()["error"]["code"] == "model_not_found"
