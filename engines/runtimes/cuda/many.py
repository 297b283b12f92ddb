"""Launches of the products for many rows on Hopper cards (``kernels/many.cu``, ``kernels/prompt.cu``): how outputs,
rows and inputs are shared out over the card. Rows are packed (``packed_place`` in ``kernels/common.cuh``).
"""

from collections.abc import Collection, Sequence
from ctypes import c_void_p
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engines.runtimes.cuda.arguments import GATED, RESIDUAL, STORE, ProductArguments
from engines.runtimes.cuda.block_forms import is_blocks
from engines.runtimes.cuda.card.compiler import HOPPER, Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device, Kernel
from engines.runtimes.cuda.card.tensor_map import MAP_BYTES, tensor_map
from engines.runtimes.cuda.packing import CHUNK, WHOLE_ROW, bits_of, unit_bytes
from engines.runtimes.cuda.weights import DeviceProduct

_TILES = 8  # of outputs, times the blocks of a variant
_LARGEST_CLUSTER = 6
_MOST_SLOTS = 16
_RESERVED = 2048  # shared memory that a block takes beside what it asks for
_STEP, _START, _ADDING = 1000, 3500, 800  # cycles for 128 outputs by 128 inputs, of a block, to add up in a cluster
_START_OF_128 = 11000  # with 128 rows, for 128 outputs: there is much to hand on
_NEXT, _STAYING = 5000, 1.17  # the same of a block that stays, and how much longer than 1 cycle for 8 rows it takes
_TOGETHER = 1.15  # so much longer two blocks on a multiprocessor take than one
_WORD = 8  # bytes of an element, as the units are described to the card


@dataclass(frozen=True, slots=True)
class Variant:
    """A kernel: rows, and times 128 outputs, of a block; how many groups of its warps share the inputs; chunks that it
    copies at a time; its warps; how many blocks of it fit on a multiprocessor. ``stays``: a block goes on to the next
    outputs."""

    columns: int
    blocks: int
    halves: int
    chunks: int
    warps: int
    together: int
    stays: bool = False

    @property
    def name(self) -> str:
        return f"prompt_{self.columns}" if self.stays else f"many_{self.columns}_{self.blocks}_{self.halves}"


VARIANTS = (
    Variant(8, 1, 1, 2, 10, 2),
    Variant(16, 1, 1, 2, 10, 2),
    Variant(32, 1, 1, 2, 10, 2),
    Variant(64, 1, 2, 2, 17, 1),
    Variant(64, 2, 1, 1, 9, 1),
    Variant(128, 1, 1, 1, 9, 1),
    Variant(128, 2, 1, 1, 12, 1),
    Variant(128, 2, 1, 1, 12, 1, stays=True),
    Variant(160, 2, 1, 1, 12, 1, stays=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster of ``splits`` blocks shares the inputs; ``slots`` of the ring, ``shared`` bytes a block, in which sums
    lie from ``sums_at`` on."""

    variant: Variant
    splits: int
    slots: int
    shared: int
    sums_at: int


def variants_for(rows: int, mode: int) -> list[Variant]:
    """Those with the fewest columns that hold so many rows; from 128 on also those with more. Blocks that stay do not
    rotate and write to pages: from registers that took longer than through shared memory."""
    fewest = min(variant.columns for variant in VARIANTS if variant.columns >= min(rows, 128))
    fitting = [variant for variant in VARIANTS if variant.columns == fewest or fewest == 128 < variant.columns]
    return [variant for variant in fitting if mode in (STORE, RESIDUAL, GATED) or not variant.stays]


def most_splits(variant: Variant, chunks: int) -> int:
    return 1 if variant.stays else min(_LARGEST_CLUSTER, chunks // variant.chunks)


def kernels_of(groups: Collection[int]) -> list[Kernels]:
    """What is compiled for weights in groups of these sizes or float16 (``packing``); not for INT8 and blocks, in which
    only the output layer is, for few rows."""
    return [
        (name, {"BITS": bits_of(group), "GROUP": group})
        for group in groups
        if takes(group)
        for name in ("many", "prompt")
    ]


def takes(group: int) -> bool:
    return group != WHOLE_ROW and not is_blocks(group)


def suits(device: Device) -> bool:
    return device.capability == HOPPER


class ManyProducts:
    """The kernels for all kinds of weights among ``products``."""

    def __init__(self, device: Device, products: Sequence[DeviceProduct], cache: Path | None) -> None:
        self._device = device
        products = [product for product in products if takes(product.group)]
        self._kernels: dict[tuple[int, Variant], Kernel] = {}
        for name, settings in kernels_of({product.group for product in products}):
            module = device.load(compile_kernels(name, device.capability, settings, cache))
            for variant in VARIANTS:
                if variant.stays == (name == "prompt"):
                    self._kernels[settings["GROUP"], variant] = module[variant.name]
        maps = [_describe(product) for product in products]
        address = device.array(np.frombuffer(b"".join(maps), np.uint8))
        self._maps = {product.units: address + MAP_BYTES * number for number, product in enumerate(products)}
        self.plan = lru_cache(maxsize=None)(self._plan)

    def queue(self, product: DeviceProduct, arguments: ProductArguments, rows: int) -> None:
        """The arguments name source, target and what becomes of the outputs; the rest is entered here."""
        plan = self.plan(product.group, product.tiles, product.chunks, rows, arguments.mode)
        variant = plan.variant
        arguments.rows, arguments.splits, arguments.batch_tiles = rows, plan.splits, plan.slots
        arguments.sums_at = plan.sums_at
        along, across = -(-rows // variant.columns), -(-product.tiles // (_TILES * variant.blocks))
        grid = (plan.splits, along, across)
        if variant.stays:
            grid = (min(along * across, self._device.multiprocessors), 1, 1)
        self._device.launch(
            self._kernels[product.group, variant], grid, 32 * variant.warps, plan.shared,
            arguments, c_void_p(self._maps[product.units]), cluster=plan.splits,
        )  # fmt: skip

    def _plan(self, group: int, tiles: int, chunks: int, rows: int, mode: int) -> Plan:
        choices = [
            self.make(group, chunks, variant, splits)
            for variant in variants_for(rows, mode)
            for splits in range(1, most_splits(variant, chunks) + 1)
        ]
        return min(choices, key=lambda plan: (self._cycles(group, tiles, chunks, rows, plan), plan.splits))

    def make(self, group: int, chunks: int, variant: Variant, splits: int) -> Plan:
        shares = chunks // variant.chunks
        share = -(-shares // splits)
        splits = -(-shares // share)
        slot = variant.chunks * (_TILES * variant.blocks * unit_bytes(group) + variant.columns * CHUNK * 2)
        if variant.stays:
            slots = min((self._device.shared_bytes_of_block - _RESERVED) // slot, _MOST_SLOTS)
            return Plan(variant, 1, slots, slots * slot, 0)
        tiles = -(-_TILES * variant.blocks // splits)
        sums = splits * variant.halves * tiles * (variant.columns * 64 + 64)
        half, whole = self._device.shared_bytes // 2 - _RESERVED, self._device.shared_bytes_of_block - _RESERVED
        fitting = half // slot if variant.together == 2 and half >= max(2 * slot, sums) else whole // slot
        slots = min(fitting, share, _MOST_SLOTS)
        room = half if fitting == half // slot else whole
        sums_at = slots * slot if splits > 1 and slots * slot + sums <= room else 0
        return Plan(variant, splits, slots, max(slots * slot, sums_at + sums), sums_at)

    def _cycles(self, group: int, tiles: int, chunks: int, rows: int, plan: Plan) -> float:
        """An estimate that orders plans as measurements on an H200 do."""
        variant = plan.variant
        count = -(-tiles // (_TILES * variant.blocks)) * -(-rows // variant.columns) * plan.splits
        if variant.stays:
            block = _STAYING * 8 * variant.columns * variant.blocks * chunks + _NEXT
            return -(-count // self._device.multiprocessors) * block + _START
        at_once = self._device.multiprocessors * variant.together
        if plan.splits > 1:
            at_once = plan.splits * self._device.clusters_at_once(
                self._kernels[group, variant], 32 * variant.warps, plan.shared, plan.splits
            )
        steps = -(-chunks // variant.chunks // plan.splits) * variant.chunks
        block = steps * variant.blocks * max(_STEP, 8.0 * variant.columns)
        if count > self._device.multiprocessors:
            block *= _TOGETHER
        start = _START if variant.columns < 128 else _START_OF_128 * variant.blocks
        return -(-count // at_once) * (block + start + (_ADDING if plan.splits > 1 else 0))


def _describe(product: DeviceProduct) -> bytes:
    """INT4 units as the card's copies take them: one of each of eight tiles at a time."""
    if not product.group:
        return bytes(MAP_BYTES)
    size = unit_bytes(product.group)
    sizes = (size // _WORD, product.chunks, product.tiles)
    return tensor_map(product.units, sizes, (size, size * product.chunks), (size // _WORD, 1, _TILES))
