"""Answers, citations and refusals stay what they were recorded as (README.md in this folder says how to renew them)."""

import pytest

from rag.models.exact_products import products_overflow
from tests.golden.record import Entry, ask_all, differences, keys, recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    return ask_all(tmp_path_factory.mktemp("golden") / "data")


def test_every_question_is_recorded() -> None:
    assert list(recorded()) == keys()


@pytest.mark.parametrize("key", keys())
def test_the_answer_is_as_recorded(key: str, answered: dict[str, Entry]) -> None:
    changed = differences(recorded()[key], answered[key])
    if changed and products_overflow():
        pytest.skip(f"recorded on a processor with VNNI; sums of floats are rounded otherwise here:\n{changed}")
    if changed:
        pytest.fail(f"{key}: {answered[key]['question']}\n{changed}", pytrace=False)
