"""Adds up what several cards have computed of a layer, each over the others' memory: a step of one token within its
kernel (``kernels/peers.cuh``), other steps by a kernel of its own (``kernels/reduce.cu``).

For that one two buffers take turns: before a card writes to one again, every card has passed the sum over the other
one, and so has read this one.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_int, c_void_p
from pathlib import Path

from engines.model.config import ModelConfig
from engines.runtimes.cuda.arguments import MOST_CARDS, PeersArguments, ProductArguments
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import TILE, padded, unit_bytes

AFTER_MLP = 1  # the buffer of what MLPs give; that of attention is 0
_THREADS = 512


class ReduceArguments(ctypes.Structure):
    _fields_ = (
        ("shares", c_void_p * MOST_CARDS),
        ("arrivals", c_void_p * MOST_CARDS),
        *((name, c_void_p) for name in ("numbers", "residual", "squares", "target")),
        *((name, c_int) for name in ("rank", "cards", "size", "stride", "parts", "unused")),
    )


class Exchange:
    """The memory of all cards that they read of each other, or write to; ``rows`` of a step at most. ``logits`` is
    where the first card wants them, once it is opened."""

    def __init__(self, devices: Sequence[Device], config: ModelConfig, rows: int) -> None:
        self.devices, self.rows = devices, rows
        self.size, self.stride = config.hidden_size, padded(config.hidden_size, TILE)
        self.shares: list[list[int]] = []  # by buffer and card
        self.arrivals: list[int] = []
        self.inboxes: list[int] = []
        self.logits = 0
        for device in devices:
            device.activate()
            for other in devices:
                if other.ordinal != device.ordinal:
                    device.enable_peer(other)
            self.arrivals.append(device.allocate(4 * rows * len(devices), zero=True))
            self.shares.append([device.allocate(2 * rows * self.stride, zero=True) for _ in range(2)])
            self.inboxes.append(device.allocate(4 * 2 * len(devices) * self.size, zero=True))
            if device is devices[0]:
                self.logits_there = device.allocate(4, zero=True)
            device.synchronize()

    def reducer(self, rank: int, cache: Path | None) -> "Reducer":
        """One card's part; its context is active."""
        return Reducer(self, rank, cache)


class Reducer:
    """Queues the sums on one card."""

    def __init__(self, exchange: Exchange, rank: int, cache: Path | None) -> None:
        self._exchange, self.rank, self._device = exchange, rank, exchange.devices[rank]
        self.stride = exchange.stride
        self._kernel = self._device.load(compile_kernels("reduce", self._device.capability, {}, cache))["reduce"]
        self.cards = len(exchange.devices)
        self._numbers = self._device.allocate(4 * exchange.rows, zero=True)

    def share(self, buffer: int) -> int:
        """Where this card's float16 rows go, ``stride`` apart."""
        return self._exchange.shares[self.rank][buffer]

    @property
    def peers(self) -> PeersArguments:
        """What this card's step in one kernel knows of the others."""
        exchange = self._exchange
        others = sum(device.multiprocessors for device in exchange.devices[1:])
        arguments = PeersArguments(
            logits_there=exchange.logits_there, rank=self.rank, size=exchange.size, others=others
        )
        for card, inbox in enumerate(exchange.inboxes):
            arguments.inboxes[card] = inbox
        return arguments

    def some_logits(self, head: ProductArguments, group: int) -> ProductArguments:
        """The outputs that this card computes in a step in one kernel; they go to the first card."""
        first, last = (head.tiles * number // self.cards for number in (self.rank, self.rank + 1))
        some = ProductArguments.from_buffer_copy(head)
        some.tiles, some.outputs = last - first, min(head.outputs, last * TILE) - first * TILE
        some.weights += first * head.chunks * unit_bytes(group)
        some.target = (self._exchange.logits or head.target) + 4 * first * TILE
        some.bias = head.bias and head.bias + 4 * first * TILE
        return some

    def queue(
        self, buffer: int, rows: int, parts: int, *, residual: int = 0, squares: int = 0, target: int = 0
    ) -> None:
        """Adds the sum to ``residual`` (float32) with its sums of squares, or writes it to ``target`` (float16)."""
        exchange = self._exchange
        arguments = ReduceArguments(
            numbers=self._numbers, residual=residual, squares=squares, target=target, rank=self.rank,
            cards=self.cards, size=exchange.size, stride=exchange.stride, parts=parts,
        )  # fmt: skip
        for card, shares in enumerate(exchange.shares):
            arguments.shares[card], arguments.arrivals[card] = shares[buffer], exchange.arrivals[card]
        self._device.launch(self._kernel, (rows, 1, 1), _THREADS, 0, arguments)
