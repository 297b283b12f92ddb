"""Damaged files through the processes that parse: each is read or refused with a reason, and no reader fails on one.

DOCENT_MUTANTS sets their number (20,000 for a full run, in an hour) and DOCENT_SEED the seed.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingest.children.parse_job import Chunking, ParseLimits
from rag.ingest.children.parse_pool import ParsePool
from tests.attack.mutants import mutants
from tests.rag.word_counter import SPEC

COUNT = int(os.environ.get("DOCENT_MUTANTS", "300"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))
_OF_DEFECTS = ("not as its format says", "crashed", "ended from outside", "too long", "too much memory")


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    def files() -> Iterator[tuple[str, int]]:
        for path in mutants(tmp_path, COUNT, SEED):
            yield str(path), path.stat().st_size

    seen = read = 0
    failed: dict[str, str] = {}
    for result in ParsePool(ParseLimits(workers=2)).parse_all(files(), Chunking(SPEC), threading.Event()):
        seen += 1
        if result.document is not None:
            read += 1
            result.document.close()
        elif result.error is None or any(words in str(result.error) for words in _OF_DEFECTS):
            failed[Path(result.path).name] = str(result.error)
            continue  # the file stays to be looked at
        Path(result.path).unlink()
    assert seen == COUNT and read > COUNT / 10
    assert not failed, f"seed {SEED}, {len(failed)} of {COUNT}: {dict(list(failed.items())[:10])}"
