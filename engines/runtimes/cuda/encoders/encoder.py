"""Encoders of BERT's form on a card: sentence vectors, and what a reader makes of a question and a passage.

Weights and states are float16, sums float32. Rows of tokens are packed without padding (``packed_rows.py``), and the
outcome for a row is the same to the last bit whatever is computed beside it (``kernels/encoder.cu``).
"""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.errors import EngineError, RuntimeUnavailable, UnsupportedModel
from engines.model.encoder import Encoder, Floats, Linear, Norm
from engines.model.encoder_onnx import read_encoder
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.encoders.arguments import Attend, Band, Embed, Judge, Multiply, NormRows, Pool
from engines.runtimes.cuda.encoders.packed_rows import PackedRows, check_rows, in_batches

CAPACITY = 8192  # tokens at a time
_TILE, _STEP = 128, 32  # of the products, as in kernels/encoder.cu
_WARPS = 8  # of a block that takes a token with each warp
_PLAIN, _GELU, _ADD = range(3)


@dataclass(frozen=True, slots=True)
class PairScores:
    """Of a question and a passage: log odds that it is relevant, that it bears out a statement (None where the model
    judges none), and of each token's spans, [length, width]."""

    relevance: float
    support: float | None
    band: Floats


@dataclass(frozen=True, slots=True)
class _Product:
    """Addresses on the card: weights float16 [outputs, inputs], bias float32 [outputs]."""

    weights: int
    bias: int
    outputs: int
    inputs: int


@dataclass(frozen=True, slots=True)
class _Heads:
    """What stands behind a reader's layers. ``spans`` are scores of first and last tokens, ``pools`` what is judged by
    ``weights`` [judgements, hidden] and ``biases`` [judgements]."""

    spans: _Product
    pair: int
    width: int
    pools: _Product
    weights: int
    biases: int
    judgements: int


@dataclass(frozen=True, slots=True)
class _Form:
    """What stays known of an encoder once its weights are on the card: its sizes, and how its word table is kept."""

    hidden: int
    heads: int
    longest: int
    eps: float
    words: int
    bits: int
    block: int
    zero: int
    judges: bool

    @classmethod
    def of(cls, encoder: Encoder) -> "_Form":
        table = encoder.words
        return cls(
            encoder.hidden, encoder.heads, encoder.longest, encoder.eps, len(table.codes), table.bits, table.block,
            table.zero, "support" in encoder.outputs,
        )  # fmt: skip


class _Buffers:
    """Room for ``capacity`` tokens, or for half as many again and again until there is so much."""

    def __init__(self, device: Device, encoder: Encoder, capacity: int) -> None:
        sizes = {
            "tokens": 4 * 4, "starts": 2 * 4, "items": 3 * 4, "states": 2 * encoder.hidden, "sums": 2 * encoder.hidden,
            "mixed": max(2 * encoder.hidden, 4 * encoder.span_width),
            "wide": 2 * max(3 * encoder.hidden, encoder.inner),
        }  # fmt: skip
        least = encoder.longest
        while sum(sizes.values()) * capacity > device.free_bytes // 2 and capacity > least:
            capacity = max(capacity // 2, least)
        self.capacity = capacity
        self.tokens, self.starts, self.items, self.states, self.sums, self.mixed, self.wide = (
            device.allocate(size * capacity) for size in sizes.values()
        )


class CudaEncoder:
    """An encoder on a card. May be used from several threads; close it to free its memory."""

    def __init__(
        self, encoder: Encoder, cache: Path | None = None, capacity: int = CAPACITY, device: Device | None = None
    ) -> None:
        """Raises OutOfMemory where there is no room for its weights and one row, UnsupportedModel for another form."""
        _check_form(encoder)
        self._form = _Form.of(encoder)
        self._lock = threading.Lock()
        self._closed = False
        self._device = Device() if device is None else device
        try:
            _check_card(self._device)
            settings = {"HIDDEN": encoder.hidden, "HEAD": encoder.hidden // encoder.heads}
            self._kernels = self._device.load(compile_kernels("encoder", self._device.capability, settings, cache))
            self._upload(encoder)
            self._buffers = _Buffers(self._device, encoder, max(capacity, encoder.longest))
        except BaseException:
            self._device.close()
            raise

    @classmethod
    def load(cls, file: Path, cache: Path | None = None) -> "CudaEncoder":
        """Opens the encoder in an ONNX file; raises as ``read_encoder`` does, too."""
        return cls(read_encoder(file), cache)

    @property
    def card(self) -> str:
        return str(self._device.name)

    @property
    def words(self) -> int:
        """Tokens of its word table."""
        return self._form.words

    @property
    def judges(self) -> bool:
        """Whether it says how far a passage supports a statement."""
        return self._form.judges

    def close(self) -> None:
        """What is asked for later raises EngineError, also where it waited for another thread's rows."""
        with self._lock:
            self._closed = True
            self._device.close()

    def vectors(self, rows: Sequence[Sequence[int]]) -> Floats:
        """Rows of token ids -> the mean of each one's states, [rows, hidden] of length 1 (0 for a row of no token)."""
        hidden = self._form.hidden
        vectors = np.empty((len(rows), hidden), np.float32)
        first = 0
        with self._lock:
            for packed in self._batches(rows, None):
                last = first + len(packed.lengths)
                self._launch("mean_rows", last - first, hidden // 2, self._pool(self._buffers.wide))
                self._device.download(self._buffers.wide, vectors[first:last])
                self._device.synchronize()
                first = last
        return vectors

    def pair_scores(self, rows: Sequence[Sequence[int]], second_from: int) -> list[PairScores]:
        """Rows of token ids, in each of which the question has ``second_from`` tokens, marks included."""
        scores: list[PairScores] = []
        with self._lock:
            for packed in self._batches(rows, second_from):
                scores += self._read_off(packed)
        return scores

    # -- on the card ------------------------------------------------------------------------------------------------

    def _batches(self, rows: Sequence[Sequence[int]], second_from: int | None) -> Iterator[PackedRows]:
        """Yields rows whose states are queued to be computed."""
        if self._closed:
            raise EngineError("The model was taken off the card.", "Open it again.")
        check_rows(rows, self._form.words, self._form.longest)
        self._device.activate()
        for batch in in_batches(rows, self._buffers.capacity):
            packed = PackedRows.of(batch, second_from)
            self._device.upload(packed.tokens, self._buffers.tokens)
            self._device.upload(packed.starts, self._buffers.starts)
            self._device.upload(packed.items, self._buffers.items)
            if packed.starts[-1]:
                self._queue_layers(packed)
            yield packed

    def _queue_layers(self, packed: PackedRows) -> None:
        form, room, count = self._form, self._buffers, int(packed.starts[-1])
        places = [room.tokens + 4 * count * row for row in range(3)]
        self._launch_tokens(
            "embed", count,
            Embed(
                *places, *self._embeddings, room.states, count, form.bits, form.block, form.zero, form.eps
            ),
        )  # fmt: skip
        attend = Attend(room.wide, room.items, room.mixed)
        for products, (norm1, norm2) in zip(self._products, self._norms, strict=True):
            qkv, out, up, down = products
            self._multiply(room.states, qkv, room.wide, count, _PLAIN)
            self._launch("attend_rows", (form.heads, len(packed.items)), 128, attend)
            self._multiply(room.mixed, out, room.sums, count, _ADD)
            self._normalise(norm1, count)
            self._multiply(room.states, up, room.wide, count, _GELU)
            self._multiply(room.wide, down, room.sums, count, _ADD)
            self._normalise(norm2, count)

    def _read_off(self, packed: PackedRows) -> list[PairScores]:
        """What a reader says of rows whose states are there."""
        heads, room, rows, count = self._heads, self._buffers, len(packed.lengths), int(packed.starts[-1])
        if heads is None:
            raise EngineError("This model reads no passages.", "Choose a reader.")
        band = np.empty((count, heads.width), np.float32)
        judged = np.empty((rows, heads.judgements), np.float32)
        self._multiply(room.states, heads.spans, room.wide, count, _PLAIN)
        ends = room.tokens + 4 * count * 3
        self._launch_tokens(
            "span_band", count,
            Band(room.wide, ends, room.mixed, count, heads.pair, heads.width, heads.pair**-0.5),
        )  # fmt: skip
        self._device.download(room.mixed, band)
        self._launch("first_of_rows", rows, self._form.hidden // 2, self._pool(room.sums))
        self._multiply(room.sums, heads.pools, room.wide, rows, _PLAIN)
        self._launch("judge", (rows, heads.judgements), 32, Judge(room.wide, heads.weights, heads.biases, room.mixed))
        self._device.download(room.mixed, judged)
        self._device.synchronize()
        bands = np.split(band, packed.starts[1:-1])
        return [
            PairScores(float(row[0]), float(row[1]) if len(row) > 1 else None, own)
            for row, own in zip(judged, bands, strict=True)
        ]

    def _multiply(self, x: int, product: _Product, y: int, rows: int, mode: int) -> None:
        grid = (-(-product.outputs // _TILE), -(-rows // _TILE))
        residual = self._buffers.states if mode == _ADD else 0
        self._launch(
            "multiply", grid, 256,
            Multiply(x, product.weights, product.bias, residual, y, rows, product.outputs, product.inputs, mode),
        )  # fmt: skip

    def _pool(self, target: int) -> Pool:
        return Pool(self._buffers.states, self._buffers.starts, target)

    def _normalise(self, norm: tuple[int, int], count: int) -> None:
        room = self._buffers
        self._launch_tokens("norm_rows", count, NormRows(room.sums, *norm, room.states, count, self._form.eps))

    def _launch_tokens(self, name: str, count: int, arguments: ctypes.Structure) -> None:
        self._launch(name, -(-count // _WARPS), 32 * _WARPS, arguments)

    def _launch(self, name: str, grid: int | tuple[int, int], threads: int, arguments: ctypes.Structure) -> None:
        across, down = grid if isinstance(grid, tuple) else (grid, 1)
        self._device.launch(self._kernels[name], (across, down, 1), threads, 0, arguments)

    # -- weights ----------------------------------------------------------------------------------------------------

    def _upload(self, encoder: Encoder) -> None:
        array = self._device.array
        self._embeddings = (
            array(encoder.words.codes), array(encoder.words.scales), array(encoder.positions), array(encoder.types),
            *self._norm(encoder.norm),
        )  # fmt: skip
        self._products = [
            tuple(self._product(linear) for linear in (layer.qkv, layer.out, layer.up, layer.down))
            for layer in encoder.layers
        ]
        self._norms = [(self._norm(layer.norm1), self._norm(layer.norm2)) for layer in encoder.layers]
        self._heads = self._reader_heads(encoder.outputs, encoder.span_width) if encoder.span_width else None

    def _reader_heads(self, outputs: dict[str, Linear], width: int) -> _Heads:
        names = [("pool", "relevance"), ("pool_claim", "support")]
        judged = [(outputs[pool], outputs[last]) for pool, last in names if last in outputs]
        return _Heads(
            self._product(_side_by_side([outputs["left"], outputs["right"], outputs["ends"]])),
            len(outputs["left"].bias),
            width,
            self._product(_side_by_side([pool for pool, _ in judged])),
            self._device.array(np.concatenate([last.weight for _, last in judged])),
            self._device.array(np.concatenate([last.bias for _, last in judged])),
            len(judged),
        )

    def _product(self, linear: Linear) -> _Product:
        outputs, inputs = linear.weight.shape
        weights = self._device.array(linear.weight.astype(np.float16))
        return _Product(weights, self._device.array(linear.bias), outputs, inputs)

    def _norm(self, norm: Norm) -> tuple[int, int]:
        return self._device.array(norm.weight), self._device.array(norm.bias)


def _check_card(device: Device) -> None:
    if device.capability < (8, 0):
        major, minor = device.capability
        raise RuntimeUnavailable(
            f"{device.name} has compute capability {major}.{minor}; Docent's kernels need 8.0 or later.",
            "Docent uses the processor instead.",
        )


def _check_form(encoder: Encoder) -> None:
    size = encoder.hidden // encoder.heads
    if encoder.hidden % 64 or encoder.inner % _STEP or size not in (32, 64) or size * encoder.heads != encoder.hidden:
        raise UnsupportedModel(
            f"Encoders with {encoder.hidden} features and {encoder.heads} heads are not computed on cards.",
            "Docent computes it on the processor.",
        )


def _side_by_side(linears: Sequence[Linear]) -> Linear:
    """Several products of the same inputs as one."""
    return Linear(np.concatenate([one.weight for one in linears]), np.concatenate([one.bias for one in linears]))
