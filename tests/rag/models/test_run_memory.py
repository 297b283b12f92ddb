"""Memory of the models' runs goes back, and the models compute afterwards what they did before."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from rag.models.embedder import OnnxEmbedder
from rag.models.run_memory import give_back

ROOT = Path(__file__).resolve().parents[3]
LONG = "The keeper of the light wrote down the weather. " * 40

_HELD_BEFORE_AND_AFTER = """
import psutil
from app.process.idle_memory import give_back_all
from rag.models.embedder import OnnxEmbedder

embedder = OnnxEmbedder.load(threads=8)
held = lambda: psutil.Process().memory_info().rss >> 20
give_back_all()
loaded = held()
embedder.embed_passages(["The keeper of the light wrote down the weather. " * 40] * 32)
worked = held()
give_back_all()
print(worked - loaded, held() - loaded)
"""


def test_what_runs_side_by_side_took_is_given_back() -> None:
    command = [sys.executable, "-c", _HELD_BEFORE_AND_AFTER]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    after_work, when_idle = map(int, ran.stdout.split())
    assert after_work > 20  # MiB
    assert when_idle < after_work / 2


def test_it_may_be_given_back_while_the_model_is_at_work() -> None:
    embedder = OnnxEmbedder.load(threads=2)
    expected = embedder.embed_passages([LONG])
    found = []
    at_work = threading.Thread(target=lambda: found.append(embedder.embed_passages([LONG] * 8)))
    at_work.start()
    while at_work.is_alive():
        give_back()
    np.testing.assert_array_equal(found[0], np.repeat(expected, 8, axis=0))
