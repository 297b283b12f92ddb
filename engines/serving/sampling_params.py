"""The sampling settings of a request, checked once when they are made.

Names and meanings are those of OpenAI's API and of vLLM where OpenAI's has none.
"""

from dataclasses import dataclass

from engines.errors import RequestError

MOST_BEAMS = 16
MOST_LOGPROBS = 20


@dataclass(frozen=True, slots=True)
class ThoughtParams:
    """For a prompt that ends inside a thought: after ``max_tokens`` tokens of it, the tokens ``end`` are written."""

    max_tokens: int
    end: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """``temperature`` 0 is greedy. ``top_k`` 0, ``top_p`` 1 and ``min_p`` 0 switch the filter off.

    ``repetition_penalty`` counts prompt and answer, presence and frequency penalties the answer alone. ``logprobs`` is
    how many alternatives to report for each token, None for none at all. ``logit_bias`` holds (token, -100..100), added
    to the model's scores; -100 bans a token. At most one of ``json_schema``, ``regex`` and ``grammar`` (Lark, as
    llguidance reads it) constrains the output, behind its ``thought`` if it begins with one. With ``num_beams`` above 1
    the likeliest answer is searched for (``beam_search.py``) instead of sampled, hypotheses ordered by log probability
    over length to the power of ``length_penalty``. Raises RequestError that names the setting and its range.
    """

    max_tokens: int = 512
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    json_schema: str | None = None
    regex: str | None = None
    grammar: str | None = None
    thought: ThoughtParams | None = None
    num_beams: int = 1
    length_penalty: float = 1.0

    def __post_init__(self) -> None:
        self._demand(self.max_tokens >= 1, "max_tokens", "at least 1")
        self._demand(self.temperature >= 0, "temperature", "0 or more")
        self._demand(self.top_k >= 0, "top_k", "0 or more")
        self._demand(0 < self.top_p <= 1, "top_p", "above 0 and at most 1")
        self._demand(0 <= self.min_p <= 1, "min_p", "between 0 and 1")
        self._demand(self.repetition_penalty > 0, "repetition_penalty", "above 0")
        self._demand(-2 <= self.presence_penalty <= 2, "presence_penalty", "between -2 and 2")
        self._demand(-2 <= self.frequency_penalty <= 2, "frequency_penalty", "between -2 and 2")
        self._demand(self.logprobs is None or 0 <= self.logprobs <= MOST_LOGPROBS, "logprobs", "between 0 and 20")
        self._demand(all(-100 <= bias <= 100 for _, bias in self.logit_bias), "logit_bias", "between -100 and 100")
        self._demand(all(self.stop), "stop", "made of non-empty strings")
        for name, others in (("regex", ("json_schema",)), ("grammar", ("json_schema", "regex"))):
            alone = getattr(self, name) is None or all(getattr(self, other) is None for other in others)
            self._demand(alone, name, f"left out when {' or '.join(others)} is given")
        self._demand(1 <= self.num_beams <= MOST_BEAMS, "num_beams", f"between 1 and {MOST_BEAMS}")
        self._demand(-10 <= self.length_penalty <= 10, "length_penalty", "between -10 and 10")
        if self.num_beams > 1:
            self._check_searched()

    def _check_searched(self) -> None:
        """What beams are not searched with."""
        self._demand(self.temperature == 0, "temperature", "0 with num_beams above 1")
        for name, value in (("repetition_penalty", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
            self._demand(getattr(self, name) == value, name, f"{value} with num_beams above 1")
        for name in ("stop", "logit_bias", "json_schema", "regex", "grammar", "thought", "logprobs"):
            self._demand(not getattr(self, name) and getattr(self, name) != 0, name, "left out with num_beams above 1")

    @property
    def constrains(self) -> bool:
        """Whether the output must fit a schema, an expression or a grammar."""
        return any(given is not None for given in (self.json_schema, self.regex, self.grammar))

    @property
    def penalises(self) -> bool:
        """Whether tokens that were seen are less likely, so that sampling needs to know them."""
        return self.repetition_penalty != 1 or self.presence_penalty != 0 or self.frequency_penalty != 0

    def _demand(self, holds: bool, name: str, rule: str) -> None:
        if not holds:
            raise RequestError(f"{name} is {getattr(self, name)!r}.", f"It must be {rule}.")
