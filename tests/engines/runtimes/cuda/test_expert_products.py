"""How products of experts are shared out over cards. Needs none."""

from dataclasses import dataclass
from typing import cast

import pytest

from engines.model.experts_config import ExpertsConfig
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.expert_products import ExpertPlans, Plan
from engines.runtimes.cuda.packing import CHUNK, HALF, chunks_of

ROWS = (1, 2, 3, 8, 32, 64, 128, 512, 2048)


@dataclass
class Card:
    multiprocessors: int
    shared_bytes_of_block: int


CARDS = [Card(132, 227 << 10), Card(108, 163 << 10), Card(46, 99 << 10)]
MIXTURES = {  # experts, chosen, inner, hidden
    "Mixtral": (8, 2, 14336, 4096),
    "Qwen 3 30B": (128, 8, 768, 2048),
    "tiny": (4, 2, 48, 64),
}


def plans_of(card: Card, name: str, rows: int, group: int = 128) -> tuple[ExpertPlans, Plan, Plan]:
    count, chosen, inner, hidden = MIXTURES[name]
    plans = ExpertPlans(cast(Device, card), ExpertsConfig(count, chosen, inner, True, (True,)), [group])
    gate = plans.plan(group, 2 * inner // 16, chunks_of(hidden), rows)
    return plans, gate, plans.plan(group, hidden // 16, chunks_of(inner), rows)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.shared_bytes_of_block >> 10} KB")
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("group", [32, 128, HALF])
def test_every_plan_fits_the_card_and_takes_all_inputs(card: Card, name: str, group: int) -> None:
    _, _, inner, hidden = MIXTURES[name]
    for rows in ROWS:
        plans, gate, down = plans_of(card, name, rows, group)
        for plan, chunks in ((gate, chunks_of(hidden)), (down, chunks_of(inner))):
            assert plans.width(rows) <= plan.variant
            assert plan.shared <= card.shared_bytes_of_block - 1024, "what a block takes beside it"
            assert (plan.slices - 1) * plan.slice < chunks * CHUNK <= plan.slices * plan.slice
            assert plan.batch_tiles >= 1


def test_items_are_as_wide_as_an_expert_has_rows() -> None:
    widths = {
        name: [plans_of(CARDS[0], name, rows)[0].width(rows) for rows in ROWS] for name in ("Mixtral", "Qwen 3 30B")
    }
    assert widths["Mixtral"] == [1, 2, 3, 8, 16, 32, 32, 32, 32]
    assert widths["Qwen 3 30B"] == [1, 2, 3, 8, 8, 8, 16, 32, 32]


def test_a_narrow_card_takes_narrow_items() -> None:
    """32 rows of sums have no room beside units in float16."""
    assert plans_of(CARDS[2], "Mixtral", 2048, HALF)[0].width(2048) == 16


@pytest.mark.parametrize("rows", [1, 8])
def test_no_warp_of_a_small_experts_product_is_without_work(rows: int) -> None:
    _, gate, down = plans_of(CARDS[0], "Qwen 3 30B", rows)
    assert gate.sharing <= 16 and down.sharing <= 6, "units of a tile"
    assert gate.slices == down.slices == 1
