"""Counts tokens with a model's tokenizer alone, in bounded windows; light enough for the process that parses files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from rag.errors import ModelFilesError
from rag.types import CountTokens

WINDOW_CHARS = 1 << 16
"""Characters tokenised together: a token takes up to half a kilobyte while the tokenizer holds it."""


def load(file: str) -> CountTokens:
    """Returns what counts tokens, without special tokens, with the tokenizer in a ``tokenizer.json``."""
    tokenizer = open_tokenizer(Path(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenCounter(tokenizer)


class TokenCounter:
    """Counts with an opened tokenizer that neither cuts nor pads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, texts: Sequence[str]) -> list[int]:
        """Returns the tokens of each text. A text longer than a window is counted in stretches that end at white space
        where there is any."""
        counts = [0] * len(texts)
        for window in _windows(texts):
            batch = [encodable(text) for _, text in window]
            encoded = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            for (index, _), tokens in zip(window, encoded, strict=True):
                counts[index] += len(tokens)
        return counts


def _windows(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Yields stretches of texts, each with the number of its text, in windows of WINDOW_CHARS."""
    window: list[tuple[int, str]] = []
    held = 0
    for index, text in enumerate(texts):
        for stretch in _stretches(text):
            if window and held + len(stretch) > WINDOW_CHARS:
                yield window
                window, held = [], 0
            window.append((index, stretch))
            held += len(stretch) + 64  # what a short text costs as well
    if window:
        yield window


def _stretches(text: str) -> Iterator[str]:
    if len(text) <= WINDOW_CHARS:
        yield text
        return
    start = 0
    while start < len(text):
        end = min(len(text), start + WINDOW_CHARS)
        if end < len(text):
            space = max(text.rfind(mark, start + 1, end) for mark in " \n\t")
            end = space if space > 0 else end
        yield text[start:end]
        start = end


def encodable(text: str) -> str:
    """Lone surrogates cannot cross into the tokenizer, which takes UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def open_tokenizer(file: Path) -> Tokenizer:
    """The tokenizer as its file describes it. Raises ModelFilesError."""
    remedy = "Fetch the model's files again."
    if not file.is_file():
        raise ModelFilesError(f"The embedding model's file {file} is missing.", remedy)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise ModelFilesError(f"The embedding model's file {file} is not a tokenizer ({error}).", remedy) from error
