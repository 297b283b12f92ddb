"""rag.answer.generation.verify: what of a small model's reply is shown."""

import pytest

from rag.answer.generation.verify import rambles, verify
from rag.query.query import make_query
from rag.text.markers import written
from rag.types import Passage
from tests.rag.fakes import a_document

LIGHT = (
    "On 24 November 1911 the light was out for nineteen minutes, the only failure in its history. Principal Keeper "
    "Rooke reported himself. The cost was 34,700 pounds."
)
CAKE = "Bake the ginger cake for 55 minutes at 160 degrees."
QUESTION = "How long was the beacon out?"
PASSAGES = [
    Passage(n, a_document(n, title), 0, len(text), text, 1.0 / n)
    for n, title, text in ((1, "A short history", LIGHT), (2, "Cookbook", CAKE))
]


def text_of(reply: str, must_hold: str | None = None) -> str | None:
    verified = verify(reply, make_query(QUESTION), PASSAGES, must_hold=must_hold)
    return None if verified is None else written(verified.parts)


def test_a_sentence_that_its_passage_bears_out_stays_as_it_is() -> None:
    reply = "The light was out for nineteen minutes on 24 November 1911 [1]."
    verified = verify(reply, make_query(QUESTION), PASSAGES)
    assert verified is not None
    assert written(verified.parts) == reply
    assert [passage.number for _, passage in verified.cited] == [1]


def test_words_of_the_question_may_be_said_again() -> None:
    assert text_of("The beacon light was out for nineteen minutes [1].") is not None


def test_a_sentence_that_cites_nothing_gets_the_passage_it_comes_from() -> None:
    assert text_of("The ginger cake bakes for 55 minutes at 160 degrees.") == (
        "The ginger cake bakes for 55 minutes at 160 degrees. [2]"
    )


@pytest.mark.parametrize(
    "reply",
    [
        "The light was out for ninety minutes on 24 November 1911 [1].",
        "The light was out for nineteen minutes on 24 November 1912 [1].",
        "Keeper Dacre reported himself after the light failed [1].",
        "Dacre reported himself [1].",
        "The ginger cake bakes for 55 minutes at 160 degrees [1].",  # another passage says so
        "Storms are dangerous to every ship that passes by [1].",
        "The light was almost out for nineteen minutes [1].",
        "The cost was pounds: 34,700 [1].",
        "I could not find this in your documents.",
        "The light was out for nineteen",
        "",
        "[1].",
    ],
)
def test_a_reply_that_is_not_borne_out_is_not_shown(reply: str) -> None:
    assert text_of(reply) is None


def test_a_reply_is_kept_up_to_the_first_sentence_that_is_wrong() -> None:
    right = "The light was out for nineteen minutes [1]."
    assert text_of(f"{right} Rooke was dismissed in Norway [1]. The cost was 34,700 pounds [1].") == right
    assert text_of(f"{right} {right} The cost was 34,700 pounds [1].") == right
    assert text_of(f"{right} The cost was 34,700 po") == right


def test_the_words_that_were_read_must_be_said() -> None:
    reply = "Principal Keeper Rooke reported himself [1]."
    assert text_of(reply, must_hold="Keeper Rooke") == reply
    assert text_of(reply, must_hold="nineteen minutes") is None
    assert text_of("The cost was 34,700 pounds [1].", must_hold="34,700") is not None


def test_a_reply_that_turns_in_circles_is_noticed() -> None:
    assert rambles("the light was out and the light was out and the light was out and the light was out")
    assert not rambles("The light was out for nineteen minutes on 24 November 1911, the only failure in its history.")
