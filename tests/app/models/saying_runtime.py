"""A runtime whose model always says the same."""

import threading

import numpy as np
from numpy.typing import NDArray

from tests.engines.fakes import ScriptedRuntime
from tests.engines.small_tokenizer import EOS, VOCABULARY, small_model_tokenizer


class SayingRuntime(ScriptedRuntime):
    """Says a fixed reply after every prompt; ``gate`` holds back each of its steps."""

    vocab_size = VOCABULARY

    def __init__(self, reply: str, gate: threading.Event | None = None) -> None:
        super().__init__(num_pages=256, max_context=4096, gate=gate)
        tokenizer = small_model_tokenizer()
        self.reply = [*tokenizer.encode(reply), *tokenizer.encode(EOS)]
        self.first = tokenizer.encode("<|assistant|>")[0]

    def _logits(self, context: NDArray[np.int64]) -> NDArray[np.float32]:
        said = len(context) - 1 - int(np.flatnonzero(context == self.first)[-1])
        scores = np.zeros(self.vocab_size, np.float32)
        scores[self.reply[min(said, len(self.reply) - 1)]] = 30  # sampling says it, too
        return scores
