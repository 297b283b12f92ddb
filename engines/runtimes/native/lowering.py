"""Lowers a model to a program of Docent's own kernels: the decoder graph with attention over pages in it.

A value is a place in memory for the rows of a step. Places are used again from layer to layer; what is added to or
activated is changed in place.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model import decoder_graph
from engines.model.checkpoint import Projection
from engines.model.config import ModelConfig
from engines.model.decoder_graph import NormAt
from engines.runtimes.native.kernels.layout import ALL_FIELDS, FIELDS, LARGEST_HEAD, LOGIT_ROWS, ROWS, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.packed_weights import PackedWeights, Product, set_name
from engines.runtimes.native.tiles import padded

Half = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Kernels:
    """The libraries that a model's operations come from; ``blocks`` where its weights are in the blocks of GGUF."""

    decoder: Library
    blocks: Library | None = None

    def words(self, kernel: str, **fields: int | float) -> NDArray[np.int64]:
        library = self.decoder if kernel in FIELDS else self.blocks
        assert library is not None, f"the library with {kernel} is not loaded"
        return library.words(kernel, **fields)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of float32 in memory: ``features`` of them begin ``stride`` elements apart. ``count`` is the place of their
    number among the step's words."""

    address: int
    stride: int
    features: int
    count: int = ROWS


class NativeModel:
    """``operations`` int64 [n, WORDS] for the driver; ``x`` float32 [largest, stride] takes embedded, scaled tokens.
    ``keys`` [layers, pages, kv_heads, head_dim, PAGE_TOKENS] and ``values`` [..., PAGE_TOKENS, padded head_dim] are the
    pool; with fewer layers than the model has these are the last ones, and ``x`` takes the residual stream before them.
    A step has at most ``largest`` rows."""

    def __init__(
        self,
        config: ModelConfig,
        weights: PackedWeights,
        kernels: Kernels,
        keys: Half,
        values: Half,
        largest: int,
        context: int,
    ) -> None:
        if config.head_dim > LARGEST_HEAD:
            raise RuntimeUnavailable(
                f"Heads of {config.head_dim} features are wider than the {LARGEST_HEAD} of Docent's own kernels.",
                'Set model.runtime to "onnx".',
            )
        builder = _Builder(config, weights, kernels, largest)
        attention = _Attention(builder, keys, values, context)
        x = builder.place("x", config.hidden_size)
        first = config.num_layers - len(keys)
        residual, (q, k, v) = decoder_graph.first(builder, config, x, first)
        for layer in range(first, config.num_layers - 1):
            residual, (q, k, v) = decoder_graph.middle(builder, config, layer, residual, attention(layer, q, k, v))
        decoder_graph.last(builder, config, residual, attention(config.num_layers - 1, q, k, v))
        self._kept = (builder, attention, weights)  # whose memory the operations name
        self.x = builder.buffer("x")
        self.operations = np.stack(builder.operations)
        self._logits = builder.logits
        self.logits_width = padded(config.vocab_size)

    def write_logits_to(self, address: int) -> None:
        """Where the next steps leave logits, float32 [logit rows, ``logits_width``]."""
        for index, word in self._logits:
            self.operations[index, word] = address


class _Builder:
    """The subgraphs' operations as words for the driver."""

    def __init__(self, config: ModelConfig, weights: PackedWeights, kernels: Kernels, largest: int) -> None:
        self.config = config
        self.operations: list[NDArray[np.int64]] = []
        self.logits: list[tuple[int, int]] = []  # (operation, word) that name the place of the logits
        self._weights, self._kernels, self._largest = weights, kernels, largest
        self._buffers: dict[str, NDArray[np.generic]] = {}

    def linear(self, x: Rows, layer: int, *projections: Projection) -> tuple[Rows, ...]:
        products = self._weights.products(set_name(layer, projections))
        role = "_".join(projections)
        outputs: list[Rows] = []
        for i, product in enumerate(products):
            y = self.place(f"out_{role}_{i}", product.starts[-1], x.count)
            self._product(product, x, y)
            for start, size in zip(product.starts, product.sizes, strict=False):
                outputs.append(replace(y, address=y.address + 4 * start, features=size))
        return tuple(outputs)

    def head(self, x: Rows) -> Rows:
        (product,) = self._weights.products("head")
        logits = Rows(0, product.starts[-1], self.config.vocab_size, x.count)
        self._product(product, x, logits)
        self._names_logits(_kernel(product), "y")
        return logits

    def norm(self, x: Rows, norm: NormAt) -> Rows:
        return self._norm(x, None, norm)

    def add_norm(self, residual: Rows, change: Rows, norm: NormAt) -> tuple[Rows, Rows]:
        return residual, self._norm(residual, change, norm)

    def total(self, residual: Rows, change: Rows) -> Rows:
        self.add("add", rows_at=residual.count, **_places(x=residual, change=change), width=padded(residual.features))
        return residual

    def head_norm(self, x: Rows, norm: NormAt, heads: int) -> Rows:
        self.add(
            "head_norm",
            rows_at=x.count,
            **_places(x=x),
            heads=heads,
            head_dim=x.features // heads,
            weight=self._norm_weight(norm),
            features=float(x.features // heads),
            eps=self.config.norm_eps,
        )
        return x

    def gated(self, gate: Rows, up: Rows) -> Rows:
        self.add(
            "gated",
            rows_at=gate.count,
            **_places(gate=gate, up=up),
            width=padded(gate.features),
            gelu=int(self.config.activation != "silu"),
        )
        return gate

    def softcap(self, x: Rows, cap: float) -> Rows:
        self.add("softcap", rows_at=x.count, x=x.address, x_stride=x.stride, width=padded(x.features), cap=float(cap))
        self._names_logits("softcap", "x")
        return x

    def select(self, x: Rows) -> Rows:
        y = self.place(f"chosen_{x.address}", x.features, LOGIT_ROWS)
        self.add(
            "choose",
            rows_at=LOGIT_ROWS,
            **_places(x=x, y=y),
            width=padded(x.features),
        )
        return y

    def add(self, kernel: str, **fields: int | float) -> None:
        """One operation; floats are stored as float32."""
        self.operations.append(self._kernels.words(kernel, **fields))

    def place(self, role: str, features: int, count: int = ROWS) -> Rows:
        """Room for the rows of a step; the same for the same role."""
        stride = padded(features)
        return Rows(self._room(role, np.float32, stride), stride, features, count)

    def buffer(self, role: str) -> NDArray[np.generic]:
        """[largest, ...], made by ``place``."""
        return self._buffers[role].reshape(self._largest, -1)

    def _room(self, role: str, kind: type[np.generic], columns: int) -> int:
        """The address of zeros for ``columns`` elements a row."""
        if role not in self._buffers:
            self._buffers[role] = _zeros(self._largest * columns * np.dtype(kind).itemsize).view(kind)
        return self._buffers[role].ctypes.data

    def _product(self, product: Product, x: Rows, y: Rows) -> None:
        name, weights = product.name, self._weights
        groups = product.inputs // product.group
        if weights.address(f"{name}.input_order"):
            x = self._prepared(product, x)
        source, stride, scales, sums = x.address, x.stride, 0, 0
        if product.bits != 32:
            source = self._room(f"rounded_{product.inputs}", np.int8, product.inputs)
            scales = self._room(f"rounded_scales_{groups}", np.float32, groups)
            sums = self._room(f"rounded_sums_{groups}", np.int32, groups)
            stride = product.inputs
            self.add(
                "round_rows",
                rows_at=x.count,
                **_places(x=x),
                y=source,
                y_stride=stride,
                scales=scales,
                sums=sums,
                groups=groups,
                group=product.group,
            )
        self.add(
            _kernel(product),
            rows_at=x.count,
            **_places(y=y),
            x=source,
            x_stride=stride,
            x_scales=scales,
            x_sums=sums,
            groups=groups,
            group=product.group,
            weights=weights.address(f"{name}.weights"),
            bias=weights.address(f"{name}.bias"),
            tiles=product.starts[-1] // TILE,
            **self._scales(product),
        )

    def _scales(self, product: Product) -> dict[str, int]:
        """A product's fields that say what a weight's integer is worth."""
        name, weights = product.name, self._weights
        if product.factor_groups:
            fields = ("factors", "levels", "minimum_factors", "minimum_levels")
            places = {field: weights.address(f"{name}.{field}") for field in fields}
            return places | {"factor_groups": product.factor_groups, "zero": product.zero}
        return {
            "scales": weights.address(f"{name}.scales"),
            "scales_half": int(product.bits != 32 and weights.dtype(f"{name}.scales") == "float16"),
            "zeros": weights.address(f"{name}.zeros"),
        }

    def _prepared(self, product: Product, x: Rows) -> Rows:
        y = self.place(f"prepared_{product.inputs}", product.inputs, x.count)
        self.add(
            "prepare",
            rows_at=x.count,
            **_places(x=x, y=y),
            inputs=product.inputs,
            scale=self._weights.address(f"{product.name}.input_scale"),
            order=self._weights.address(f"{product.name}.input_order"),
        )
        return y

    def _norm(self, x: Rows, change: Rows | None, norm: NormAt) -> Rows:
        y = self.place("normed", x.features, x.count)
        self.add(
            "norm",
            rows_at=x.count,
            **_places(x=x),
            change=change.address if change else 0,
            change_stride=change.stride if change else 0,
            **_places(y=y),
            weight=self._norm_weight(norm),
            width=padded(x.features),
            features=float(x.features),
            eps=self.config.norm_eps,
        )
        return y

    def _norm_weight(self, norm: NormAt) -> int:
        address = self._weights.address("final" if norm == "final" else f"{norm[0]}.{norm[1]}")
        assert address, f"this family has no norm {norm}"
        return address

    def _names_logits(self, kernel: str, field: str) -> None:
        self.logits.append((len(self.operations) - 1, 1 + ALL_FIELDS[kernel].index(field)))


class _Attention:
    """Rotation, writing to the pool, attention over pages."""

    def __init__(self, builder: _Builder, keys: Half, values: Half, context: int) -> None:
        self._builder, self._keys, self._values = builder, keys, values
        ropes = map(builder.config.rope_of, range(builder.config.num_layers))
        self._tables = {rope: [np.ascontiguousarray(t) for t in rope.tables(context, context)] for rope in ropes}

    def __call__(self, layer: int, q: Rows, k: Rows, v: Rows) -> Rows:
        config, builder = self._builder.config, self._builder
        own = layer - config.num_layers  # the pool may hold the last layers alone
        keys, values = (pool[own].ctypes.data for pool in (self._keys, self._values))
        cos, sin = self._tables[config.rope_of(layer)]
        head_padded = self._values.shape[-1]
        builder.add(
            "rotate",
            rows_at=ROWS,
            **_places(q=q, k=k, v=v),
            heads=config.num_heads,
            kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            head_padded=head_padded,
            half=config.rope.rotary_dim // 2,
            cos=cos.ctypes.data,
            sin=sin.ctypes.data,
            keys=keys,
            values=values,
        )
        y = builder.place("mixed", config.q_size)
        builder.add(
            "attend",
            **_places(q=q, y=y),
            keys=keys,
            values=values,
            kv_heads=config.num_kv_heads,
            repeat=config.num_heads // config.num_kv_heads,
            head_dim=config.head_dim,
            head_padded=head_padded,
            window=(config.sliding_window or 0) if config.sliding_layers[layer] else 0,
            scale=float(config.attention_scale),
            softcap=float(config.attention_softcap or 0.0),
        )
        return y


def _kernel(product: Product) -> str:
    return f"{'blocks' if product.factor_groups else 'matmul'}{product.bits}"


def _places(**rows: Rows) -> dict[str, int]:
    """Where rows lie, as operations name it: ``x`` gives the fields x and x_stride."""
    addresses = {name: value.address for name, value in rows.items()}
    return addresses | {f"{name}_stride": value.stride for name, value in rows.items()}


def _zeros(size: int) -> NDArray[np.uint8]:
    """That many bytes, aligned to a cache line."""
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]
