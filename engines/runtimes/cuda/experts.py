"""Mixtures of experts on the card (``kernels/experts.cu``): which experts rows choose is known on the card alone, so
that a step of few rows stays one graph.

Rows are put in the order of their experts and pass them in items of some rows each, through the kernels for products of
few rows with an expert's weights. Of several cards each has some features of every expert; all choose the same experts,
and what they give is added up as that of an MLP is.
"""

from ctypes import c_float, c_int, c_void_p
from pathlib import Path

from engines.model.config import ModelConfig
from engines.runtimes.cuda.arguments import GATED, LOGITS
from engines.runtimes.cuda.buffers import Buffers
from engines.runtimes.cuda.card.compiler import Kernels, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.expert_products import ExpertProducts, kernels_of
from engines.runtimes.cuda.packing import CHUNK, TILE, chunks_of, padded
from engines.runtimes.cuda.products import arguments_for
from engines.runtimes.cuda.reduction import AFTER_MLP, Reducer
from engines.runtimes.cuda.weights import DeviceExperts, DeviceWeights

_WARP = 32
_ROUTED_OF_WARP, _ROUTER_WARPS, _MOST_ROUTED = 1024, 8, 32  # inputs; of a block; blocks of an expert
_FEW_WARPS, _MOST_WARPS = 8, 32  # a row each
_COMBINED = 512  # outputs of a block, four of a thread
_ITEM_BYTES = 16


class Experts:
    """Memory and launches for the mixtures of a model's layers, of steps of ``buffers.rows`` rows at most."""

    def __init__(
        self, device: Device, config: ModelConfig, weights: DeviceWeights, buffers: Buffers, cache: Path | None
    ) -> None:
        assert config.experts is not None, "this model has no experts"
        self._device, self._config, self._experts, self._buffers = device, config, config.experts, buffers
        self._kernels = device.load(compile_kernels("experts", device.capability, {}, cache))
        experts, rows = config.experts, buffers.rows
        self._products = ExpertProducts(device, weights.expert_products, experts, cache)
        pairs = rows * experts.chosen
        self._inner_stride = CHUNK * chunks_of(experts.inner_size)
        self._given_stride = padded(config.hidden_size, TILE)
        sizes = {
            "logits": 4 * rows * experts.count, "choices": 4 * pairs, "weights": 4 * pairs, "places": 4 * pairs,
            "sources": 4 * pairs, "items": _ITEM_BYTES * (1 + pairs),
            "gated": 2 * pairs * self._inner_stride, "given": 4 * pairs * self._given_stride,
        }  # fmt: skip
        self._at = {name: device.allocate(size, zero=True) for name, size in sizes.items()}

    def queue(self, layer: DeviceExperts, norm: int, rows: int, reducer: Reducer | None = None) -> None:
        """The residual stream's rows pass the layer's experts, and what these give, on all cards that ``reducer``
        knows, is added to them."""
        config, experts, buffers, at = self._config, self._experts, self._buffers, self._at
        warps = min(_ROUTER_WARPS, -(-config.hidden_size // _ROUTED_OF_WARP))
        self._launch(
            "router", (experts.count + 1, min(rows, _MOST_ROUTED), 1), _WARP * warps, c_void_p(buffers.residual),
            c_void_p(norm), c_void_p(layer.router), c_void_p(buffers.normed), c_void_p(at["logits"]),
            c_int(experts.count), c_int(config.hidden_size), c_int(buffers.hidden_stride), c_float(config.norm_eps),
            c_int(rows),
        )  # fmt: skip
        self._launch(
            "route", (1, 1, 1), _WARP * min(max(rows, _FEW_WARPS), _MOST_WARPS), c_void_p(at["logits"]),
            c_void_p(at["choices"]), c_void_p(at["weights"]), c_void_p(at["places"]), c_void_p(at["sources"]),
            c_void_p(at["items"]), c_int(rows), c_int(experts.count), c_int(experts.chosen), c_int(experts.normalised),
            c_int(self._products.width(rows)),
        )  # fmt: skip
        gate = arguments_for(layer.gate_up, GATED, at["gated"], self._inner_stride)
        down = arguments_for(layer.down, LOGITS, at["given"], self._given_stride)
        gate.items = down.items = at["items"]
        gate.source, gate.source_stride, gate.sources = buffers.normed, buffers.hidden_stride, at["sources"]
        gate.gelu, gate.outputs = int(config.activation != "silu"), experts.inner_size
        self._products.queue(layer.gate_up, gate, rows, items_known=False)
        down.source, down.source_stride = at["gated"], self._inner_stride
        self._products.queue(layer.down, down, rows, items_known=True)
        grid, given = (-(-config.hidden_size // _COMBINED), rows, 1), c_void_p(at["given"])
        if reducer is not None:
            self._launch(
                "share_out", grid, _COMBINED // 4, given, c_void_p(at["places"]), c_void_p(at["weights"]),
                c_void_p(reducer.share(AFTER_MLP)), c_int(config.hidden_size), c_int(self._given_stride),
                c_int(reducer.stride), c_int(experts.chosen),
            )  # fmt: skip
            reducer.queue(AFTER_MLP, rows, buffers.parts, residual=buffers.residual, squares=buffers.squares)
            return
        self._launch(
            "combine", grid, _COMBINED // 4, given, c_void_p(at["places"]), c_void_p(at["weights"]),
            c_void_p(buffers.residual), c_void_p(buffers.squares), c_int(config.hidden_size),
            c_int(self._given_stride), c_int(experts.chosen), c_int(buffers.parts),
        )  # fmt: skip

    def _launch(self, name: str, grid: tuple[int, int, int], threads: int, *arguments: object) -> None:
        self._device.launch(self._kernels[name], grid, threads, 0, *arguments)


def kernels_for(device: Device, weights: DeviceWeights) -> list[Kernels]:
    """What is compiled for a model with experts."""
    groups = {product.group for product in weights.expert_products}
    return [("experts", {}), *kernels_of(device, groups)] if groups else []
