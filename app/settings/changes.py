"""Says what a change of a setting takes: which parts of a running Docent are made anew, or a start of Docent."""

from collections.abc import Iterable, Mapping

from app.settings.schema import Settings, flatten

RESTART = frozenset(
    {
        "data_dir",
        "library.url",
        "embedder.folder",
        "embedder.threads",
        "embedder.device",
        "retrieval.store",
        "retrieval.store_args",
        "retrieval.reranker",
        "server.host",
        "server.users",
        "server.tls_certificate",
        "server.tls_key",
        "server.plain_http",
        "server.traces",
        "server.port",
        "server.grpc_port",
        "server.browser",
        "server.api_key",
        "server.allowed_hosts",
    }
)
"""In force after the next start; all others are so at once."""

_MODEL = ("model", "answerer", "repeated_search")
_RENEWED: Mapping[str, tuple[str, ...]] = {
    "answer.min_confidence": ("answerer", "quoter"),
    "answer.mode": ("repeated_search",),
    "answer.rounds": ("repeated_search",),
    "model.max_tokens": ("answerer",),
    "model.temperature": ("answerer", "repeated_search"),
    "model.thinking_tokens": ("answerer",),
    "model.first_word_s": ("answerer",),
    "model.endpoint": _MODEL,
    "model.endpoint_model": ("answerer", "repeated_search"),
    "model.endpoint_key": ("answerer", "repeated_search"),
    "model.kv_cache": _MODEL,
    "model.lm_head": _MODEL,
    "model.name": _MODEL,
    "model.runtime": _MODEL,
    "model.context": _MODEL,
    "model.cache_mb": _MODEL,
    "model.threads": _MODEL,
    "model.gpu_layers": _MODEL,
    "model.gpus": _MODEL,
    "model.unload_after_min": _MODEL,
}  # settings that are read when they are used need nothing made anew


def changed(before: Settings, after: Settings) -> list[str]:
    """Lists the keys whose values differ."""
    old, new = flatten(before), flatten(after)
    return [key for key in new if new[key] != old[key]]


def parts_of(keys: Iterable[str]) -> set[str]:
    """Names the parts (``app.wiring.Parts``) that hold values of these settings."""
    return {part for key in keys for part in _RENEWED.get(key, ())}


def without_restart(running: Settings, wanted: Settings) -> Settings:
    """Returns ``running`` with the values of ``wanted`` that can be taken over at once."""
    tree = running.model_dump()
    given = wanted.model_dump()
    for key in changed(running, wanted):
        if key not in RESTART:
            section, _, leaf = key.rpartition(".")
            tree[section][leaf] = given[section][leaf]
    return Settings.model_validate(tree)
