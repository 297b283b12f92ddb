"""The engine takes requests from any thread and returns their tokens as they are sampled.

One thread owns the scheduler, the page table and the runtime; the others talk to it through a queue. It repeats these
steps: take in requests and cancellations, schedule, run the model, sample, detokenize and hand out text. Where the
runtime samples by itself, a step is launched while the one before is still under way (overlapped scheduling): its input
is a token that nobody has seen yet. What an answer turns out to have ended before is thrown away.
"""

import itertools
import logging
import queue
import secrets
import threading
import time
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from engines.base import Runtime
from engines.errors import EngineBusy, EngineError, RequestError
from engines.serving.batch import build_batch
from engines.serving.beams import Beams
from engines.serving.detokenizer import Detokenizer
from engines.serving.generation import Delta, Finished, FinishReason, Generation
from engines.serving.page_table import PageTable
from engines.serving.prompt_lookup import LONGEST, PromptLookup
from engines.serving.protocols import GrammarCompiler, GrammarMatcher, Tokenizer
from engines.serving.requests import Request
from engines.serving.row_sampling import HostSampling, RowSampling, SampledRows, SamplingRuntime, row_samplings
from engines.serving.sampling import SampledToken
from engines.serving.sampling_params import SamplingParams
from engines.serving.scheduler import ScheduledSequence, Scheduler, SchedulerOutput
from engines.serving.sequence import BACKGROUND, Sequence
from engines.serving.thought_limit import ThoughtLimit
from engines.serving.totals import Totals

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """``token_budget`` tokens of a step, ``max_running`` sequences with pages, ``max_waiting`` behind them. Drafts by
    prompt lookup are verified while at most ``prompt_lookup_up_to`` sequences run: with few, a step waits for the
    weights and further tokens cost little; with many it computes, and a wrong draft costs as much as a right token."""

    token_budget: int = 512
    max_running: int = 32
    max_waiting: int = 256
    share_prefixes: bool = True
    prompt_lookup: bool = True
    prompt_lookup_up_to: int = 4


@dataclass(frozen=True, slots=True)
class Load:
    """Requests with pages and behind them, pages that they refer to and pages in all."""

    running: int
    waiting: int
    used_pages: int
    num_pages: int


@dataclass(frozen=True, slots=True)
class _Flight:
    """A step under way: the first row of logits of each sequence that samples, by its number, and the tokens to come.
    ``ends_first``: the next step cannot be planned before it has ended, since what it accepts, what a grammar allows
    then, what is penalised or which beams go on is not known."""

    scheduled: tuple[ScheduledSequence, ...]
    rows: dict[int, int]
    sampled: SampledRows
    ends_first: bool


class Engine:
    """Continues prompts. Close it (or use ``with``) to stop its thread and fail what is still running."""

    def __init__(
        self,
        runtime: Runtime,
        tokenizer: Tokenizer,
        config: EngineConfig | None = None,
        structured_output: GrammarCompiler | None = None,
    ) -> None:
        self.config = config or EngineConfig()
        self.runtime = runtime
        self.tokenizer = tokenizer
        self._structured_output = structured_output
        self._overlaps = isinstance(runtime, SamplingRuntime)
        self.totals = Totals()  # another one may be given to go on with
        self._sampler = runtime if isinstance(runtime, SamplingRuntime) else HostSampling(runtime)
        self._flight: _Flight | None = None
        self._table = PageTable(runtime.num_pages, share=self.config.share_prefixes)
        self._scheduler = Scheduler(
            self._table,
            token_budget=self.config.token_budget,
            max_running=self.config.max_running,
            max_drafting=self.config.prompt_lookup_up_to,
        )
        self._requests: dict[int, Request] = {}
        self._inbox: queue.SimpleQueue[Request | int | None] = queue.SimpleQueue()
        self._ids = itertools.count(1)
        self._unfinished = 0
        self._closed = threading.Event()
        self._entrance = threading.Lock()  # nothing gets into the inbox once the engine is closed
        self._thread = threading.Thread(target=self._run, name="docent-engine", daemon=True)
        self._thread.start()

    def submit(
        self, prompt: str | Tokens[int], params: SamplingParams | None = None, *, priority: int = BACKGROUND
    ) -> Generation:
        """Queues a request and returns at once. Raises RequestError for a prompt that is empty or too long for the
        model, EngineBusy when the queue is full."""
        params = params or SamplingParams()
        tokens = tuple(self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt)
        self._check(tokens, params)
        matcher = self._matcher(params)
        number = next(self._ids)
        seed = params.seed if params.seed is not None else secrets.randbits(63)
        sequence = Sequence(number, tokens, params, seed, priority)
        self._scheduler.check_fits(sequence)
        searched = params.num_beams > 1
        beams = Beams(sequence, self.tokenizer.eos_ids, lambda: next(self._ids)) if searched else None
        # Structured output could be drafted too, but most drafts would break the grammar.
        if self.config.prompt_lookup and matcher is None and not searched:
            sequence.lookup = PromptLookup()
            sequence.lookup.extend(tokens)
        generation = Generation(number, self._inbox.put)
        detokenizer = Detokenizer(self.tokenizer.decode, params.stop)
        request = Request(sequence, generation, detokenizer, matcher, beams, time.perf_counter())
        with self._entrance:
            if self._closed.is_set():
                raise EngineError("The engine is closed.", "Start Docent again.")
            if self._unfinished >= self.config.max_running + self.config.max_waiting:
                raise EngineBusy(f"{self.config.max_waiting} requests are waiting already.", "Try again in a moment.")
            self._unfinished += 1
            self._inbox.put(request)
        return generation

    def close(self) -> None:
        """Stops the thread; requests under way end with an EngineError."""
        with self._entrance:
            self._closed.set()
        self._inbox.put(None)
        self._thread.join()

    @property
    def load(self) -> Load:
        """What the engine holds at this moment; the numbers are of one moment each, not all of the same."""
        return Load(self._scheduler.running, self._scheduler.waiting, self._table.used, self._table.num_pages)

    @property
    def max_context(self) -> int:
        return self.runtime.max_context

    @property
    def idle(self) -> bool:
        """Whether every request has ended."""
        return self._unfinished == 0

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, tokens: tuple[int, ...], params: SamplingParams) -> None:
        if not tokens:
            raise RequestError("The prompt is empty.", "Give at least one token.")
        biased = (token for token, _ in params.logit_bias)
        wrong = next((t for t in itertools.chain(tokens, biased) if not 0 <= t < self.runtime.vocab_size), None)
        if wrong is not None:
            raise RequestError(
                f"Token {wrong} is not in the model's vocabulary of {self.runtime.vocab_size}.",
                "Use the model's own tokenizer.",
            )
        total = len(tokens) + params.max_tokens
        if total > self.runtime.max_context:
            raise RequestError(
                f"The prompt of {len(tokens)} tokens and an answer of {params.max_tokens} are longer than the model's "
                f"context of {self.runtime.max_context}.",
                "Shorten the prompt or lower max_tokens.",
            )

    def _matcher(self, params: SamplingParams) -> GrammarMatcher | None:
        matcher: GrammarMatcher | None = None
        if params.constrains:
            if self._structured_output is None:
                message = "This engine has no structured output."
                raise RequestError(message, "Leave json_schema, regex and grammar out.")
            matcher = self._structured_output(params)
        if params.thought is not None:
            tokenizer, size = self.tokenizer, self.runtime.vocab_size
            return ThoughtLimit(params.thought, matcher, tokenizer.decode, size, tokenizer.eos_ids)
        return matcher

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                self._receive()
                if self._scheduler.has_work or self._flight:
                    self._step()
        except Exception as error:  # noqa: BLE001 - the thread's outermost edge: nobody else could report it
            _log.exception("The engine stopped")
            with self._entrance:
                self._closed.set()
            self._fail_all(EngineError(f"The engine stopped: {error}.", "Start Docent again; its log says more."))
        else:
            self._fail_all(EngineError("The engine was closed.", "Start Docent again."))

    def _receive(self) -> None:
        """Takes in new requests and cancellations; waits for one when there is nothing to compute."""
        block = not self._scheduler.has_work and self._flight is None
        while True:
            try:
                item = self._inbox.get(block=block)
            except queue.Empty:
                return
            block = False
            if isinstance(item, Request):
                self._requests[item.sequence.id] = item
                self._scheduler.add(item.sequence)
            elif isinstance(item, int) and item in self._requests:
                self._finish(self._requests[item], "cancelled")

    def _step(self) -> None:
        """Launches a step, then takes over what the one before has sampled."""
        if self._flight is not None and self._flight.ends_first:
            self._land()
        output = self._scheduler.schedule()
        flight = self._launched(output) if output.scheduled else None
        self._land()
        self._flight = flight
        if not self._overlaps:
            self._land()

    def _launched(self, output: SchedulerOutput) -> _Flight | None:
        """None where the runtime refuses the step."""
        now = time.perf_counter()
        rows: list[RowSampling] = []
        first_rows: dict[int, int] = {}
        ends_first = False
        for item in output.scheduled:
            request = self._requests[item.sequence.id]
            if not request.started:
                request.started, request.cached = now, item.start
            if not item.samples:
                continue
            first_rows[item.sequence.id] = len(rows)
            if request.beams is not None:
                rows.append(request.beams.row(item.sequence))
                ends_first = True
                continue
            try:
                rows += row_samplings(item, request.matcher.allowed() if request.matcher else None)
            except Exception as error:  # noqa: BLE001 - a grammar may raise anything; the others go on
                self._fail_one(request, error)
                rows.append(RowSampling(request.sequence.params, 0, 0))
            ends_first |= bool(item.drafts) or request.matcher is not None or item.sequence.params.penalises
        try:
            batch = build_batch(output, self._flight.rows if self._flight else {})
            sampled = self._sampler.begin(batch, rows)
        except Exception as error:  # noqa: BLE001 - a runtime may raise anything; the next requests may fare better
            _log.exception("A step failed")
            self._fail_step(output.scheduled, error)
            return None
        for item in output.scheduled:
            self._scheduler.launched(item)
        return _Flight(output.scheduled, first_rows, sampled, ends_first)

    def _land(self) -> None:
        """Waits for the step under way and takes its tokens over."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        try:
            flight.sampled.wait()
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("A step failed")
            self._fail_step(flight.scheduled, error)
            return
        for item in flight.scheduled:
            request = self._requests.get(item.sequence.id)
            if request is None:  # it has ended since
                continue
            if not item.samples:
                self._scheduler.complete(item)
                continue
            try:
                if request.beams is not None:
                    self._take_beam(request, request.beams, item, flight.sampled[flight.rows[item.sequence.id]])
                else:
                    self._take(request, item, flight.sampled, flight.rows[item.sequence.id])
            except Exception as error:  # noqa: BLE001 - a tokenizer or a grammar may raise anything; the others go on
                self._fail_one(request, error)

    def _fail_step(self, scheduled: Tokens[ScheduledSequence], error: Exception) -> None:
        """Ends the requests of a step that failed. Their pages hold nothing that is known by its hash, so that the
        others are not touched."""
        for item in scheduled:
            if item.sequence.id in self._requests:
                self._fail(self._requests[item.sequence.id], f"The model failed to compute a step: {error}.")

    def _fail_one(self, request: Request, error: Exception) -> None:
        _log.error("Request %d failed", request.sequence.id, exc_info=error)
        if request.sequence.id in self._requests:
            self._fail(request, f"The answer could not be continued: {error}.")

    def _fail(self, request: Request, message: str) -> None:
        self._drop(request)
        self.totals.failed()
        request.generation.put(EngineError(message, "Ask again; if it stays, Docent's log says more."))

    def _take(self, request: Request, item: ScheduledSequence, sampled: SampledRows, row: int) -> None:
        """Takes over one token for each row until a draft turns out wrong."""
        sequence = item.sequence
        reason: FinishReason | None = None
        accepted = 0
        if not item.drafts:
            sequence.in_flight -= 1
        for index in range(1 + len(item.drafts)):
            chosen = sampled[row + index]
            reason = request.take(chosen, self.tokenizer.eos_ids)
            if reason is not None:
                break
            if index == len(item.drafts) or item.drafts[index] != chosen.token:
                break
            accepted += 1
        request.steps += 1
        request.drafted += len(item.drafts)
        request.accepted += accepted
        if sequence.lookup is not None:
            sequence.lookup.extend(sequence.generated[-(accepted + 1) :])
            sequence.lookup.report(len(item.drafts), accepted)
            # The first ones stand for tokens that are under way already.
            rest = max(0, sequence.params.max_tokens - len(sequence.generated) - 1)
            sequence.drafts = tuple(sequence.lookup.draft(min(rest, LONGEST))[sequence.in_flight :])
        self._scheduler.complete(item, accepted)
        if reason is not None:
            self._finish(request, reason)

    def _take_beam(self, request: Request, beams: Beams, item: ScheduledSequence, found: SampledToken) -> None:
        """Takes over the continuations of a beam; when those of all are there, the best ones are gone on from."""
        self._scheduler.complete(item)
        if not beams.take(item.sequence, found):
            return
        request.steps += 1
        request.first_token = request.first_token or time.perf_counter()
        before = request.sequences
        copies = beams.go_on(self._scheduler)
        if copies is None:
            self._finish_search(request, beams)
            return
        for sequence in before:
            del self._requests[sequence.id]
        self._requests |= {sequence.id: request for sequence in beams.running}
        if copies:
            self.runtime.copy_pages(copies)

    def _finish_search(self, request: Request, beams: Beams) -> None:
        """Hands the hypotheses out."""
        found = beams.alternatives(self.tokenizer.decode)
        self._drop(request)
        request.sequence.generated = list(found[0].tokens)
        request.generation.put(Delta(found[0].text, tuple(SampledToken(token) for token in found[0].tokens)))
        self._end(request, Finished(found[0].reason, request.metrics, found))

    def _drop(self, request: Request) -> None:
        """Forgets a request that has ended; its pages are free."""
        for sequence in request.sequences:
            self._scheduler.finish(sequence)
            del self._requests[sequence.id]
        with self._entrance:
            self._unfinished -= 1

    def _finish(self, request: Request, reason: FinishReason) -> None:
        rest = "" if reason == "cancelled" else request.detokenizer.finish()
        self._drop(request)
        if rest or request.unsent:
            request.generation.put(Delta(rest, tuple(request.unsent)))
        self._end(request, Finished(reason, request.metrics))

    def _end(self, request: Request, finished: Finished) -> None:
        self.totals.finished(finished.reason, finished.metrics)
        request.generation.put(finished)

    def _fail_all(self, error: EngineError) -> None:
        while not self._inbox.empty():
            item = self._inbox.get()
            if isinstance(item, Request):
                item.generation.put(error)
        for request in set(self._requests.values()):
            request.generation.put(error)
        self._requests.clear()
