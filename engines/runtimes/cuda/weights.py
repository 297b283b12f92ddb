"""A model's weights on the card: where each stands, and weights made up in a model's shape for measurements."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Norm, Projection
from engines.model.config import ModelConfig
from engines.runtimes.cards import check_model
from engines.runtimes.cuda.block_forms import is_blocks
from engines.runtimes.cuda.card.compiler import compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import (
    CHUNK,
    HALF,
    TILE,
    Order,
    attention_order,
    chunks_of,
    gated_order,
    natural_order,
    unit_bytes,
)
from engines.runtimes.cuda.random_fill import Fill

SETS: dict[str, tuple[Projection, ...]] = {
    "qkv": ("q", "k", "v"),
    "o": ("o",),
    "gate_up": ("gate", "up"),
    "down": ("down",),
}


_DEVIATION_OF_INT4, _DEVIATION_OF_INT8 = 6.5, 74.0  # of made-up codes


@dataclass(frozen=True, slots=True)
class DeviceProduct:
    """A packed product on the card; addresses, 0 for what there is not. ``group`` as in ``packing``."""

    units: int
    tiles: int
    chunks: int
    group: int
    inputs: int
    outputs: int
    bias: int = 0
    order: int = 0
    input_scale: int = 0
    output_scale: int = 0

    @property
    def nbytes(self) -> int:
        return self.tiles * self.chunks * unit_bytes(self.group)

    @property
    def reorders(self) -> bool:
        """Whether it takes its inputs in another order, or scaled."""
        return bool(self.order or self.input_scale)


@dataclass(frozen=True, slots=True)
class DeviceExperts:
    """``router`` is the address of float32 [experts, hidden]. The products are those of the first expert; the units of
    the others lie behind."""

    router: int
    gate_up: DeviceProduct
    down: DeviceProduct


@dataclass(frozen=True, slots=True)
class DeviceLayer:
    """``norms`` are addresses of float32. Of a layer with ``experts`` there are no products "gate_up" and "down"."""

    products: dict[str, DeviceProduct]
    norms: dict[Norm, int]
    experts: DeviceExperts | None = None


@dataclass(frozen=True, slots=True)
class DeviceWeights:
    """``embedding`` is float16 [vocabulary, hidden], unless there is a ``table``, which is in blocks. ``head`` is None
    where the last layers, and the output layer with them, are elsewhere. ``notes`` say what is not computed as it is
    stored. ``chosen``: how many experts a token passes."""

    layers: list[DeviceLayer]
    embedding: int
    final_norm: int
    head: DeviceProduct | None
    notes: tuple[str, ...] = ()
    table: DeviceProduct | None = None
    chosen: int = 0

    @property
    def tables(self) -> list[DeviceProduct]:
        return [] if self.table is None else [self.table]

    @property
    def expert_products(self) -> list[DeviceProduct]:
        """Of one expert of each layer that has some."""
        layers = [layer.experts for layer in self.layers if layer.experts is not None]
        return [product for experts in layers for product in (experts.gate_up, experts.down)]

    @property
    def expanded_bytes(self) -> int:
        """Of the largest matrix of a layer in float16."""
        products = [product for layer in self.layers for product in layer.products.values()]
        return 2 * TILE * CHUNK * max(product.tiles * product.chunks for product in products)

    @property
    def for_few_rows(self) -> bool:
        """Whether only the kernels for few rows take the layers' weights: those in blocks, and experts."""
        in_blocks = any(is_blocks(product.group) for layer in self.layers for product in layer.products.values())
        return in_blocks or bool(self.expert_products)

    @property
    def products(self) -> list[DeviceProduct]:
        products = [product for layer in self.layers for product in layer.products.values()]
        return products if self.head is None else [*products, self.head]

    @property
    def step_bytes(self) -> int:
        """What a step of one token reads of the weights."""
        experts = sum(product.nbytes for product in self.expert_products) * self.chosen
        return sum(product.nbytes for product in self.products) + experts


class Source(Protocol):
    """Where weights come from."""

    def to_device(self, device: Device) -> DeviceWeights: ...


class RandomSource:
    """Made-up INT4 weights in groups of ``group``, and an output layer of the kind ``head`` (``packing``), by default
    the same; activations keep a variance near one."""

    def __init__(self, config: ModelConfig, group: int = 128, head: int | None = None) -> None:
        check_heads(config)
        self._config, self._group, self._head = config, group, group if head is None else head

    def to_device(self, device: Device) -> DeviceWeights:
        config = self._config
        fill = Fill(device, device.load(compile_kernels("rows", device.capability)))
        one = device.array(np.ones(config.hidden_size, np.float32))
        sizes = {name: sum(config.linear_shape(part)[0] for part in parts) for name, parts in SETS.items()}
        layers = []
        for layer in range(config.num_layers):
            experts = self._experts(device, fill) if config.experts_of(layer) is not None else None
            products = {
                name: self._product(device, fill, sizes[name], config.linear_shape(parts[0])[1])
                for name, parts in SETS.items()
                if experts is None or name in ("qkv", "o")
            }
            layers.append(DeviceLayer(products, {"input": one, "mlp_input": one}, experts))
        embedding = device.allocate(2 * config.vocab_size * config.hidden_size)
        fill.halves(embedding, config.vocab_size * config.hidden_size, 1.0)
        head = self._product(device, fill, config.vocab_size, config.hidden_size, self._head)
        chosen = 0 if config.experts is None else config.experts.chosen
        return DeviceWeights(layers, embedding, one, head, chosen=chosen)

    def _experts(self, device: Device, fill: Fill) -> DeviceExperts:
        experts, hidden = self._config.experts, self._config.hidden_size
        assert experts is not None, "this model has no experts"
        router = np.random.default_rng(0).standard_normal((experts.count, hidden)) / math.sqrt(hidden)
        return DeviceExperts(
            device.array(router.astype(np.float32)),
            self._product(device, fill, 2 * experts.inner_size, hidden, copies=experts.count),
            self._product(device, fill, hidden, experts.inner_size, copies=experts.count),
        )

    def _product(
        self, device: Device, fill: Fill, outputs: int, inputs: int, group: int | None = None, copies: int = 1
    ) -> DeviceProduct:
        group = self._group if group is None else group
        tiles, chunks = -(-outputs // TILE), chunks_of(inputs)
        size, spread = copies * tiles * chunks * unit_bytes(group), 1 / math.sqrt(inputs)
        units, scale = device.allocate(size), 0
        if group > 0:  # a value less its zero point has a standard deviation of 6.5
            fill.units(units, size, group, spread / _DEVIATION_OF_INT4)
        elif group == HALF:
            fill.halves(units, size // 2, spread)
        else:  # any bytes
            fill.halves(units, size // 2, 1.0)
            scale = device.array(np.full(tiles * TILE, spread / _DEVIATION_OF_INT8, np.float32))
        return DeviceProduct(units, tiles, chunks, group, inputs, outputs, output_scale=scale)


def output_orders(config: ModelConfig) -> dict[str, Order]:
    return {
        "qkv": attention_order(config),
        "o": natural_order(config.hidden_size),
        "gate_up": gated_order(config.intermediate_size),
        "down": natural_order(config.hidden_size),
    }


def check_heads(config: ModelConfig) -> None:
    """Raises RuntimeUnavailable for a model, or heads of one, that the kernels do not take."""
    check_model(config, mixtures=True)
    if config.head_dim % 16 or config.rope.rotary_dim % 16 or config.head_dim > 256:
        raise RuntimeUnavailable(
            f"Docent's CUDA kernels take heads of 16, 32 ... 256 features, all or a multiple of 16 rotated; these have "
            f"{config.head_dim}, {config.rope.rotary_dim} of them rotated.",
            'Set model.runtime to "onnx".',
        )
