"""Who signed a mail is told by its head."""

import pytest

from rag.answer.operators.quoted.mail_senders import find_mail_sender
from rag.query.query import make_query
from tests.rag.answer.operators.plain_texts import PlainTexts
from tests.rag.answer.two_passages import passage

DENTIST = (
    "Your appointment\n\nFrom: Ilse Brandt <praxis@brandt.example>\nTo: Jo Pell\n\n"
    "Dear Mr Pell, the dentist sees you on 3 May. Kind regards"
)
ROOF = "Offer\n\nFrom: Kern Roofing <office@kern.example>\nTo: Jo Pell\n\nWe mend the roof for 2,400 euros."
REPORT = "Report\n\nThe dentist praised the new chairs."


def sender(question: str) -> str | None:
    texts = (DENTIST, ROOF, REPORT)
    passages = [passage(number, text, document=number) for number, text in enumerate(texts, 1)]
    worked = find_mail_sender(make_query(question), passages, PlainTexts(texts))
    return None if worked is None else worked.statements[0].text


@pytest.mark.parametrize(
    "question", ["Who signed the dentist's mail?", "Who sent the mail about the dentist appointment?"]
)
def test_the_line_of_the_sender_is_quoted(question: str) -> None:
    assert sender(question) == "From: Ilse Brandt <praxis@brandt.example>"


@pytest.mark.parametrize(
    "question",
    [
        "Who signed the mail about the boiler?",
        "Who signed the mail to Jo Pell?",  # two of them
        "Who signed the contract?",
        "Who got the dentist's mail?",
        "Who signed the mail?",
    ],
)
def test_nothing_is_quoted_for_other_mails(question: str) -> None:
    assert sender(question) is None
