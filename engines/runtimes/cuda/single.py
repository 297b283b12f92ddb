"""The decode step of one token as one kernel (``kernels/step.cu``): for models whose layers are five phases and whose
weights are all INT4 in groups of one size; others take the kernels of ``decoder``.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.model.config import ModelConfig
from engines.runtimes.cuda.arguments import AttentionArguments, PeersArguments, ProductArguments, StepArguments
from engines.runtimes.cuda.card.compiler import Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import TILE, chunks_of, padded, unit_bytes
from engines.runtimes.cuda.reduction import Reducer
from engines.runtimes.cuda.weights import DeviceWeights

_STATIC = 9 << 10  # shared memory that the kernel declares itself, and alignment
_WARPS = range(8, 11)  # that compute, beside one that adds and one that reads the weights
_PART = 4  # units of a part of a tile, that a warp takes
_FEWEST_SLOTS = 3
_MOST_SLOTS = 16
IN_FLIGHT = (3, 4, 5, 6, 8)  # pieces of weights under way at a time; which is the fastest depends on card and model
_MOST_UNITS = 16  # of a tile, that a warp takes
_COLUMNS = 8  # queries that share a KV head, at most
_KINDS = 4  # of products in a layer


@dataclass(frozen=True, slots=True)
class Plan:
    """Of the units of a tile each of ``warps`` takes ``units``: of q, k, v, gate and up; of o; of down. The ring has
    ``slots``; places in a block's memory and its size in bytes."""

    warps: int
    units: tuple[int, int, int]
    slots: int
    tables_at: int
    residual_at: int
    room_at: int
    shared: int


class SingleStep:
    """``products`` are a layer's four in order, layer after layer, then perhaps the output layer; ``attentions`` one a
    layer. Of several cards, which ``reducer`` knows, each has a share of every product."""

    def __init__(
        self,
        device: Device,
        config: ModelConfig,
        products: Sequence[ProductArguments],
        attentions: Sequence[AttentionArguments],
        group: int,
        cache: Path | None,
        reducer: Reducer | None = None,
    ) -> None:
        self._device, self._plan = device, plan_of(device, config, group)
        plan, head_padded = self._plan, padded(config.head_dim, 32)
        repeat = config.num_heads // config.num_kv_heads
        name, settings = kernel_of(device, config, group, 1 if reducer is None else reducer.cards)
        self._kernel = device.load(compile_kernels(name, device.capability, settings, cache))["step"]
        most_splits = max(1, device.multiprocessors // config.num_kv_heads)
        weights = [address or 0 for product in products for address in (product.weights, product.norm, product.bias)]
        layers = [value or 0 for of in attentions for value in (of.keys, of.values, of.window)]
        count = device.multiprocessors
        shares = device.array(np.linspace(0, 65536, count + 1).round().astype(np.uint32))
        self.number = device.array(np.zeros(4, np.uint32))
        of_share = head_padded + 2  # values of a query's share of attention, in words of 8 bytes
        sizes = (
            config.hidden_size, config.hidden_size, config.q_size, config.intermediate_size,
            config.q_size + 2 * config.kv_size, 2 * config.num_kv_heads * most_splits * repeat * of_share,
        )  # fmt: skip
        self._arguments = StepArguments(
            _array(device, [*products[:_KINDS], products[-1]]), _array(device, attentions[:1]),
            device.array(np.array(weights, np.uint64)), device.array(np.array(layers, np.uint64)), self.number, shares,
            *(device.allocate(4 * size + 64, zero=True) for size in sizes), config.num_layers, len(products),
            plan.tables_at, plan.residual_at, plan.room_at, IN_FLIGHT[0],
            PeersArguments() if reducer is None else reducer.peers,
        )  # fmt: skip

    def set_in_flight(self, pieces: int) -> None:
        """Of the steps that are queued from now on; one of ``IN_FLIGHT``."""
        self._arguments.in_flight = pieces

    def queue(self) -> None:
        """After the embedding, which counts the steps."""
        grid = (self._device.multiprocessors, 1, 1)
        self._device.launch(
            self._kernel, grid, 32 * (self._plan.warps + 2), self._plan.shared, self._arguments, together=True
        )


def suits(device: Device, config: ModelConfig, weights: DeviceWeights) -> bool:
    """Whether the model's step can be one kernel on this card."""
    products = [product for layer in weights.layers for product in layer.products.values()]
    groups = {product.group for product in products}
    if weights.expert_products or config.qk_norm or config.post_norms or len(groups) != 1 or min(groups) <= 0:
        return False
    if any(product.reorders for product in products):
        return False
    if config.num_heads // config.num_kv_heads > _COLUMNS or config.num_kv_heads > device.multiprocessors:
        return False
    if config.hidden_size % TILE or config.intermediate_size % 8:
        return False
    if any(product.tiles < device.multiprocessors for product in weights.products):
        return False
    plan = plan_of(device, config, min(groups))
    return plan.slots >= _FEWEST_SLOTS and max(plan.units) <= _MOST_UNITS


def kernel_of(device: Device, config: ModelConfig, group: int, cards: int = 1) -> Kernels:
    """What is compiled for a model that suits, or for a share of it where several ``cards`` have one."""
    plan = plan_of(device, config, group)
    settings = {"BITS": 4, "GROUP": group, "HEAD": padded(config.head_dim, 32), "SLOTS": plan.slots}
    settings |= {"WARPS": plan.warps, "RANKS": cards}
    units = zip(("UNITS_HIDDEN", "UNITS_MIXED", "UNITS_INNER"), plan.units, strict=True)
    return "step", settings | dict(units)


def plan_of(device: Device, config: ModelConfig, group: int) -> Plan:
    """With as many warps as leave the fewest of them without work."""
    hidden, mixed, inner = (chunks_of(size) for size in (config.hidden_size, config.q_size, config.intermediate_size))
    tiles = (config.q_size + 2 * config.kv_size + 2 * config.intermediate_size, config.hidden_size, config.hidden_size)

    def units(warps: int) -> tuple[int, int, int]:
        return -(-hidden // warps), -(-mixed // warps), -(-inner // warps)

    def slots_taken(warps: int) -> int:
        return warps * sum(of * padded(count, _PART) for of, count in zip(tiles, units(warps), strict=True))

    warps = min(_WARPS, key=slots_taken)
    repeat, head = config.num_heads // config.num_kv_heads, padded(config.head_dim, 32)
    room = 2 * head * (repeat + 2) + 4 * warps * repeat * (head + 2)
    residual = 4 * TILE * (config.hidden_size // TILE // device.multiprocessors + 2)
    tables = 8 * 3 * ((_KINDS + 1) * config.num_layers + 1)
    sizes = [padded(size, 128) for size in (tables, residual, room)]
    slot = warps * _PART * unit_bytes(group)
    slots = min(_MOST_SLOTS, (device.shared_bytes_of_block - _STATIC - sum(sizes)) // slot)
    places = [padded(slots * slot, 128) + sum(sizes[:number]) for number in range(4)]
    return Plan(warps, units(warps), slots, *places)


def _array(device: Device, structures: Sequence[ctypes.Structure]) -> int:
    return device.array(np.frombuffer(b"".join(bytes(structure) for structure in structures), np.uint8))
