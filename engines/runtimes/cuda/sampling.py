"""Samples on the card (``kernels/sample.cu``), so that a step brings tokens to the host instead of logits, and the next
step can begin with tokens that the host has not seen.

Two steps may be under way: what the host writes for one, and what it reads of it, has a place for each.
"""

from collections.abc import Sequence
from ctypes import c_int, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device, Event
from engines.serving.row_sampling import RowSampling
from engines.serving.sampling import SampledToken, bias_of, draw_of, is_greedy

MOST_ROWS = 16384  # of logits in a step
_MOST_LOGPROBS = 20
_THREADS = 1024
_LEAST_BYTES = 1 << 20

# The structures of the same names in the kernels.
_ENTRY = np.dtype([("token", "i4"), ("generated", "i4"), ("seen", "i4"), ("bias", "f4"), ("raw", "f4")])
_ROW = np.dtype(
    [("entries", "u8"), ("mask", "u8"), ("draw", "f8")]
    + [(name, "f4") for name in ("temperature", "top_p", "min_p", "repetition", "presence", "frequency")]
    + [(name, "i4") for name in ("top_k", "logprobs", "count", "greedy")]
)
_OUT = np.dtype(
    [("token", "i4"), ("logprob", "f4"), ("top", "i4", _MOST_LOGPROBS), ("top_logprobs", "f4", _MOST_LOGPROBS)]
)


class Sampler:
    """Samples rows of ``logits``, ``stride`` floats apart. ``sampled`` is where a step's tokens stand on the card."""

    def __init__(self, device: Device, vocabulary: int, logits: int, stride: int, cache: Path | None) -> None:
        self._device, self._vocabulary, self._logits, self._stride = device, vocabulary, logits, stride
        self._module = device.load(compile_kernels("sample", device.capability, {}, cache))
        self._rows, self._outs = device.allocate(_ROW.itemsize * MOST_ROWS), device.allocate(_OUT.itemsize * MOST_ROWS)
        self.sampled = self._taken_from = device.allocate(4 * MOST_ROWS, zero=True)
        self._slots = [_Slot(device) for _ in range(2)]
        self._begun = 0

    def tell(self, rows: Sequence[RowSampling]) -> None:
        """Queues the copy of how the next step's rows are sampled; further ones up to a graph's size are greedy."""
        assert len(rows) <= MOST_ROWS, f"{len(rows)} rows of logits in a step"
        slot = self._slots[self._begun % 2]
        self._begun += 1
        slot.uploaded.wait()
        entries = [_entries(row) for row in rows]
        masks = [None if row.allowed is None else _mask(row.allowed) for row in rows]
        entries_at = slot.entries.upload(np.concatenate([np.empty(0, _ENTRY), *entries]))
        masks_at = slot.masks.upload(np.concatenate([np.empty(0, np.uint32), *(m for m in masks if m is not None)]))
        told = slot.rows[: max(len(rows), 32)]
        told[:] = np.zeros((), _ROW)
        told["greedy"], told["logprobs"] = 1, -1
        for at, row, own, mask in zip(told, rows, entries, masks, strict=False):
            params = row.params
            at["entries"], at["count"] = entries_at, len(own)
            entries_at += own.nbytes
            if mask is not None:
                at["mask"] = masks_at
                masks_at += mask.nbytes
            at["greedy"] = is_greedy(params)
            at["logprobs"] = -1 if params.logprobs is None else params.logprobs
            at["repetition"], at["presence"] = params.repetition_penalty, params.presence_penalty
            at["frequency"] = params.frequency_penalty
            if not is_greedy(params):
                at["draw"] = draw_of(row.seed, row.position)
                at["temperature"], at["top_p"], at["min_p"] = params.temperature, params.top_p, params.min_p
                at["top_k"] = params.top_k
        self._device.upload(told, self._rows)
        slot.uploaded.record()

    def follow(self, sampled: int) -> None:
        """The tokens are those that another card has sampled; for what is queued from now on."""
        self._taken_from = sampled

    def queue_take(self, tokens: int, taken: int, count: int) -> None:
        """Enters tokens that the step before has sampled."""
        self._device.launch(
            self._module["take"], (-(-count // _THREADS), 1, 1), _THREADS, 0, c_void_p(tokens), c_void_p(taken),
            c_void_p(self._taken_from), c_int(count),
        )  # fmt: skip

    def queue(self, count: int, first: int = 0) -> None:
        """Samples the first ``count`` rows of the logits as rows ``first`` and following of the step."""
        self._device.launch(
            self._module["sample"], (count, 1, 1), _THREADS, 0, c_void_p(self._logits),
            c_void_p(self._rows + _ROW.itemsize * first), c_void_p(self._outs + _OUT.itemsize * first),
            c_void_p(self.sampled + 4 * first), c_int(self._vocabulary), c_int(self._stride),
        )  # fmt: skip

    def collect(self, rows: Sequence[RowSampling]) -> "SampledOnCard":
        """Queues the copy of what was sampled. Read it before the step after the next one is told."""
        slot = self._slots[(self._begun - 1) % 2]
        found = slot.outs[: len(rows)]
        if len(rows):
            self._device.download(self._outs, found)
        slot.done.record()
        return SampledOnCard(slot.done, found, rows)


class SampledOnCard:
    """The tokens of a step that may still run."""

    def __init__(self, done: Event, found: NDArray[Any], rows: Sequence[RowSampling]) -> None:
        self.done, self._found, self._rows = done, found, rows
        self._tokens: list[SampledToken] | None = None

    def wait(self) -> None:
        if self._tokens is None:
            self.done.wait()
            self._tokens = [_token(*pair) for pair in zip(self._found, self._rows, strict=True)]

    def __getitem__(self, row: int) -> SampledToken:
        self.wait()
        assert self._tokens is not None
        return self._tokens[row]


class _Slot:
    """What the host writes for a step, and reads of it."""

    def __init__(self, device: Device) -> None:
        self.rows = device.pinned(_ROW.itemsize * MOST_ROWS).view(_ROW)
        self.outs = device.pinned(_OUT.itemsize * MOST_ROWS).view(_OUT)
        self.entries, self.masks = _Growing(device, _LEAST_BYTES), _Growing(device, _LEAST_BYTES)
        self.uploaded, self.done = device.event(), device.event()


class _Growing:
    """An array of any size that the card reads; its place changes when it grows."""

    def __init__(self, device: Device, size: int) -> None:
        self._device = device
        self._host, self._address = device.pinned(size), device.allocate(size)

    def upload(self, values: NDArray[Any]) -> int:
        """Queues the copy; returns the address on the card."""
        if values.nbytes > len(self._host):
            size = 1 << (values.nbytes - 1).bit_length()
            address = self._device.allocate(size)
            self._device.free(self._address)
            self._device.free_pinned(self._host)
            self._host, self._address = self._device.pinned(size), address
        if values.nbytes:
            staged = self._host[: values.nbytes]
            staged[:] = values.view(np.uint8)
            self._device.upload(staged, self._address)
        return self._address


def _entries(row: RowSampling) -> NDArray[Any]:
    """What happens to single tokens' scores, each token once."""
    params, bias = row.params, bias_of(row.params)
    generated, counts = np.unique(np.asarray(row.generated, np.int64), return_counts=True)
    if not params.penalises:
        generated, counts = generated[:0], counts[:0]
    repeats = params.repetition_penalty != 1
    seen = np.union1d(np.asarray(row.prompt, np.int64), generated) if repeats else generated[:0]
    tokens = np.union1d(np.union1d(seen, generated), np.fromiter(bias, np.int64, len(bias)))
    entries = np.zeros(len(tokens), _ENTRY)
    entries["token"] = tokens
    entries["seen"] = np.isin(tokens, seen)
    entries["generated"][np.searchsorted(tokens, generated)] = counts
    for token, value in bias.items():
        entries["bias"][np.searchsorted(tokens, token)] = value
    return entries


def _mask(allowed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    bits = np.packbits(allowed, bitorder="little")
    return np.pad(bits, (0, -len(bits) % 4)).view(np.uint32)


def _token(out: NDArray[Any], row: RowSampling) -> SampledToken:
    count = row.params.logprobs
    if count is None:
        return SampledToken(int(out["token"]))
    top = zip(out["top"][:count].tolist(), out["top_logprobs"][:count].tolist(), strict=True)
    return SampledToken(int(out["token"]), float(out["logprob"]), tuple(top))
