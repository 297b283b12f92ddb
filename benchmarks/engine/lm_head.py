"""Measures what an output layer in 8 bits costs a model: its perplexity on held-out text as stored and rounded.

    python -m benchmarks.engine.lm_head MODEL --text TEXT                  # special tokens in the text count as such
    python -m benchmarks.engine.lm_head MODEL --text squad-train.json.xz   # its last 44 articles

Computed by the reference in float32, so that only the rounding of these weights shows; cards keep them in the same
codes.
"""

import argparse
from pathlib import Path
from typing import get_args

from benchmarks.engine.quantization import perplexity, pieces_of, read_text
from engines.model.checkpoint import Checkpoint
from engines.model.tokenizer import ModelTokenizer
from engines.page_size import PAGE_TOKENS, LmHead
from engines.runtimes.reference.runtime import ReferenceRuntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=16384)
    arguments = parser.parse_args()
    checkpoint = Checkpoint(arguments.model)
    tokenizer = ModelTokenizer.from_folder(arguments.model, checkpoint.config.eos_ids)
    pieces = pieces_of(tokenizer.encode(read_text(arguments.text)), arguments.tokens)
    pages = -(-max(len(piece) for piece in pieces) // PAGE_TOKENS)
    first = None
    for kind in get_args(LmHead):
        found = perplexity(ReferenceRuntime(checkpoint, pages, lm_head=kind), pieces)
        first = first or found
        print(f"{kind:6} {found:8.4f} {100 * (found / first - 1):+.3f} %", flush=True)


if __name__ == "__main__":
    main()
