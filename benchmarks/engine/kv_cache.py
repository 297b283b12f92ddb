"""Measures what keeping K and V in 8 bits costs a model: its perplexity on held-out text with each format.

    python -m benchmarks.engine.kv_cache MODEL --text TEXT                  # special tokens in the text count as such
    python -m benchmarks.engine.kv_cache MODEL --text squad-train.json.xz   # its last 44 articles

Computed by the reference in float32, so that only the rounding of K and V shows; cards keep them in the same codes.
"""

from typing import get_args

from benchmarks.engine.quantization import compare_kinds
from engines.page_size import KvCache
from engines.runtimes.reference.runtime import ReferenceRuntime


def main() -> None:
    compare_kinds(__doc__, get_args(KvCache), lambda model, pages, kind: ReferenceRuntime(model, pages, kv_cache=kind))


if __name__ == "__main__":
    main()
