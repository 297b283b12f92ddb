"""The norms of few packed rows, taken into the products on either side: the product before writes rows that lack the
division by their root mean square, the product behind makes up for it (``kernels/many_outputs.cuh``). That is two
kernels a layer less, which moved next to nothing but had to be waited for.
"""

from engines.model.config import ModelConfig
from engines.runtimes.cuda.arguments import ProductArguments
from engines.runtimes.cuda.buffers import Buffers
from engines.runtimes.cuda.products import FEW
from engines.runtimes.cuda.weights import DeviceWeights

_PARTS = 64  # hidden sizes are multiples of it: sums of squares are read by fours of tiles


class JoinedNorms:
    """A layer's norms are counted: 0 before attention, 1 before the MLP."""

    def __init__(self, config: ModelConfig, weights: DeviceWeights, buffers: Buffers) -> None:
        self._weights, self._buffers = weights, buffers
        takers = [layer.products.get(name) for layer in weights.layers for name in ("qkv", "gate_up")]
        taking = [product for product in takers if product is not None]
        plain = not any(product.reorders for product in taking)
        self._suits = plain and not config.post_norms and config.hidden_size % _PARTS == 0

    def suit(self, rows: int) -> bool:
        """For so many packed rows."""
        return self._suits and rows <= FEW

    def scales(self, norm: int) -> int:
        """By what rows are multiplied between the products beside the next such norm: the address of one a row."""
        return self._buffers.scales[norm]

    def before(self, arguments: ProductArguments, number: int, norm: int) -> None:
        """Has a product that changes the residual stream write the rows of this norm of layer ``number``; behind the
        last layer there is none."""
        if number == len(self._weights.layers):
            return
        arguments.next = self._buffers.normed
        arguments.next_norm = self._weights.layers[number].norms["mlp_input" if norm else "input"]
        arguments.scales = self.scales(1 - norm)

    def behind(self, arguments: ProductArguments, norm: int) -> None:
        """Has a product take such rows."""
        arguments.squares, arguments.scales = self._buffers.squares, self.scales(1 - norm)
        arguments.next_scales = self.scales(norm)
