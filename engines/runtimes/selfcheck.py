"""Checks whether a runtime computes correctly on this machine, and chooses the fastest that does.

A candidate (any GPU runtime) is given the same tokens as a runtime that is known to be right: a fixed prompt, then some
tokens one by one. Where its logits differ by more than rounding does, or it fails in any way, it is not used, and the
reason is a sentence for a person.
"""

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.base import Runtime, StepBatch
from engines.errors import EngineError, RuntimeUnavailable
from engines.page_size import PAGE_TOKENS

_log = logging.getLogger(__name__)

# Root mean square of the difference, as a share of the logits' own spread. Measured on random models of all families:
# float16 against float32 0.001, 8-bit activations 0.02; one misplaced head, a wrong rotation or swapped nibbles > 0.5.
TOLERANCE = 0.1
PROMPT_TOKENS, DECODED_TOKENS = 3 * PAGE_TOKENS + 5, 8  # three full pages and a part of one, then single tokens
_TIMED_STEPS = 16
_FIRST_USED_TOKEN = 3  # below lie the padding, start and end tokens of most vocabularies

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a step: the fixed prompt, and one token after it (medians)."""

    prompt_s: float
    token_s: float

    @property
    def answer_s(self) -> float:
        """An answer of 100 tokens to ten such prompts: what runtimes are compared by."""
        return 10 * self.prompt_s + 100 * self.token_s


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one runtime. ``speed`` is None and ``reason`` a sentence when it is refused."""

    name: str
    difference: float | None
    speed: Speed | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The fastest runtime that agrees, with the check of each one, the trusted one's first."""

    runtime: Runtime
    checks: tuple[Check, ...]

    @property
    def summary(self) -> str:
        """For the person: which runtime is used, how fast each is, and why others are not."""
        lines = [f"Docent uses the runtime {self.runtime.name}."]
        for check in self.checks:
            if check.speed is None:
                lines.append(f"{check.name}: not used. {check.reason}")
            else:
                first, rate = 1000 * check.speed.prompt_s, 1 / max(check.speed.token_s, 1e-9)
                lines.append(f"{check.name}: prompt of {PROMPT_TOKENS} tokens {first:.1f} ms, {rate:.0f} tokens/s.")
        return "\n".join(lines)


def choose(
    trusted: Runtime,
    candidates: Sequence[tuple[str, Callable[[], Runtime]]],
    clock: Clock = time.perf_counter,
) -> Choice:
    """Opens each candidate (name, opener), checks and measures it. The pools of all runtimes are written to, so call
    this before they hold anything."""
    expected = replay(trusted)
    speed = measure(trusted, clock)
    best, best_speed = trusted, speed
    checks = [Check(trusted.name, 0.0, speed, None)]
    for name, opener in candidates:
        check, runtime = _try(name, opener, expected, clock)
        checks.append(check)
        if runtime is not None and check.speed is not None and check.speed.answer_s < best_speed.answer_s:
            _close(best if best is not trusted else None)
            best, best_speed = runtime, check.speed
        else:
            _close(runtime)
    choice = Choice(best, tuple(checks))
    _log.info("%s", choice.summary)
    return choice


def verified(opener: Callable[[], Runtime], open_trusted: Callable[[], Runtime]) -> Runtime:
    """Opens a runtime that was asked for by name, then a trusted one to check it against. Raises RuntimeUnavailable
    where they disagree, and whatever the openers raise."""
    runtime = opener()
    try:
        _, reason = compare(replay(open_trusted()), replay(runtime))
        if reason is not None:
            raise RuntimeUnavailable(
                f"The runtime {runtime.name} computes something else than the processor here. {reason}",
                "Set model.runtime to onnx.",
            )
    except BaseException:
        _close(runtime)
        raise
    return runtime


def compare(expected: NDArray[np.float32], logits: NDArray[np.float32]) -> tuple[float, str | None]:
    """The largest difference of a row in the unit of ``TOLERANCE``, and a reason to refuse or None."""
    if logits.shape != expected.shape:
        return np.inf, f"Its logits have the shape {logits.shape}, not {expected.shape}."
    if not np.isfinite(logits).all():
        return np.inf, "Its logits hold values that are no numbers."
    spread = np.maximum(expected.std(-1), 1e-6)
    # Adding a constant to all logits of a row changes nothing that is sampled.
    difference = (logits - logits.mean(-1, keepdims=True)) - (expected - expected.mean(-1, keepdims=True))
    share = np.sqrt(np.mean(np.square(difference, dtype=np.float64), -1)) / spread
    worst = int(share.argmax())
    if share[worst] <= TOLERANCE:
        return float(share[worst]), None
    return float(share[worst]), (
        f"Its logits at token {worst} differ by {share[worst]:.0%} of their spread; {TOLERANCE:.0%} is allowed."
    )


def replay(runtime: Runtime) -> NDArray[np.float32]:
    """Logits [PROMPT_TOKENS + DECODED_TOKENS, vocabulary] of the fixed tokens: the prompt in two chunks, the rest one
    by one. Pages are used out of order, so that a runtime that ignores the page table is noticed."""
    tokens = _tokens(runtime.vocab_size)
    cuts = [0, PAGE_TOKENS + 3, *range(PROMPT_TOKENS, len(tokens) + 1)]
    parts = [runtime.step(_batch(tokens, start, stop)) for start, stop in itertools.pairwise(cuts)]
    return np.concatenate(parts)


def measure(runtime: Runtime, clock: Clock = time.perf_counter) -> Speed:
    """Times the prompt in one step and single tokens after it."""
    tokens = _tokens(runtime.vocab_size)
    return Speed(
        _median(lambda: runtime.step(_batch(tokens, 0, PROMPT_TOKENS, last_only=True)), 3, clock),
        _median(lambda: runtime.step(_batch(tokens, PROMPT_TOKENS, PROMPT_TOKENS + 1)), _TIMED_STEPS, clock),
    )


def _try(
    name: str, opener: Callable[[], Runtime], expected: NDArray[np.float32], clock: Clock
) -> tuple[Check, Runtime | None]:
    runtime: Runtime | None = None
    try:
        runtime = opener()
        difference, reason = compare(expected, replay(runtime))
        speed = measure(runtime, clock) if reason is None else None
        return Check(name, difference, speed, reason), runtime
    except EngineError as error:
        return Check(name, None, None, str(error)), runtime
    except Exception as error:  # noqa: BLE001 - a driver or library of any kind may fail; the person still gets answers
        _log.warning("The runtime %s failed its check", name, exc_info=True)
        return Check(name, None, None, f"It failed: {error}."), runtime


def _close(runtime: Runtime | None) -> None:
    close = getattr(runtime, "close", None)
    if close is not None:
        close()


def _median(run: Callable[[], object], times: int, clock: Clock) -> float:
    run()  # the first run may compile or allocate
    seconds = []
    for _ in range(times):
        start = clock()
        run()
        seconds.append(clock() - start)
    return float(np.median(seconds))


def _tokens(vocabulary: int) -> NDArray[np.int64]:
    first = min(_FIRST_USED_TOKEN, vocabulary - 1)
    return np.random.default_rng(0).integers(first, vocabulary, PROMPT_TOKENS + DECODED_TOKENS)


def _batch(tokens: NDArray[np.int64], start: int, stop: int, last_only: bool = False) -> StepBatch:
    """Tokens ``start:stop`` of the one sequence."""
    pages = np.arange(-(-len(tokens) // PAGE_TOKENS))[::-1]
    positions = np.arange(start, stop)
    count = stop - start
    return StepBatch(
        tokens=tokens[start:stop],
        positions=positions,
        slots=pages[positions // PAGE_TOKENS] * PAGE_TOKENS + positions % PAGE_TOKENS,
        sequence_starts=np.array([0, count]),
        context_lengths=np.array([stop]),
        page_table=pages[None, : -(-stop // PAGE_TOKENS)],
        logits_for=np.array([count - 1]) if last_only else np.arange(count),
    )
