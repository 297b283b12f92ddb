"""Gives back the memory that runs of ONNX Runtime took.

A session keeps what its runs took for later runs: as much as the longest texts took that were ever read at the same
time, a hundred megabytes and more. Giving it back costs the next run some milliseconds, so that is for idle times.
"""

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

if TYPE_CHECKING:
    import onnxruntime

_SHRINK = ("memory.enable_memory_arena_shrinkage", "cpu:0")  # ONNX Runtime's onnxruntime_run_options_config_keys.h

_lock = threading.Lock()
_sessions: "WeakSet[onnxruntime.InferenceSession]" = WeakSet()


def remember(session: "onnxruntime.InferenceSession") -> "onnxruntime.InferenceSession":
    """Has ``give_back`` look after a session, whose inputs are token ids and masks, for as long as it lives."""
    with _lock:
        _sessions.add(session)
    return session


def give_back() -> None:
    """Frees what the sessions hold and no run needs now. They may be at work meanwhile."""
    with _lock:
        sessions = list(_sessions)
    for session in sessions:
        _shrink(session)


def _shrink(session: "onnxruntime.InferenceSession") -> None:
    """Runs a session on one token, which ends with what is wanted: nothing else asks for it."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry(*_SHRINK)
    feed = {
        one.name: np.ones([size if isinstance(size, int) else 1 for size in one.shape], one.type[len("tensor(") : -1])
        for one in session.get_inputs()
    }
    session.run(None, feed, options)
