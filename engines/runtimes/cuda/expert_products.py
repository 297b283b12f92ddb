"""Launches of the products of experts (``kernels/expert_products.cu``): how the tiles of all items are shared out over
the card. How many experts a step's rows choose is known on the card alone; plans are made for as many as they choose on
average.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.model.experts_config import ExpertsConfig
from engines.runtimes.cuda.arguments import ProductArguments
from engines.runtimes.cuda.card.compiler import Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import CHUNK, TILE, groups_of_chunk, settings_of, unit_bytes
from engines.runtimes.cuda.weights import DeviceProduct

_WARPS = 16
_RESERVED = 2048  # shared memory that a block takes beside what it asks for
_RING_SHARE = {2: 0.6, 8: 0.45, 16: 0.4, 32: 0.3}  # of a block's shared memory, by rows
_MOST_SHARING = {2: 16, 8: 8, 16: 4, 32: 2}  # warps that share the inputs of a tile, by rows
_AT_ONCE = {2: 1, 8: 1, 16: 1, 32: 1}  # blocks of a multiprocessor, by rows
_COST_OF_TILE = 0.5  # for a warp, in units, beside its units
_DEVIATIONS = 2  # of an expert's rows from their mean, that an item has room for


@dataclass(frozen=True, slots=True)
class Plan:
    """``sharing`` warps share the inputs of a tile, of which ``slice`` are in shared memory; ``batch_tiles`` tiles are
    summed up at a time. ``shared`` bytes a block."""

    variant: int
    blocks: int
    sharing: int
    slice: int
    slices: int
    batch_tiles: int
    shared: int


class ExpertProducts:
    """The kernels for all kinds of weights among ``products``, of layers with such ``experts``."""

    def __init__(
        self, device: Device, products: Sequence[DeviceProduct], experts: ExpertsConfig, cache: Path | None
    ) -> None:
        self._device, self._experts = device, experts
        groups = sorted({product.group for product in products})
        self._modules = {
            group: device.load(compile_kernels(name, device.capability, settings, cache))
            for group, (name, settings) in zip(groups, kernels_of(device, groups), strict=True)
        }

    def queue(self, product: DeviceProduct, arguments: ProductArguments, rows: int, *, items_known: bool) -> None:
        """Of a step of ``rows``. The arguments name source, target and items, which with ``items_known`` are there
        before the kernel ahead has ended; the rest is entered here."""
        plan = self.plan(product, rows)
        arguments.rows, arguments.splits, arguments.slice = rows, plan.slices, plan.slice
        arguments.batch_tiles, arguments.sharing_log = plan.batch_tiles, plan.sharing.bit_length() - 1
        arguments.items_known = int(items_known)
        kernel = self._modules[product.group][f"product_{plan.variant}"]
        self._device.launch(kernel, (plan.blocks, 1, 1), 32 * _WARPS, plan.shared, arguments)

    def plan(self, product: DeviceProduct, rows: int) -> Plan:
        variant = next(variant for variant in _RING_SHARE if width_of(self._experts, rows) <= variant)
        budget, group = _budget(self._device, variant), product.group
        blocks = self._device.multiprocessors * _AT_ONCE[variant]
        ring = _WARPS * _stages(budget, group, variant) * unit_bytes(group)
        columns = -(-variant // 8) * 8
        of_warp = TILE * 4 * (2 if variant == 2 else columns)  # bytes of a tile's sums
        chunk = 2 * CHUNK * variant + 4 * columns * groups_of_chunk(group)  # of the inputs and their sums
        most = min(product.tiles, -(-most_items(self._experts, rows) * product.tiles // blocks))  # tiles of a run
        left, least = budget - ring - 64 * variant, _WARPS * of_warp
        if left - least < product.chunks * chunk:  # every run reads all inputs again: many tiles in each
            least = max(least, min(left // 2, most * of_warp * _MOST_SHARING[variant]))
        slice_chunks = -(-product.chunks // -(-product.chunks // max(1, (left - least) // chunk)))
        own = -(-math.ceil(_likely_items(self._experts, rows) * product.tiles) // blocks)  # tiles of a block
        sharing = _sharing(own, slice_chunks, _MOST_SHARING[variant])
        together = _WARPS // sharing
        batch_tiles = min(most, max(1, (left - slice_chunks * chunk) // (_WARPS * of_warp)) * together)
        shared = ring + 64 * variant + slice_chunks * chunk + batch_tiles * sharing * of_warp
        slices = -(-product.chunks // slice_chunks)
        return Plan(variant, blocks, sharing, slice_chunks * CHUNK, slices, batch_tiles, shared)


def width_of(experts: ExpertsConfig, rows: int) -> int:
    """Rows of an item at most: as many as an expert has in most cases, since each item reads all of its weights."""
    mean = rows * experts.chosen / experts.count
    wanted = mean + _DEVIATIONS * math.sqrt(mean)
    return min(rows, next((variant for variant in _RING_SHARE if variant > 2 and wanted <= variant), max(_RING_SHARE)))


def most_items(experts: ExpertsConfig, rows: int) -> int:
    """That rows can make: each expert may have one that is not full."""
    pairs = rows * experts.chosen
    return min(pairs, min(experts.count, pairs) + pairs // width_of(experts, rows))


def kernels_of(device: Device, groups: Iterable[int]) -> list[Kernels]:
    """What is compiled for experts of these kinds (``packing``), in this order."""
    found: list[Kernels] = []
    for group in groups:
        settings = settings_of(group) | {"WARPS": _WARPS, "WARPS_LOG": _WARPS.bit_length() - 1}
        for variant in _RING_SHARE:
            settings[f"STAGES_{variant}"] = _stages(_budget(device, variant), group, variant)
            settings[f"AT_ONCE_{variant}"] = _AT_ONCE[variant]
        found.append(("expert_products", settings))
    return found


def _likely_items(experts: ExpertsConfig, rows: int) -> float:
    """Of rows that choose at random."""
    passed = experts.count * (1 - (1 - experts.chosen / experts.count) ** rows)
    return max(passed, rows * experts.chosen / width_of(experts, rows))


def _sharing(tiles: int, chunks: int, most: int) -> int:
    """Where a block's warps have the least to do one after the other: whole rounds of tiles, one more where an item
    ends within a block's tiles, and shares of a tile."""

    def cost(sharing: int) -> float:
        return (1 + -(-tiles * sharing // _WARPS)) * (-(-chunks // sharing) + _COST_OF_TILE)

    return min((1 << log for log in range(_WARPS.bit_length()) if 1 << log <= most), key=cost)


def _budget(device: Device, variant: int) -> int:
    """Shared memory of a block."""
    return min(device.shared_bytes_of_block, device.shared_bytes // _AT_ONCE[variant]) - _RESERVED


def _stages(budget: int, group: int, variant: int) -> int:
    return max(1, int(budget * _RING_SHARE[variant]) // (_WARPS * unit_bytes(group)))
