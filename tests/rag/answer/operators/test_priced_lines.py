"""Lines of an offer that end in an amount are listed."""

from tests.rag.answer.operators.one_table import ask

OFFER = (
    "Our offer for the kitchen at Elm Row:\n\n1. Worktop, oak, 3 m      €640\n2. Sink with tap          €210\n"
    "3. Fitting, two days      €480\n\nTotal                     €1,330"
)
NO_TABLE = [["A", "B"], ["x", "y"]]


def test_lists_the_lines_without_the_sum() -> None:
    text = ask("please list the items of the kitchen offer with their prices", NO_TABLE, OFFER).text
    assert text == "1. Worktop, oak, 3 m €640. [1] 2. Sink with tap €210. [1] 3. Fitting, two days €480. [1]"


def test_another_offer_is_not_listed() -> None:
    assert ask("list the items of the bathroom quotation with prices", NO_TABLE, OFFER).text == "not computed"
