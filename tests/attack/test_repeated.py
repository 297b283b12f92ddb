"""Files in which something stands very often, through the processes that parse: none takes long, none crashes.

DOCENT_REPEATED sets their number, DOCENT_SEED the seed, DOCENT_REPEATED_KB their size.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import Chunking, ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from tests.attack.repeated import repeated
from tests.rag.word_counter import SPEC

COUNT = int(os.environ.get("DOCENT_REPEATED", "60"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
SIZE = int(os.environ.get("DOCENT_REPEATED_KB", "200")) << 10
PROCESSOR_S = 20.0  # far more than a reader that is linear takes for so small a file
_OF_DEFECTS = ("not as its format says", "crashed", "ended from outside", "too long", "too much memory")


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_files_of_repeated_pieces_are_read_or_refused_soon(tmp_path: Path) -> None:
    def files() -> Iterator[tuple[str, int]]:
        for path in repeated(tmp_path, COUNT, SEED, SIZE):
            yield str(path), path.stat().st_size

    limits = ParseLimits(workers=2, timeout_s=PROCESSOR_S, timeout_s_per_mb=0)
    seen = 0
    failed: dict[str, str] = {}
    for result in ParsePool(limits).parse_all(files(), Chunking(SPEC), threading.Event()):
        seen += 1
        if result.document is not None:
            result.document.close()
        elif result.error is None or any(words in str(result.error) for words in _OF_DEFECTS):
            failed[Path(result.path).name] = str(result.error)
            continue  # the file stays to be looked at
        Path(result.path).unlink()
    assert seen == COUNT
    assert not failed, f"seed {SEED}, {len(failed)} of {COUNT}: {dict(list(failed.items())[:10])}"
