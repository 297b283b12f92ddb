"""Packs a checkpoint's weights in the order in which Docent's own kernels read them, into one file that is mapped and
used as it lies: nothing is unpacked or copied when a model is opened.

A product's outputs are cut into tiles of 32, padded with zeros. INT4: for each tile and each four inputs 64 bytes, byte
4 i + j holding input j of output i in its low and of output 16 + i in its high half. 8 bits: the same without sharing
bytes. Full precision: float32 [tile, input, 32]; of an output layer float16 where that is exact. Scales and zero points
are [tile, group, 32]; scales are float16 where that is exact. Projections that read the same input stand one after the
other and are one product.
"""

import itertools
import json
import math
import mmap
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import UnsupportedModel
from engines.model.block_types import BlockType, Bytes
from engines.model.checkpoint import INNER, NORMS, Checkpoint, Projection
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Float, Linear, QuantizedLinear, StoredRows
from engines.runtimes.native.kernel_loader import load_kernels
from engines.runtimes.native.kernels.instructions import best
from engines.runtimes.native.kernels.layout import BLOCK_GROUPS, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.kernels.team import cores
from engines.runtimes.native.packed_blocks import (
    PART_BYTES,
    Tiles,
    pack_into,
    scales_room,
    stretches,
    tile_bytes,
    zero_of,
)
from engines.runtimes.native.packed_file import PackedFile
from engines.runtimes.native.tiles import byte_tiles, four_bit_tiles, group_tiles, pad_rows, padded

WEIGHTS_FILE, INDEX_FILE = "weights.bin", "index.json"
SETS: tuple[tuple[Projection, ...], ...] = (("q", "k", "v"), ("o",), ("gate", "up"), ("down",))
_SMALLEST_GROUP = 16  # groups are multiples of it
_HEAD_GROUP = 128
_AHEAD = 8  # parts of weights in blocks that are packed before they are hashed, at most

Progress = Callable[[int, int], None]
Wrote = Callable[[Path, str], None]  # a file, and the SHA-256 of what was written


@dataclass(frozen=True, slots=True)
class Product:
    """``bits`` of a weight: 4, 6, 8, 16 or 32. ``sizes`` are the outputs of each projection, ``group`` inputs share a
    scale. ``tensors`` of it in the file are called ``name`` with ".weights", ".scales", ".zeros", ".bias",
    ".input_scale" and ".input_order", as far as there are such. Weights in blocks have ".factors", ".levels",
    ".minimum_factors" and ".minimum_levels" instead; then ``factor_groups`` groups share a factor, and ``zero`` is
    taken off each weight."""

    name: str
    bits: int
    inputs: int
    sizes: tuple[int, ...]
    group: int
    factor_groups: int = 0
    zero: int = 0

    @property
    def kernel(self) -> str:
        """What computes it."""
        return f"{'blocks' if self.factor_groups else 'matmul'}{self.bits}"

    @property
    def starts(self) -> list[int]:
        """Where each projection's outputs begin."""
        return list(itertools.accumulate((padded(size) for size in self.sizes), initial=0))


def set_name(owner: int | str, projections: Sequence[str]) -> str:
    """Of a layer's projections, or of an expert's."""
    return f"{owner}.{'_'.join(projections)}"


def expert_name(layer: int, number: int) -> str:
    return f"{layer}.expert{number}"


def pack(
    checkpoint: Checkpoint,
    folder: Path,
    on_progress: Progress = lambda done, total: None,
    wrote: Wrote = lambda path, digest: None,
    kept: Path | None = None,
) -> tuple[str, ...]:
    """Writes the files and returns what was lost on the way, one sentence for each thing. The weights are hashed while
    threads pack the next ones. ``kept`` is the folder of compiled kernels, if there is one."""
    config = checkpoint.config
    subgraphs = config.num_layers + 1
    kernels = load_kernels(best(), kept, "packing") if checkpoint.has_blocks else None
    with (folder / WEIGHTS_FILE).open("wb", buffering=0) as file, ThreadPoolExecutor(cores()) as threads:
        written = PackedFile(file, threads)
        packer = _Packer(written, threads, kernels)
        for layer in range(config.num_layers):
            for name, parts in _sets(checkpoint, layer):
                packer.add_set(name, parts)
            for norm in NORMS:
                if (weight := checkpoint.norm(layer, norm)) is not None:
                    packer.add(f"{layer}.{norm}", pad_rows(weight))
            checkpoint.release()
            on_progress(layer + 1, subgraphs)
        packer.add("final", pad_rows(checkpoint.final_norm()))
        head = checkpoint.lm_head()
        packer.add_head(head, rounded=checkpoint.quantization.format not in ("dense", "gguf"))
        checkpoint.release()
        on_progress(subgraphs, subgraphs)
        digest = written.finish()
    wrote(folder / WEIGHTS_FILE, digest)
    index = {
        "tensors": written.tensors,
        "sets": {name: [asdict(product) for product in products] for name, products in packer.sets.items()},
    }
    (folder / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    return tuple(packer.notes)


def _sets(checkpoint: Checkpoint, layer: int) -> Iterator[tuple[str, list[Linear]]]:
    """A layer's projections that read the same input, loaded when they are asked for. Raises UnsupportedModel where
    its experts cannot be computed together."""
    experts = checkpoint.config.experts_of(layer)
    if experts is not None:
        yield set_name(layer, ("router",)), [checkpoint.router(layer)]
    for projections in SETS:
        if experts is None or projections[0] not in INNER:
            yield set_name(layer, projections), [checkpoint.linear(layer, name) for name in projections]
            continue
        kinds = set()
        for number in range(experts.count):
            parts = [checkpoint.expert(layer, number, name) for name in projections]
            kinds.add(tuple(map(_kind, parts)))
            if len(kinds) > 1 or None in next(iter(kinds)):
                raise UnsupportedModel(
                    f"The experts of layer {layer} differ in how they are stored, or have reordered or scaled inputs.",
                    "Use another quantisation of the model, such as a GGUF file in Q4_K_M.",
                )
            yield set_name(expert_name(layer, number), projections), parts


class PackedWeights:
    """``folder`` holds what ``pack`` wrote. Addresses are those of the mapped file, which lives as long as this."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
        self._tensors: dict[str, tuple[int, str]] = {name: tuple(found) for name, found in index["tensors"].items()}
        self._sets = {
            name: tuple(Product(**(found | {"sizes": tuple(found["sizes"])})) for found in products)
            for name, products in index["sets"].items()
        }
        with (folder / WEIGHTS_FILE).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        for wish in ("MADV_HUGEPAGE", "MADV_WILLNEED"):
            with suppress(OSError):  # a system without large pages
                if hasattr(mmap, wish):
                    self._map.madvise(getattr(mmap, wish))
        self._base = np.frombuffer(self._map, np.uint8).ctypes.data
        self.nbytes = len(self._map)

    def products(self, name: str) -> tuple[Product, ...]:
        """What computes a set of projections: one product, or one for each where they differ in more than outputs."""
        return self._sets[name]

    def address(self, name: str) -> int:
        """0 where there is no such tensor."""
        return self._base + self._tensors[name][0] if name in self._tensors else 0

    def dtype(self, name: str) -> str:
        return self._tensors[name][1]


class _Packer:
    """``kernels`` are those that pack blocks, None where there are no such weights."""

    def __init__(self, file: PackedFile, threads: ThreadPoolExecutor, kernels: Library | None) -> None:
        self._file, self._threads, self._kernels = file, threads, kernels
        self._free: list[NDArray[np.uint8]] = []  # room for parts; to make new room takes longer than to pack
        self.sets: dict[str, list[Product]] = {}
        self.notes: list[str] = []

    def add(self, name: str, array: NDArray[Any]) -> None:
        self._file.add(name, array)

    def add_set(self, name: str, parts: list[Linear]) -> None:
        kinds = {_kind(part) for part in parts}
        if len(kinds) == 1 and None not in kinds:
            self.sets[name] = [self._product(name, parts)]
        else:
            self.sets[name] = [self._product(f"{name}.{i}", [part]) for i, part in enumerate(parts)]

    def add_head(self, head: Linear, *, rounded: bool) -> None:
        """``rounded``: in 8 bits, if it is stored in full precision."""
        if rounded and isinstance(head, DenseLinear):
            group = math.gcd(head.shape[1], _HEAD_GROUP)
            if group % _SMALLEST_GROUP == 0:
                self.notes.append("The output layer (lm_head), stored in full precision, is rounded to 8 bits.")
                self.sets["head"] = [self._eight_bits("head", head, group)]
                return
        if isinstance(head, DenseLinear):
            self.sets["head"] = [self._as_stored("head", head)]
        else:
            self.add_set("head", [head])

    def _as_stored(self, name: str, linear: DenseLinear) -> Product:
        """Some rows at a time, as a vocabulary has very many."""
        out, inputs = linear.shape
        whole = linear.weight if isinstance(linear.weight, StoredRows) else StoredRows(linear.weight)
        half = all(_exact_as_half(rows) for _, rows in whole.chunks())
        if linear.bias is not None:
            self.add(f"{name}.bias", pad_rows(linear.bias))
        kind: np.dtype[Any] = np.dtype(np.float16 if half else np.float32)
        self._file.begin(f"{name}.weights", kind)
        for _, rows in whole.chunks():
            self._file.write(_float_tiles(rows.astype(kind)).reshape(-1).view(np.uint8))
        return Product(name, 16 if half else 32, inputs, (out,), inputs)

    def _product(self, name: str, parts: list[Linear]) -> Product:
        quantized = [part for part in parts if isinstance(part, QuantizedLinear)]
        blocks = [part for part in parts if isinstance(part, BlockLinear)]
        inputs = parts[0].shape[1]
        sizes = tuple(part.shape[0] for part in parts)
        if any(part.bias is not None for part in parts):
            biases = [np.zeros(part.shape[0], np.float32) if part.bias is None else part.bias for part in parts]
            self.add(f"{name}.bias", np.concatenate([pad_rows(bias) for bias in biases]))
        if blocks:
            return self._in_blocks(name, blocks, sizes)
        if quantized and quantized[0].group % _SMALLEST_GROUP == 0:
            self.add(f"{name}.weights", np.concatenate([four_bit_tiles(part.q) for part in quantized]))
            self._add_scales(name, [part.scale for part in quantized], [part.zero for part in quantized])
            self._add_preparation(name, quantized[0])
            return Product(name, 4, inputs, sizes, quantized[0].group)
        if quantized:
            self.notes.append(f"Groups of {quantized[0].group} have no INT4 kernel: {name} is computed in float32.")
        self.add(f"{name}.weights", np.concatenate([_float_tiles(part.dense()) for part in parts]))
        return Product(name, 32, inputs, sizes, inputs)

    def _in_blocks(self, name: str, parts: list[BlockLinear], sizes: tuple[int, ...]) -> Product:
        kind, inputs = parts[0].weight.kind, parts[0].shape[1]
        assert kind.group in BLOCK_GROUPS, f"no kernel adds up groups of {kind.group}"
        scales = self._add_blocks(f"{name}.weights", kind, [part.weight for part in parts])
        for field, array in scales.items():
            self.add(f"{name}.{field}", array)
        return Product(name, kind.bits, inputs, sizes, kind.group, kind.elements // kind.group, zero_of(kind))

    def _add_blocks(self, name: str, kind: BlockType, parts: Sequence[BlockRows]) -> Tiles:
        """Threads pack stretches of rows. Returns what the tiles are worth."""
        kernels = self._kernels
        assert kernels is not None, "the model has no blocks"
        inputs = parts[0].shape[1]
        size = tile_bytes(kind, inputs)
        scales = scales_room(kind, inputs, sum(padded(len(part.data)) // TILE for part in parts))
        self._file.begin(name, np.dtype(np.uint8))
        part_bytes = max(PART_BYTES, size)

        def packed(first: int, tiles: int, rows: Bytes, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
            weights = buffer[: tiles * size].reshape(tiles, size)
            beside = {field: array[first : first + tiles] for field, array in scales.items()}
            pack_into(kernels, kind, rows, {"weights": weights, **beside})
            return weights.reshape(-1)

        def first_finished() -> None:
            future, buffer = running.popleft()
            self._file.write(future.result())
            self._free.append(buffer)

        running: deque[tuple[Future[NDArray[np.uint8]], NDArray[np.uint8]]] = deque()
        for stretch in stretches(parts):
            if len(running) > _AHEAD:
                first_finished()
            buffer = self._free.pop() if self._free else np.empty(part_bytes, np.uint8)
            buffer = buffer if len(buffer) >= part_bytes else np.empty(part_bytes, np.uint8)
            running.append((self._threads.submit(packed, *stretch, buffer), buffer))
        while running:
            first_finished()
        return scales

    def _eight_bits(self, name: str, linear: DenseLinear, group: int) -> Product:
        """Symmetric around 128."""
        out, inputs = linear.shape
        scales = np.empty((out, inputs // group), np.float32)
        whole = linear.weight if isinstance(linear.weight, StoredRows) else StoredRows(linear.weight)
        packed = np.zeros((padded(out) // TILE, inputs * TILE), np.uint8)
        for rows, weight in whole.chunks():
            groups = weight.reshape(len(weight), -1, group)
            scales[rows] = np.maximum(np.abs(groups).max(-1), np.float32(1e-20)) / 127
            q = (np.rint(groups / scales[rows][:, :, None]) + 128).astype(np.uint8)
            tiles = byte_tiles(q.reshape(len(weight), inputs))
            first = rows.start // TILE
            packed[first : first + len(tiles)] = tiles.reshape(len(tiles), -1)
        self.add(f"{name}.weights", packed)
        self._add_scales(name, [scales], [np.full(scales.shape, 128, np.uint8)])
        if linear.bias is not None:
            self.add(f"{name}.bias", pad_rows(linear.bias))
        return Product(name, 8, inputs, (out,), group)

    def _add_scales(self, name: str, scales: list[Float], zeros: list[NDArray[np.uint8]]) -> None:
        scale = np.concatenate([group_tiles(part) for part in scales])
        with np.errstate(over="ignore"):
            half = scale.astype(np.float16)
        self.add(f"{name}.scales", half if (half.astype(np.float32) == scale).all() else scale)
        self.add(f"{name}.zeros", np.concatenate([group_tiles(part) for part in zeros]))

    def _add_preparation(self, name: str, linear: QuantizedLinear) -> None:
        """What happens to the input: a scale, then an order; both are written if there is one of them."""
        if linear.input_scale is None and linear.input_order is None:
            return
        inputs = linear.shape[1]
        scale, order = linear.input_scale, linear.input_order
        self.add(f"{name}.input_scale", np.ones(inputs, np.float32) if scale is None else scale)
        self.add(f"{name}.input_order", np.arange(inputs) if order is None else order.astype(np.int64))


def _kind(linear: Linear) -> tuple[object, ...] | None:
    """Linears of one kind can be one product; None for one that stands alone."""
    if isinstance(linear, DenseLinear):
        return ("dense",)
    if isinstance(linear, BlockLinear):
        return ("blocks", linear.weight.kind.name)
    if linear.input_scale is not None or linear.input_order is not None:
        return None
    return ("int4", linear.group)


def _exact_as_half(weight: Float) -> bool:
    with np.errstate(over="ignore"):
        return bool((weight.astype(np.float16).astype(np.float32) == weight).all())


def _float_tiles(weight: NDArray[Any]) -> NDArray[Any]:
    """[out, in] -> [tiles, in * TILE]"""
    tiles = pad_rows(weight).reshape(-1, TILE, weight.shape[1])
    return np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(len(tiles), -1)
