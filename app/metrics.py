"""What Docent is doing, in the form that Prometheus reads.

Nothing is measured for it: engines add up what they do (``engines.serving.totals``), and the rest is looked up when it
is asked for. prometheus-client, which writes the text, comes with the extra ``metrics``.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from app.errors import UsageError
from docent import install_extra

if TYPE_CHECKING:
    from app.events import Status
    from app.models.setup import LocalModel
    from app.pages.syncing import SyncProgress
    from engines.serving.totals import Histogram

_MODEL = ("model",)


def exposition(models: "Sequence[LocalModel]", status: "Status", sync: "SyncProgress") -> tuple[bytes, str]:
    """Returns the text and its media type. Raises UsageError where prometheus-client is missing."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    except ImportError as error:
        raise UsageError(
            "Metrics need a package that is not installed.", f"To add it, run: {install_extra('metrics')}"
        ) from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Moment(models, status, sync))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Moment:
    """A collector of one moment (``prometheus_client.registry.Collector``)."""

    def __init__(self, models: "Sequence[LocalModel]", status: "Status", sync: "SyncProgress") -> None:
        self._models, self._status, self._sync = models, status, sync

    def collect(self) -> Iterator[Any]:
        yield from _of_models(self._models)
        yield from _of_library(self._status)
        yield from _of_sync(self._sync)


def _of_models(models: "Sequence[LocalModel]") -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    told = [((one.name,), one.loaded, one.engine.load, one.engine.totals.sums()) for one in models]
    yield _gauge("model_loaded", "Whether the memory of a model is held.", _MODEL, [(m, on) for m, on, _, _ in told])
    yield _gauge("requests_running", "Requests with pages.", _MODEL, [(m, load.running) for m, _, load, _ in told])
    yield _gauge("requests_waiting", "Requests in the queue.", _MODEL, [(m, load.waiting) for m, _, load, _ in told])
    yield _gauge("kv_pages_used", "Pages that requests refer to.", _MODEL, [(m, x.used_pages) for m, _, x, _ in told])
    yield _gauge("kv_pages", "Pages in all.", _MODEL, [(m, load.num_pages) for m, _, load, _ in told])
    ended = CounterMetricFamily("docent_requests", "Requests that have ended.", labels=["model", "reason"])
    for model, _, _, sums in told:
        for reason, count in sums.requests.items():
            ended.add_metric([*model, reason], count)
    yield ended
    for name, says in (
        ("prompt_tokens", "Tokens of prompts."),
        ("cached_tokens", "Tokens of prompts that were found in shared pages."),
        ("generated_tokens", "Tokens that were generated."),
        ("drafted_tokens", "Tokens that were drafted."),
        ("accepted_tokens", "Drafted tokens that were right."),
        ("preemptions", "Requests whose pages were taken back."),
    ):
        counter = CounterMetricFamily(f"docent_{name}", says, labels=_MODEL)
        for model, _, _, sums in told:
            counter.add_metric(model, getattr(sums, name))
        yield counter
    for name, says, which in (
        ("time_to_first_token_seconds", "From a request to its first token.", "ttft"),
        ("time_per_output_token_seconds", "Mean time of each further token of a request.", "tpot"),
    ):
        family = HistogramMetricFamily(f"docent_{name}", says, labels=_MODEL)
        for model, _, _, sums in told:
            histogram: Histogram = getattr(sums, which)
            family.add_metric(model, _buckets(histogram), histogram.total)
        yield family


def _of_library(status: "Status") -> Iterator[Any]:
    counts = [((name,), count) for name, count in status.counts.items() if name != "chunks"]
    yield _gauge("documents", "Documents of the library.", ("status",), counts)
    yield _gauge("chunks", "Passages of the library.", (), [((), status.counts["chunks"])])
    yield _gauge("library_bytes", "Size of the library.", (), [((), status.size_bytes)])
    yield _gauge("sources_unreachable", "Sources that are not there.", (), [((), len(status.unreachable))])


def _of_sync(sync: "SyncProgress") -> Iterator[Any]:
    state = [(("running",), sync.running), (("paused",), sync.paused), (("failed",), bool(sync.message))]
    yield _gauge("sync_state", "1 for the state of the last sync.", ("state",), state)
    yield _gauge("sync_documents", "Documents that the last sync looks into.", (), [((), sync.total)])
    yield _gauge("sync_documents_done", "Those that it has finished.", (), [((), sync.done)])
    yield _gauge("sync_documents_failed", "Those of them that could not be read.", (), [((), sync.failed)])


def _gauge(name: str, says: str, labels: Sequence[str], values: Sequence[tuple[Sequence[str], float]]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"docent_{name}", says, labels=labels)
    for given, value in values:
        family.add_metric(given, float(value))
    return family


def _buckets(histogram: "Histogram") -> list[tuple[str, int]]:
    """(upper bound, observations at most that) with the infinite one last."""
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))
