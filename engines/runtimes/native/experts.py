"""Lowers a mixture of experts: rows choose experts, are put in their order, pass them, and are put together again.

All experts of a layer are one operation for each kind of product. It skips those that no row has chosen, so that a
token costs what its own experts cost, and threads wait for one another no more often than in an MLP.
"""

import numpy as np

from engines.model.checkpoint import Projection
from engines.model.experts_config import ExpertsConfig
from engines.runtimes.native.kernels.layout import PAIRS, TILE
from engines.runtimes.native.packed_weights import expert_name, set_name
from engines.runtimes.native.places import Rows, places
from engines.runtimes.native.program_builder import ProgramBuilder
from engines.runtimes.native.tiles import padded


def add_experts(builder: ProgramBuilder, x: Rows, layer: int) -> Rows:
    """The operations of a layer's mixture; where its result lies."""
    experts = builder.config.experts_of(layer)
    assert experts is not None, f"layer {layer} has no experts"
    (router,) = builder.weights.products(set_name(layer, ("router",)))
    logits = builder.place("router", router.starts[-1], x.count)
    builder.product(router, x, logits)
    routes = _add_routes(builder, logits, experts)
    names = [expert_name(layer, number) for number in range(experts.count)]
    width = padded(x.features)

    pairs = builder.place("pairs", x.features, PAIRS)
    builder.add("gather", rows_at=PAIRS, **places(x=x, y=pairs), width=width, sources=routes["sources"])
    gate, up = _add_products(builder, pairs, names, routes["active"], "gate", "up")
    (given,) = _add_products(builder, builder.gated(gate, up), names, routes["active"], "down")
    y = builder.place("mixture", x.features, x.count)
    chosen = {"chosen": experts.chosen, "places": routes["places"], "weights": routes["weights"]}
    builder.add("combine", rows_at=x.count, **places(x=given, y=y), width=width, **chosen)
    return y


def _add_routes(builder: ProgramBuilder, logits: Rows, experts: ExpertsConfig) -> dict[str, int]:
    """Lets the rows choose: the addresses of what ``route`` and ``dispatch`` write, by their fields."""
    sizes = {"experts": experts.count, "chosen": experts.chosen}
    choices = builder.room("choices", np.int64, experts.chosen)
    weights = builder.room("choice_weights", np.float32, experts.chosen)
    chosen = {"choices": choices, "weights": weights, "normalised": int(experts.normalised)}
    builder.add("route", rows_at=logits.count, **places(x=logits), **sizes, **chosen)
    found = {
        "starts": builder.table("starts", experts.count),
        "active": builder.table("active", 1 + 3 * experts.count),
        "places": builder.room("choice_places", np.int64, experts.chosen),
        "sources": builder.room("sources", np.int64, 1, PAIRS),
    }
    builder.add("dispatch", rows_at=logits.count, **sizes, choices=choices, **found)
    return found | {"weights": weights}


def _add_products(
    builder: ProgramBuilder, x: Rows, names: list[str], active: int, *projections: Projection
) -> tuple[Rows, ...]:
    """Of every expert with its own rows of ``x``, which are those of pairs."""
    sets = [builder.weights.products(set_name(name, projections)) for name in names]
    outputs: list[Rows] = []
    for i, alike in enumerate(zip(*sets, strict=True)):
        first = alike[0]
        y = builder.place(f"experts_{'_'.join(projections)}_{i}", first.starts[-1], PAIRS)
        source = builder.source(first, x)
        operations = np.stack(
            [builder.words(product.kernel, **builder.fields(product, x, y) | source) for product in alike]
        )
        builder.tables.append(operations)
        tiles = first.starts[-1] // TILE
        builder.add(f"{first.kernel}_experts", operations=operations.ctypes.data, active=active, tiles=tiles)
        outputs += y.parts(first.starts, first.sizes)
    return tuple(outputs)
