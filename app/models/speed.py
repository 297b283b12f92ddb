"""Measures how fast a model answers on this computer, and keeps the figures.

The prompt is of words that no earlier one had, so that no page of it is in the cache, and the answer is sampled: one
that repeats itself would be drafted and seem faster than others are.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engines.serving.sampling_params import SamplingParams
from files import replace_text

if TYPE_CHECKING:
    from app.models.setup import LocalModel

_PROMPT_TOKENS = 256
_ANSWER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Speed:
    """``prompt_tok_s`` are tokens of a prompt read a second, ``tok_s`` tokens written a second; ``measured_at`` is a
    Unix time in seconds."""

    prompt_tok_s: float
    tok_s: float
    runtime: str
    measured_at: float


def measure(model: "LocalModel") -> Speed:
    """Answers one prompt of 256 tokens with 64, after a short one that wakes the model. Raises EngineError."""
    list(model.submit(_prompt(model, 8), SamplingParams(max_tokens=2)))
    generation = model.submit(
        _prompt(model, min(_PROMPT_TOKENS, model.context // 2)),
        SamplingParams(max_tokens=_ANSWER_TOKENS, temperature=1.0, ignore_eos=True),
    )
    list(generation)
    assert generation.finished is not None
    told = generation.finished.metrics
    written = 1 / told.tpot_s if told.tpot_s else 0.0
    read = told.prompt_tokens / max(told.ttft_s - told.queue_s, 1e-9)
    return Speed(round(read, 1), round(written, 1), model.engine.runtime.name, time.time())


def _prompt(model: "LocalModel", tokens: int) -> list[int]:
    words: list[int] = []
    while len(words) < tokens:
        words += model.text_tokens(f" {secrets.token_hex(3)} lamp of the harbour")
    return words[:tokens]


class Speeds:
    """The figures that were measured on this computer, in a file beside the models."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, Speed]:
        """The figures by the name of the model; what cannot be read is left out."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        found = {}
        for name, values in kept.items() if isinstance(kept, Mapping) else ():
            try:
                found[name] = Speed(**values)
            except TypeError:
                continue
        return found

    def keep(self, name: str, speed: Speed | None) -> None:
        """None forgets them. Raises OSError."""
        kept = {**self.all()}
        kept.pop(name, None)
        if speed is not None:
            kept[name] = speed
        replace_text(self._path, json.dumps({name: asdict(one) for name, one in kept.items()}, indent=1))
