"""Measures what an output layer in 8 bits costs a model: its perplexity on held-out text as stored and rounded.

    python -m benchmarks.engine.lm_head MODEL --text TEXT                  # special tokens in the text count as such
    python -m benchmarks.engine.lm_head MODEL --text squad-train.json.xz   # its last 44 articles

Computed by the reference in float32, so that only the rounding of these weights shows; cards keep them in the same
codes.
"""

from typing import get_args

from benchmarks.engine.quantization import compare_kinds
from engines.page_size import LmHead
from engines.runtimes.reference.runtime import ReferenceRuntime


def main() -> None:
    compare_kinds(__doc__, get_args(LmHead), lambda model, pages, kind: ReferenceRuntime(model, pages, lm_head=kind))


if __name__ == "__main__":
    main()
