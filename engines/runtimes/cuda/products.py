"""Launches of the product kernels: how the rows of the weights and the inputs are shared out over the card.

Where at most two rows are computed a block's shared memory is bounded so that two blocks fit on a multiprocessor: the
next product's block loads its first weights while this one ends. With more rows their inputs take that room.
"""

from collections.abc import Iterable, Sequence
from ctypes import c_float, c_int, c_void_p
from dataclasses import dataclass
from pathlib import Path

from engines.runtimes.cuda.arguments import ProductArguments
from engines.runtimes.cuda.card.compiler import Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import CHUNK, TILE, groups_of_chunk, settings_of, unit_bytes
from engines.runtimes.cuda.weights import DeviceProduct

FEW = 32  # rows at most
WARPS = 16
_RESERVED = 2048  # shared memory that a block takes beside what it asks for
_ATTENTION = 12 << 10  # left for the attention that runs between two products
_RING_SHARE = {2: 0.66, 8: 0.45, 16: 0.4, 32: 0.3}  # of a block's shared memory, by rows
_SHARING = {2: 16, 8: 4, 16: 4, 32: 1}  # warps that share the inputs of a tile, by rows
_LARGEST_SPLIT = 128


@dataclass(frozen=True, slots=True)
class Plan:
    """``blocks`` share the outputs, ``splits`` the inputs (``slice`` of them each). ``batch_tiles`` tiles are summed up
    at a time. ``shared`` bytes a block."""

    variant: int
    blocks: int
    splits: int
    slice: int
    batch_tiles: int
    shared: int


class Products:
    """The kernels for all kinds of weights among ``products``."""

    def __init__(
        self,
        device: Device,
        products: Sequence[DeviceProduct],
        cache: Path | None,
        tables: Sequence[DeviceProduct] = (),
    ) -> None:
        """``tables`` are embeddings in blocks."""
        self._device = device
        self._budgets = _budgets(device)
        groups = sorted({product.group for product in (*products, *tables)})
        self._modules = {
            group: device.load(compile_kernels(name, device.capability, settings, cache))
            for group, (name, settings) in zip(groups, kernels_of(device, groups), strict=True)
        }
        shapes = {(p.group, p.tiles, p.chunks) for p in products}
        plans = [(self.plan(*shape, rows), shape[1]) for shape in shapes for rows in range(1, FEW + 1)]
        room = max((plan.splits * tiles for plan, tiles in plans if plan.splits > 1), default=0)
        self._partial = device.allocate(4 * FEW * TILE * room)
        self._counters = device.allocate(4 * device.multiprocessors, zero=True)

    def queue(self, product: DeviceProduct, arguments: ProductArguments, rows: int) -> None:
        """At most 32 rows. The arguments name source and target; the rest is entered here."""
        plan = self.plan(product.group, product.tiles, product.chunks, rows)
        arguments.rows, arguments.splits, arguments.slice = rows, plan.splits, plan.slice
        arguments.batch_tiles = plan.batch_tiles
        arguments.partial, arguments.counters = self._partial, self._counters
        kernel = self._modules[product.group][f"product_{plan.variant}"]
        self._device.launch(kernel, (plan.blocks, plan.splits, 1), 32 * WARPS, plan.shared, arguments)

    def rows_at_once(self, product: DeviceProduct) -> int:
        """Rows of a launch, at most: 32, or as many as a block of this card has room for."""
        plans = (self.plan(product.group, product.tiles, product.chunks, rows) for rows in (FEW, FEW // 2))
        return next(
            (plan.variant for plan in plans if plan.shared <= self._device.shared_bytes_of_block - _RESERVED // 2), 8
        )

    def expand(self, product: DeviceProduct, target: int) -> None:
        """The weights as float16 [tiles * 16, chunks * 128]."""
        units = product.tiles * product.chunks
        self._device.launch(
            self._modules[product.group]["expand"], (-(-units // 8), 1, 1), 256, 0, c_void_p(product.units),
            c_void_p(target), c_int(units), c_int(product.chunks), c_int(product.chunks * CHUNK),
        )  # fmt: skip

    def embed(
        self,
        table: DeviceProduct,
        tokens: int,
        residual: int,
        squares: int,
        rows: int,
        parts: int,
        scale: float,
        number: int = 0,
    ) -> None:
        """Rows of a table in blocks to the residual stream, times ``scale``, with their sums of squares."""
        self._device.launch(
            self._modules[table.group]["embed"], (rows, 1, 1), 256, 0, c_void_p(tokens), c_void_p(table.units),
            c_void_p(residual), c_void_p(squares), c_int(table.inputs), c_int(parts), c_float(scale),
            c_void_p(number), c_int(table.chunks),
        )  # fmt: skip

    def plan(self, group: int, tiles: int, chunks: int, rows: int) -> Plan:
        variant = min(variant for variant in _RING_SHARE if rows <= variant)
        budget, multiprocessors = self._budgets[variant], self._device.multiprocessors
        ring = WARPS * _stages(budget, group, variant) * unit_bytes(group)
        columns = -(-variant // 8) * 8
        together = WARPS // _SHARING[variant]  # tiles
        sums = _SHARING[variant] * TILE * 4 * (2 if variant == 2 else columns)  # of one tile
        chunk = 2 * CHUNK * rows + 4 * columns * groups_of_chunk(group)  # of the inputs and their sums
        largest_slice = max(1, (budget - ring - together * sums - 64 * rows) // chunk)  # in chunks
        splits = -(-chunks // largest_slice)
        if splits == 1 and tiles * 2 <= multiprocessors:
            splits = max(1, min(_LARGEST_SPLIT, multiprocessors // tiles, chunks // _SHARING[variant]))
        slice_chunks = -(-chunks // splits)
        splits = -(-chunks // slice_chunks)
        assert splits <= _LARGEST_SPLIT, f"{splits} shares of {chunks * CHUNK} inputs"
        blocks = max(1, min(tiles, multiprocessors // splits))
        x_bytes = slice_chunks * chunk + 64 * rows
        batch_tiles = min(-(-tiles // blocks), max(1, (budget - ring - x_bytes) // (together * sums)) * together)
        shared = ring + x_bytes + batch_tiles * sums
        return Plan(variant, blocks, splits, slice_chunks * CHUNK, batch_tiles, shared)


def arguments_for(
    product: DeviceProduct, mode: int, target: int, stride: int, *, parts: int = 0, eps: float = 0.0
) -> ProductArguments:
    """Without the source; ``parts`` and ``eps`` are those of a norm."""
    return ProductArguments(
        weights=product.units, bias=product.bias, order=product.order, input_scale=product.input_scale,
        output_scale=product.output_scale, target=target, target_stride=stride, tiles=product.tiles,
        chunks=product.chunks, inputs=product.inputs, outputs=product.outputs, parts=parts, mode=mode, eps=eps,
    )  # fmt: skip


def kernels_of(device: Device, groups: Iterable[int]) -> list[Kernels]:
    """What is compiled for weights in groups of these sizes, or in other kinds (``packing``), in this order."""
    found: list[Kernels] = []
    for group in groups:
        settings = settings_of(group) | {"WARPS": WARPS}
        settings |= {
            f"STAGES_{variant}": _stages(budget, group, variant) for variant, budget in _budgets(device).items()
        }
        settings |= {f"SHARING_{variant}": sharing for variant, sharing in _SHARING.items()}
        found.append(("product", settings))
    return found


def _budgets(device: Device) -> dict[int, int]:
    """Shared memory of a block, by variant."""
    half = (device.shared_bytes - _ATTENTION) // 2
    return {variant: (half if variant == 2 else device.shared_bytes_of_block) - _RESERVED for variant in _RING_SHARE}


def _stages(budget: int, group: int, variant: int) -> int:
    return max(1, int(budget * _RING_SHARE[variant]) // (WARPS * unit_bytes(group)))
