"""A model on several cards in tensor parallel: each has some heads and some features of the MLP of every layer, and
after attention and MLP their results are added up over each other's memory. The first card samples, and computes the
logits but for those of a token in one kernel, which all do.

Each further card is served by a thread of its own, since no card's step ends before the others' have begun.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.base import StepBatch
from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint
from engines.model.config import ModelConfig
from engines.page_size import KvCache, LmHead
from engines.runtimes.cuda.arguments import MOST_CARDS
from engines.runtimes.cuda.card.driver import Device, OutOfMemory, find_cards
from engines.runtimes.cuda.decoder import PASSES_UP_TO
from engines.runtimes.cuda.packed_weights import PackedSource, build
from engines.runtimes.cuda.packing import padded
from engines.runtimes.cuda.products import FEW
from engines.runtimes.cuda.reduction import Exchange, Reducer
from engines.runtimes.cuda.runtime import LARGEST_RUN, CudaRuntime, kernels_folder, nothing
from engines.runtimes.cuda.sampling import SampledOnCard
from engines.runtimes.cuda.sharding import Shard
from engines.runtimes.cuda.step_times import StepTimes
from engines.runtimes.cuda.weights import Source
from engines.serving.row_sampling import RowSampling


class ParallelRuntime:
    """``sources`` give each card's share of the weights, in the order of the cards: the first ones, or ``devices``.
    ``in_units``: how they are cut (``sharding``)."""

    name = "cuda"

    def __init__(
        self,
        config: ModelConfig,
        sources: Sequence[Source],
        num_pages: int,
        max_context: int | None = None,
        *,
        cache: Path | None = None,
        largest_run: int = LARGEST_RUN,
        kv_cache: KvCache = "fp16",
        devices: Sequence[Device] | None = None,
        in_units: bool = False,
    ) -> None:
        self.config = config
        cards = len(sources)
        if devices is None:
            _check_cards(cards)
            devices = [Device(ordinal) for ordinal in range(cards)]
        self._threads = [ThreadPoolExecutor(1, f"docent-card-{rank}") for rank in range(1, cards)]
        self._following: list[Future[None]] = []
        self._before: SampledOnCard | None = None
        self.ranks: list[CudaRuntime] = []
        try:
            context = min(max_context or config.max_context, config.max_context)
            largest = min(largest_run, padded(context, FEW))
            exchange = Exchange(devices, config, max(largest, FEW))
            for rank, (device, source) in enumerate(zip(devices, sources, strict=True)):
                share = Shard(rank, cards, in_units).of(config)
                self.ranks.append(
                    CudaRuntime(
                        share, source, num_pages, context, cache=cache, largest_run=largest,
                        reducer=_reducer_of(exchange, rank), device=device, kv_cache=kv_cache,
                    )
                )  # fmt: skip
                if rank and self.ranks[rank].num_pages < num_pages:
                    raise OutOfMemory(
                        f"Card {rank} has room for {self.ranks[rank].num_pages} pages of the cache, the first one for "
                        f"{num_pages}.",
                        "Close other programs that use it, or lower model.cache_mb.",
                    )
                num_pages, exchange.logits = self._first.num_pages, self._first.buffers.logits
        except BaseException:
            for device in devices:
                device.close()
            raise
        for other in self.ranks[1:]:
            self._first.lead(other)
        self._choose()
        self._warm()

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        cards: int,
        num_pages: int,
        max_context: int | None,
        cache: Path | None,
        kv_cache: KvCache = "fp16",
        lm_head: LmHead = "stored",
        *,
        in_units: bool = False,
    ) -> "ParallelRuntime":
        """Packed weights and compiled kernels are kept in ``cache``; without one they are made for this object
        alone."""
        _check_cards(cards)
        if cache is None:
            with tempfile.TemporaryDirectory(prefix="docent-packed-") as folder:
                kept = Path(folder)
                return cls.from_checkpoint(
                    checkpoint, cards, num_pages, max_context, kept, kv_cache, lm_head, in_units=in_units
                )
        shards = [Shard(rank, cards, in_units) for rank in range(cards)]
        sources = [PackedSource(build(checkpoint, cache, shard=shard, lm_head=lm_head)) for shard in shards]
        return cls(
            checkpoint.config, sources, num_pages, max_context, cache=kernels_folder(cache), kv_cache=kv_cache,
            in_units=in_units,
        )  # fmt: skip

    @property
    def _first(self) -> CudaRuntime:
        return self.ranks[0]

    @property
    def device(self) -> Device:
        return self._first.device

    @property
    def notes(self) -> tuple[str, ...]:
        return self._first.notes

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def max_context(self) -> int:
        return self._first.max_context

    @property
    def num_pages(self) -> int:
        return self._first.num_pages

    @property
    def step_times(self) -> StepTimes | None:
        return self._first.step_times

    @step_times.setter
    def step_times(self, times: StepTimes | None) -> None:
        self._first.step_times = times

    @property
    def cache_bytes(self) -> int:
        return sum(rank.cache_bytes for rank in self.ranks)

    @property
    def weight_bytes(self) -> int:
        """What a step reads of the weights, on all cards; the output layer is read once."""
        heads = [rank.weights.head.nbytes for rank in self.ranks[1:] if rank.weights.head is not None]
        return sum(rank.weight_bytes for rank in self.ranks) - sum(heads)

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        self._follow(batch)
        logits = self._first.step(batch)
        self._join()
        return logits

    def begin(self, batch: StepBatch, rows: Sequence[RowSampling]) -> SampledOnCard:
        self._follow(batch)
        self._before = self._first.begin(batch, rows)
        return self._before

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self._join()
        self._first.copy_pages(copies)
        for one in [
            thread.submit(rank.copy_pages, copies) for thread, rank in zip(self._threads, self.ranks[1:], strict=True)
        ]:
            one.result()

    def close(self) -> None:
        self._join()
        for thread in self._threads:
            thread.shutdown()
        for rank in self.ranks:  # none frees what another still reads
            rank.device.activate()
            rank.device.synchronize()
        for rank in self.ranks:
            rank.close()

    def _choose(self) -> None:
        """Behind how long a context a token is still computed by one kernel on each card: all have to do the same, so
        the shortest one that is measured holds."""
        near = 0
        if all(rank.single is not None for rank in self.ranks):
            others = [
                thread.submit(rank.single_up_to) for thread, rank in zip(self._threads, self.ranks[1:], strict=True)
            ]
            near = min([self._first.single_up_to(), *(other.result() for other in others)])
        for rank in self.ranks:
            rank.near = near

    def _warm(self) -> None:
        """Loads every kernel, by steps that are written nowhere."""
        for rows in (1, 2, FEW, FEW + 1, PASSES_UP_TO + 1):
            if rows <= min(self.max_context, LARGEST_RUN):
                self.step(nothing(np.array([0, rows])))

    def _follow(self, batch: StepBatch) -> None:
        """Has the other cards begin the step. They have begun the one before: until then its mark in the first card's
        queue must not be set anew."""
        self._join()
        before = self._before.done if batch.taken is not None and self._before is not None else None
        self._following = [
            thread.submit(rank.follow, batch, before)
            for thread, rank in zip(self._threads, self.ranks[1:], strict=True)
        ]

    def _join(self) -> None:
        following, self._following = self._following, []
        for one in following:
            one.result()


def _reducer_of(exchange: Exchange, rank: int) -> Callable[[Path | None], Reducer]:
    return lambda cache: exchange.reducer(rank, cache)


def _check_cards(cards: int) -> None:
    found = len(find_cards())
    if not 2 <= cards <= min(found, MOST_CARDS):
        raise RuntimeUnavailable(
            f"The model is to run on {cards} cards, and there are {found}.", f"Set model.gpus to at most {found}."
        )
