"""Writes the operations of a decoder's subgraphs as words for the kernels' driver.

A value is a place in memory for the rows of a step. Places are used again from layer to layer; what is added to or
activated is changed in place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.model.checkpoint import Projection
from engines.model.config import ModelConfig
from engines.model.decoder_graph import NormAt
from engines.runtimes.native.kernels.layout import ALL_FIELDS, FIELDS, LOGIT_ROWS, PAIRS, ROWS, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.packed_weights import PackedWeights, Product, set_name
from engines.runtimes.native.places import Rows, places, zeros
from engines.runtimes.native.tiles import padded


@dataclass(frozen=True, slots=True)
class Kernels:
    """The libraries that a model's operations come from; ``blocks`` where its weights are in the blocks of GGUF."""

    decoder: Library
    blocks: Library | None = None

    def words(self, kernel: str, **fields: int | float) -> NDArray[np.int64]:
        library = self.decoder if kernel in FIELDS else self.blocks
        assert library is not None, f"the library with {kernel} is not loaded"
        return library.words(kernel, **fields)


class ProgramBuilder:
    """The subgraphs' operations (engines/model/decoder_graph.py) but mixtures of experts, as words for the driver."""

    def __init__(self, config: ModelConfig, weights: PackedWeights, kernels: Kernels, largest: int) -> None:
        self.config = config
        self.operations: list[NDArray[np.int64]] = []
        self.logits: list[tuple[int, int]] = []  # (operation, word) that name the place of the logits
        self.weights, self._kernels, self._largest = weights, kernels, largest
        self._buffers: dict[tuple[str, int], NDArray[np.generic]] = {}  # by role and bytes
        self.tables: list[NDArray[np.int64]] = []  # that operations name

    def linear(self, x: Rows, layer: int, *projections: Projection) -> tuple[Rows, ...]:
        outputs: list[Rows] = []
        for i, product in enumerate(self.weights.products(set_name(layer, projections))):
            y = self.place(f"out_{'_'.join(projections)}_{i}", product.starts[-1], x.count)
            self.product(product, x, y)
            outputs += y.parts(product.starts, product.sizes)
        return tuple(outputs)

    def head(self, x: Rows) -> Rows:
        (product,) = self.weights.products("head")
        logits = Rows(0, product.starts[-1], self.config.vocab_size, x.count)
        self.product(product, x, logits)
        self._names_logits(product.kernel, "y")
        return logits

    def norm(self, x: Rows, norm: NormAt) -> Rows:
        return self._norm(x, None, norm)

    def add_norm(self, residual: Rows, change: Rows, norm: NormAt) -> tuple[Rows, Rows]:
        return residual, self._norm(residual, change, norm)

    def total(self, residual: Rows, change: Rows) -> Rows:
        self.add("add", rows_at=residual.count, **places(x=residual, change=change), width=padded(residual.features))
        return residual

    def head_norm(self, x: Rows, norm: NormAt, heads: int) -> Rows:
        self.add(
            "head_norm",
            rows_at=x.count,
            **places(x=x),
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
            **places(gate=gate, up=up),
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
            **places(x=x, y=y),
            width=padded(x.features),
        )
        return y

    def add(self, kernel: str, **fields: int | float) -> None:
        """One operation; floats are stored as float32."""
        self.operations.append(self.words(kernel, **fields))

    def words(self, kernel: str, **fields: int | float) -> NDArray[np.int64]:
        """An operation that is not added, [WORDS]."""
        return self._kernels.words(kernel, **fields)

    def place(self, role: str, features: int, count: int = ROWS) -> Rows:
        """Room for the rows of a step; the same for the same role and width."""
        stride = padded(features)
        return Rows(self.room(role, np.float32, stride, count), stride, features, count)

    def buffer(self, role: str) -> NDArray[np.generic]:
        """[largest, ...], made by ``place``."""
        (found,) = (buffer for (name, _), buffer in self._buffers.items() if name == role)
        return found.reshape(self._largest, -1)

    def room(self, role: str, kind: type[np.generic], columns: int, count: int = ROWS) -> int:
        """The address of zeros for ``columns`` elements a row; there are more rows where pairs are counted. Layers
        whose tensors are stored in different types have values of different widths in one role: each has its own."""
        rows, experts = self._largest, self.config.experts
        if count == PAIRS and experts is not None:
            role, rows = f"{role}_of_pairs", rows * experts.chosen
        size = rows * columns * np.dtype(kind).itemsize
        if (role, size) not in self._buffers:
            self._buffers[role, size] = zeros(size).view(kind)
        return self._buffers[role, size].ctypes.data

    def table(self, role: str, size: int) -> int:
        """The address of ``size`` words."""
        if (role, size) not in self._buffers:
            self._buffers[role, size] = np.zeros(size, np.int64)
        return self._buffers[role, size].ctypes.data

    def product(self, product: Product, x: Rows, y: Rows) -> None:
        if self.weights.address(f"{product.name}.input_order"):
            x = self._prepared(product, x)
        source = self.source(product, x)
        self.add(product.kernel, **self.fields(product, x, y) | source)

    def source(self, product: Product, x: Rows) -> dict[str, int]:
        """A product's fields that say where its rounded rows are, which are made, or what it reads as it is."""
        if product.bits in (16, 32):
            return {**places(x=x), "x_scales": 0, "x_sums": 0}
        groups = product.inputs // product.group
        rounded = self.room(f"rounded_{product.inputs}", np.int8, product.inputs, x.count)
        scales = self.room(f"rounded_scales_{groups}", np.float32, groups, x.count)
        sums = self.room(f"rounded_sums_{groups}", np.int32, groups, x.count)
        totals = self.room(f"rounded_totals_{groups}", np.float32, groups, x.count)
        self.add(
            "round_rows",
            rows_at=x.count,
            **places(x=x),
            y=rounded,
            y_stride=product.inputs,
            scales=scales,
            sums=sums,
            totals=totals,
            groups=groups,
            group=product.group,
        )
        added_up = {"x_totals": totals} if product.factor_groups else {"x_sums": sums}
        return {"x": rounded, "x_stride": product.inputs, "x_scales": scales, **added_up}

    def fields(self, product: Product, x: Rows, y: Rows) -> dict[str, int]:
        """A product's fields but its source."""
        name, weights = product.name, self.weights
        return {
            "rows_at": x.count,
            **places(y=y),
            "groups": product.inputs // product.group,
            "group": product.group,
            "weights": weights.address(f"{name}.weights"),
            "bias": weights.address(f"{name}.bias"),
            "tiles": product.starts[-1] // TILE,
            **self._scales(product),
        }

    def _scales(self, product: Product) -> dict[str, int]:
        """A product's fields that say what a weight's integer is worth."""
        name, weights = product.name, self.weights
        if product.factor_groups:
            fields = ("factors", "levels", "minimum_factors", "minimum_levels")
            found = {field: weights.address(f"{name}.{field}") for field in fields}
            return found | {"factor_groups": product.factor_groups, "zero": product.zero}
        return {
            "scales": weights.address(f"{name}.scales"),
            "scales_half": int(product.bits < 16 and weights.dtype(f"{name}.scales") == "float16"),
            "zeros": weights.address(f"{name}.zeros"),
        }

    def _prepared(self, product: Product, x: Rows) -> Rows:
        y = self.place(f"prepared_{product.inputs}", product.inputs, x.count)
        self.add(
            "prepare",
            rows_at=x.count,
            **places(x=x, y=y),
            inputs=product.inputs,
            scale=self.weights.address(f"{product.name}.input_scale"),
            order=self.weights.address(f"{product.name}.input_order"),
        )
        return y

    def _norm(self, x: Rows, change: Rows | None, norm: NormAt) -> Rows:
        y = self.place("normed", x.features, x.count)
        self.add(
            "norm",
            rows_at=x.count,
            **places(x=x),
            change=change.address if change else 0,
            change_stride=change.stride if change else 0,
            **places(y=y),
            weight=self._norm_weight(norm),
            width=padded(x.features),
            features=float(x.features),
            eps=self.config.norm_eps,
        )
        return y

    def _norm_weight(self, norm: NormAt) -> int:
        address = self.weights.address("final" if norm == "final" else f"{norm[0]}.{norm[1]}")
        assert address, f"this family has no norm {norm}"
        return address

    def _names_logits(self, kernel: str, field: str) -> None:
        self.logits.append((len(self.operations) - 1, 1 + ALL_FIELDS[kernel].index(field)))
