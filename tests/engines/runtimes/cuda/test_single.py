"""Which models the step in one kernel takes, and how it shares out their products. Needs no card."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import pytest

from engines.model.config import ModelConfig
from engines.runtimes.cuda.bench import SHAPES, config_of
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packing import TILE, chunks_of
from engines.runtimes.cuda.single import plan_of, suits
from engines.runtimes.cuda.weights import SETS, DeviceLayer, DeviceProduct, DeviceWeights

HOPPER_BYTES, SMALL_BYTES = 227 << 10, 99 << 10  # shared memory of a block


@dataclass
class Card:
    multiprocessors: int = 132
    shared_bytes_of_block: int = HOPPER_BYTES


def card(multiprocessors: int = 132, shared: int = HOPPER_BYTES) -> Device:
    return cast(Device, Card(multiprocessors, shared))


def weights_of(config: ModelConfig, group: int = 128) -> DeviceWeights:
    def product(parts: tuple[str, ...]) -> DeviceProduct:
        shapes = [config.linear_shape(part) for part in parts]
        outputs, inputs = sum(shape[0] for shape in shapes), shapes[0][1]
        return DeviceProduct(1, -(-outputs // TILE), chunks_of(inputs), group, inputs, outputs)

    products = {name: product(cast(tuple[str, ...], parts)) for name, parts in SETS.items()}
    head = DeviceProduct(1, config.vocab_size // TILE, chunks_of(config.hidden_size), group, config.hidden_size, 0)
    return DeviceWeights([DeviceLayer(products, {})] * config.num_layers, 1, 1, head)


@pytest.mark.parametrize("shape", [*SHAPES])
@pytest.mark.parametrize("group", [32, 64, 128])
def test_all_inputs_are_taken(shape: str, group: int) -> None:
    config = config_of(shape)
    plan = plan_of(card(), config, group)
    for units, inputs in zip(plan.units, (config.hidden_size, config.q_size, config.intermediate_size), strict=True):
        assert (plan.warps - 1) * units < chunks_of(inputs) <= plan.warps * units, "no warp without work"
    assert plan.slots >= 3, "two under way, one in use"
    assert plan.tables_at < plan.residual_at < plan.room_at < plan.shared < HOPPER_BYTES


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "qwen3-1.7b"])
def test_usual_models_suit_a_large_card(shape: str) -> None:
    config = config_of(shape)
    assert suits(card(), config, weights_of(config))


def replaced(config: ModelConfig, name: str, **changes: int) -> DeviceWeights:
    """With one product of the last layer changed."""
    weights = weights_of(config)
    layer = weights.layers[-1]
    changed = replace(layer, products={**layer.products, name: replace(layer.products[name], **changes)})
    return replace(weights, layers=[*weights.layers[:-1], changed])


@pytest.mark.parametrize(
    "weights",
    [
        lambda config: replaced(config, "down", order=1),
        lambda config: replaced(config, "o", input_scale=1),
        lambda config: replaced(config, "qkv", group=64),
        lambda config: replaced(config, "qkv", group=0),
        lambda config: replaced(config, "o", tiles=131),
    ],
    ids=[
        "inputs in another order",
        "scaled inputs",
        "two sizes of groups",
        "float16",
        "fewer tiles than multiprocessors",
    ],
)
def test_models_that_it_does_not_compute_are_left_to_other_kernels(
    weights: Callable[[ModelConfig], DeviceWeights],
) -> None:
    config = config_of("mistral-7b")
    assert not suits(card(), config, weights(config))


def test_a_card_with_little_shared_memory_takes_other_kernels() -> None:
    config = config_of("mistral-7b")
    assert not suits(card(28, SMALL_BYTES), config, weights_of(config))
