"""Answers, citations and refusals stay what they were recorded as (README.md in this folder says how to renew them)."""

import difflib

import pytest

from tests.golden.record import Entry, as_text, ask_all, keys, recorded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_CONFIDENCE_TOLERANCE = 0.02  # processors round the models' sums differently


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    return ask_all(tmp_path_factory.mktemp("golden") / "data")


def differences(was: Entry, now: Entry) -> str:
    """A line diff of two entries, empty when they agree up to the confidence's tolerance."""
    if was["confidence"] is not None and now["confidence"] is not None:
        apart = abs(was["confidence"] - now["confidence"])
        if apart <= _CONFIDENCE_TOLERANCE + 1e-9:  # both have two digits
            now = {**now, "confidence": was["confidence"]}
    lines = difflib.unified_diff(
        as_text(was).splitlines(), as_text(now).splitlines(), "recorded", "now", n=2, lineterm=""
    )
    return "\n".join(lines)


def test_every_question_is_recorded() -> None:
    assert list(recorded()) == keys()


@pytest.mark.parametrize("key", keys())
def test_the_answer_is_as_recorded(key: str, answered: dict[str, Entry]) -> None:
    changed = differences(recorded()[key], answered[key])
    if changed:
        pytest.fail(f"{key}: {answered[key]['question']}\n{changed}", pytrace=False)
