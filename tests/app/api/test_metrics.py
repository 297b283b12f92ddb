"""``/metrics`` as a Prometheus server reads it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engines.serving.generation import Metrics
from engines.serving.totals import TTFT_S, Totals
from tests.app.api.openai_server import TOKEN, Served

parser = pytest.importorskip("prometheus_client.parser")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    opened = Served(tmp_path)
    yield opened
    opened.close()


def scraped(served: Served) -> Samples:
    """Every sample by its name and labels."""
    response = httpx.get(
        served.url.replace("/v1", "/metrics"), headers={"authorization": f"Bearer {TOKEN}"}, timeout=30
    )
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = parser.text_string_to_metric_families(response.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def of_model(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"docent_{name}", tuple(sorted({"model": "saying", **labels}.items()))]


def test_requests_tokens_and_times_are_counted(served: Served) -> None:
    assert not [name for name, _ in scraped(served) if name == "docent_requests_running"]  # no model was asked
    question = [{"role": "user", "content": "What do blue whales eat? " * 20}]
    told = [
        served.client.chat.completions.create(model="saying", messages=question, max_tokens=count)  # type: ignore[call-overload]
        for count in (3, 30, 30)
    ]
    usages = [one.usage for one in told]
    samples = scraped(served)
    assert of_model(samples, "prompt_tokens_total") == sum(one.prompt_tokens for one in usages)
    assert of_model(samples, "generated_tokens_total") == sum(one.completion_tokens for one in usages)
    cached = sum(one.prompt_tokens_details.cached_tokens for one in usages)
    assert of_model(samples, "cached_tokens_total") == cached > 0
    ends = [one.choices[0].finish_reason for one in told]
    assert {reason: of_model(samples, "requests_total", reason=reason) for reason in ends} == {
        reason: ends.count(reason) for reason in ends
    }
    for name in ("time_to_first_token_seconds", "time_per_output_token_seconds"):
        assert of_model(samples, f"{name}_count") == of_model(samples, f"{name}_bucket", le="+Inf") == 3
        assert 0 < of_model(samples, f"{name}_sum") < 60
    assert of_model(samples, "requests_running") == of_model(samples, "requests_waiting") == 0
    assert of_model(samples, "kv_pages") > of_model(samples, "kv_pages_used") >= 0
    assert of_model(samples, "model_loaded") == 1


def test_the_library_and_its_syncs_are_told(served: Served, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "whale.txt").write_text("The blue whale eats krill.\n")
    served.assistant.sync([str(documents)])
    samples = scraped(served)
    assert samples["docent_documents", (("status", "ok"),)] == 1
    assert samples["docent_chunks", ()] == 1
    assert samples["docent_sync_state", (("state", "running"),)] == 0
    assert samples["docent_sources_unreachable", ()] == 0


def test_strangers_get_nothing(served: Served) -> None:
    address = served.url.replace("/v1", "/metrics")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"accept": "text/html"}):
        response = httpx.get(address, headers=headers)
        assert response.status_code == 401 and "docent_" not in response.text


def test_without_the_package_it_says_what_to_install(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    response = httpx.get(served.url.replace("/v1", "/metrics"), headers={"authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 400 and "docent-chat[metrics]" in response.json()["error"]["remedy"]


def test_histograms_count_up_to_their_bounds() -> None:
    totals = Totals()
    for ttft, tokens in ((0.01, 2), (0.02, 1), (100.0, 5), (1.0, 0)):
        totals.finished("stop", Metrics(7, 3, tokens, 0.0, ttft, 0.004, 1.0, 1, 0, 0, 0))
    totals.failed()
    sums = totals.sums()
    assert sums.ttft.counts == (1, 1, *[0] * (len(TTFT_S) - 2), 1)
    assert sums.ttft.total == pytest.approx(100.03)
    assert sum(sums.tpot.counts) == 2
    assert sums.requests == {"stop": 4, "error": 1}
    assert (sums.prompt_tokens, sums.cached_tokens, sums.generated_tokens) == (28, 12, 8)
