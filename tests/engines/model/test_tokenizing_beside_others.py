"""A long text is tokenised while other threads run on, and into the same tokens as by the library itself."""

import threading

import pytest
from tokenizers import Tokenizer

from app.settings.paths import builtin_model
from engines.model.tokenizer import ModelTokenizer

LONG = "The lamp of the light was lit by the keeper. " * 4_000


@pytest.fixture(scope="module")
def tokenizer() -> ModelTokenizer:
    return ModelTokenizer.from_folder(builtin_model(), ())


def test_other_threads_run_meanwhile(tokenizer: ModelTokenizer) -> None:
    turns, ended, begun = 0, threading.Event(), threading.Event()

    def count() -> None:
        nonlocal turns
        while not ended.wait(0.001):
            turns += 1
            begun.set()

    other = threading.Thread(target=count)
    other.start()
    try:
        begun.wait()
        before = turns
        tokenizer.encode_prompt(LONG)
        assert turns - before > 5  # none, where the library holds the interpreter
    finally:
        ended.set()
        other.join()


@pytest.mark.parametrize("text", ["", "The lamp was lit in 1868.", "Ægir 🙂\n\n", LONG[:500]])
def test_the_tokens_are_the_library_s(tokenizer: ModelTokenizer, text: str) -> None:
    own = Tokenizer.from_file(str(builtin_model() / "tokenizer.json"))
    own.no_truncation()
    own.no_padding()
    assert tokenizer.encode(text) == own.encode(text).ids
    assert tokenizer.encode_prompt(text) == own.encode(text, add_special_tokens=False).ids
