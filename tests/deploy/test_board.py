"""The Grafana board asks for metrics that Docent has, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.pages.syncing import SyncProgress
from tests.app.fakes import LightParts

parser = pytest.importorskip("prometheus_client.parser")

BOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "docent.json"
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
_METRIC = re.compile(r"\bdocent_\w+")
_BY = re.compile(r"by \(([^)]*)\)")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The names of samples that ``/metrics`` may have, with the name of their family."""
    from app.assistant import Assistant
    from app.metrics import exposition
    from app.settings.schema import ModelSettings, Settings

    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), model=ModelSettings(name=None))
    with Assistant(settings, LightParts(settings)) as assistant:
        text, _ = exposition([], assistant.status(), SyncProgress())
    families = [*parser.text_string_to_metric_families(text.decode())]
    return {f"{one.name}{ending}": one.name for one in families for ending in ENDINGS[one.type]}


@pytest.fixture(scope="module")
def board() -> Any:
    return json.loads(BOARD.read_text(encoding="utf-8"))


def expressions(board: Any) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["query"] for one in board["templating"]["list"] if one["type"] == "query")


def test_every_metric_exists(board: Any, known: dict[str, str]) -> None:
    named = {name for text in expressions(board) for name in _METRIC.findall(text)}
    assert named - known.keys() == set()
    shown = {known[name] for name in named}
    assert {*known.values()} - shown == set(), "the board shows all there is"


def test_labels_are_those_of_the_metrics(board: Any) -> None:
    of_models = re.compile(r"requests|kv_|tokens|token_|preemptions|model_")
    allowed = {"model", "reason", "status", "state", "le"}
    for text in expressions(board):
        assert {label for group in _BY.findall(text) for label in group.split(", ")} <= allowed
        for name in _METRIC.findall(text) if "label_values" not in text else ():
            assert ('model=~"$model"' in text) == bool(of_models.search(name)), text


def test_every_panel_can_be_drawn(board: Any) -> None:
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert panel["title"] and panel["targets"] and panel["datasource"]["uid"] == "${source}"
        assert place["x"] + place["w"] <= 24, "Grafana's grid has 24 columns"
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    for text in expressions(board):
        assert text.count("(") == text.count(")")
