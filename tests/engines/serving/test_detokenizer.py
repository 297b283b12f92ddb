"""Text as it grows: whole characters, no part of a stop string, and never stuck."""

import random
from collections.abc import Sequence

import pytest

from engines.serving.detokenizer import Detokenizer

TEXT = "naïve 日本語 🙂 e\u0301 END of \u00e9 it\nEN"


def decode(tokens: Sequence[int]) -> str:
    return bytes(tokens).decode(errors="replace")


def pieces(data: bytes, stop: Sequence[str] = ()) -> list[str]:
    detokenizer = Detokenizer(decode, stop)
    found = []
    for byte in data:
        found.append(detokenizer.push(byte))
        if detokenizer.stopped:
            break
    return [*found, detokenizer.finish()]


def test_characters_come_whole_and_all_of_them() -> None:
    found = pieces(TEXT.encode())
    assert "".join(found) == TEXT
    assert not any("\ufffd" in piece for piece in found)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("END",), TEXT.split("END")[0]),
        (("語 🙂", "END"), TEXT.split("語 🙂")[0]),
        (("it\nE", "END of it"), TEXT.split("it\nE")[0]),
        (("nowhere",), TEXT),
        (("ENDED", "EN\n"), TEXT),
    ],
)
def test_a_stop_string_never_shows(stop: tuple[str, ...], expected: str) -> None:
    found = pieces(TEXT.encode(), stop)
    assert "".join(found) == expected


def test_an_unfinished_character_stays_out_at_the_end() -> None:
    assert "".join(pieces("ab🙂".encode()[:-1])) == "ab"


def test_bytes_that_make_no_character_hold_nothing_up() -> None:
    """A model that writes nonsense is shown as it is, in bounded time, and what is right in between is not lost."""
    chance = random.Random(2)
    data = bytes(chance.randrange(128, 256) for _ in range(400)) + "good é".encode()
    calls: list[int] = []

    def counting(tokens: Sequence[int]) -> str:
        calls.append(len(tokens))
        return decode(tokens)

    detokenizer = Detokenizer(counting)
    found = [detokenizer.push(byte) for byte in data]
    assert "".join([*found, detokenizer.finish()]).endswith("good é")
    assert max(calls) < 20
    silences = "".join("x" if piece else " " for piece in found)
    assert " " * 10 not in silences


def test_a_space_that_a_decoder_strips_in_front_is_kept_between_words() -> None:
    """SentencePiece decoders drop the first token's leading space, so a token's text depends on the one before."""
    words = {1: " one", 2: " two", 3: " three"}

    def strip_first(tokens: Sequence[int]) -> str:
        return "".join(words[token] for token in tokens).removeprefix(" ")

    detokenizer = Detokenizer(strip_first)
    assert "".join(detokenizer.push(token) for token in (1, 2, 3)) == "one two three"
