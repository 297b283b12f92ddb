"""Launches of the products of experts (``kernels/expert_products.cu``): how the tiles of all items are shared out over
the card. How many experts a step's rows choose is known on the card alone; plans are made for as many as they choose on
average.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.model.experts_config import ExpertsConfig
from engines.runtimes.cuda.arguments import ProductArguments
from engines.runtimes.cuda.card.compiler import Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import CHUNK, TILE, groups_of_chunk, settings_of, unit_bytes
from engines.runtimes.cuda.products import FEW, WARPS
from engines.runtimes.cuda.weights import DeviceProduct

_RESERVED = 2048  # shared memory that a block takes beside what it asks for
_RING_SHARE = {2: 0.6, 8: 0.45, 16: 0.4, 32: 0.3}  # of a block's shared memory, by rows
_MOST_SHARING = {2: 16, 8: 8, 16: 4, 32: 2}  # warps that share the inputs of a tile, by rows
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


class ExpertPlans:
    """For layers with such ``experts``, whose weights are of these kinds (``packing``)."""

    def __init__(self, device: Device, experts: ExpertsConfig, groups: Collection[int]) -> None:
        self._device, self._experts = device, experts
        self._widest = max(variant for variant in _RING_SHARE if all(_fits(device, group, variant) for group in groups))

    def width(self, rows: int) -> int:
        """Rows of an item at most: as many as an expert has in most cases, since each item reads all of its weights."""
        mean = rows * self._experts.chosen / self._experts.count
        wanted = mean + _DEVIATIONS * math.sqrt(mean)
        fitting = (variant for variant in _RING_SHARE if variant > 2 and wanted <= variant)
        return min(rows, next(fitting, FEW), self._widest)

    def plan(self, group: int, tiles: int, chunks: int, rows: int) -> Plan:
        """For a step of ``rows``."""
        experts, width = self._experts, self.width(rows)
        variant = next(variant for variant in _RING_SHARE if width <= variant)
        blocks, left = self._device.multiprocessors, _room(self._device, group, variant)
        of_warp, chunk = _sums_of_warp(variant), _bytes_of_chunk(group, variant)
        pairs = rows * experts.chosen
        passed = experts.count * (1 - (1 - experts.chosen / experts.count) ** rows)  # by rows that choose at random
        own = math.ceil(max(passed, pairs / width) * tiles / blocks)  # tiles of a block
        most_items = min(pairs, min(experts.count, pairs) + pairs // width)  # each expert may have one not full
        most = min(tiles, -(-most_items * tiles // blocks))  # tiles of a run
        least = WARPS * of_warp
        if left - least < chunks * chunk:  # every run reads all inputs again: many tiles in each
            least = max(least, min(left // 2, most * of_warp * _MOST_SHARING[variant]))
        slice_chunks = -(-chunks // -(-chunks // max(1, (left - least) // chunk)))
        sharing = _sharing(own, slice_chunks, _MOST_SHARING[variant])
        room = max(1, (left - slice_chunks * chunk) // (WARPS * of_warp)) * (WARPS // sharing)
        batch_tiles = min(most, room)
        shared = _budget(self._device) - left + slice_chunks * chunk + batch_tiles * sharing * of_warp
        return Plan(variant, blocks, sharing, slice_chunks * CHUNK, -(-chunks // slice_chunks), batch_tiles, shared)


class ExpertProducts:
    """The kernels for all kinds of weights among ``products``."""

    def __init__(
        self, device: Device, products: Sequence[DeviceProduct], experts: ExpertsConfig, cache: Path | None
    ) -> None:
        groups = sorted({product.group for product in products})
        self._device, self._plans = device, ExpertPlans(device, experts, groups)
        self._modules = {
            group: device.load(compile_kernels(name, device.capability, settings, cache))
            for group, (name, settings) in zip(groups, kernels_of(device, groups), strict=True)
        }

    def width(self, rows: int) -> int:
        return self._plans.width(rows)

    def queue(self, product: DeviceProduct, arguments: ProductArguments, rows: int, *, items_known: bool) -> None:
        """Of a step of ``rows``. The arguments name source, target and items, which with ``items_known`` are there
        before the kernel ahead has ended; the rest is entered here."""
        plan = self._plans.plan(product.group, product.tiles, product.chunks, rows)
        arguments.splits, arguments.slice = plan.slices, plan.slice
        arguments.batch_tiles, arguments.sharing_log = plan.batch_tiles, plan.sharing.bit_length() - 1
        arguments.items_known = int(items_known)
        kernel = self._modules[product.group][f"product_{plan.variant}"]
        self._device.launch(kernel, (plan.blocks, 1, 1), 32 * WARPS, plan.shared, arguments)


def kernels_of(device: Device, groups: Iterable[int]) -> list[Kernels]:
    """What is compiled for experts of these kinds (``packing``), in this order."""
    found: list[Kernels] = []
    for group in groups:
        settings = settings_of(group) | {"WARPS": WARPS, "WARPS_LOG": WARPS.bit_length() - 1}
        settings |= {f"STAGES_{variant}": _stages(device, group, variant) for variant in _RING_SHARE}
        found.append(("expert_products", settings))
    return found


def _sharing(tiles: int, chunks: int, most: int) -> int:
    """Where a block's warps have the least to do one after the other: whole rounds of tiles, one more where an item
    ends within a block's tiles, and shares of a tile."""

    def cost(sharing: int) -> float:
        return (1 + -(-tiles * sharing // WARPS)) * (-(-chunks // sharing) + _COST_OF_TILE)

    return min((1 << log for log in range(WARPS.bit_length()) if 1 << log <= most), key=cost)


def _budget(device: Device) -> int:
    """Shared memory of a block."""
    return device.shared_bytes_of_block - _RESERVED


def _stages(device: Device, group: int, variant: int) -> int:
    return max(1, int(_budget(device) * _RING_SHARE[variant]) // (WARPS * unit_bytes(group)))


def _room(device: Device, group: int, variant: int) -> int:
    """Shared memory of a block beside its ring, for inputs and sums."""
    return _budget(device) - WARPS * _stages(device, group, variant) * unit_bytes(group) - 64 * variant


def _fits(device: Device, group: int, variant: int) -> bool:
    return _room(device, group, variant) >= WARPS * _sums_of_warp(variant) + _bytes_of_chunk(group, variant)


def _columns(variant: int) -> int:
    return -(-variant // 8) * 8


def _sums_of_warp(variant: int) -> int:
    """Bytes, for a tile."""
    return TILE * 4 * (2 if variant == 2 else _columns(variant))


def _bytes_of_chunk(group: int, variant: int) -> int:
    """Of a unit's inputs and their sums."""
    return 2 * CHUNK * variant + 4 * _columns(variant) * groups_of_chunk(group)
