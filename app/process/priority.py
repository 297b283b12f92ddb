"""Which threads have the processor first."""

import os
import sys
import threading

_BEHIND = 4  # steps of niceness: 0.4 times the weight


def give_way() -> None:
    """Puts this thread, and those that it begins, behind the others of the process: what computes answers and reads
    documents may not keep those waiting that answer requests. On Linux alone; elsewhere threads have no niceness."""
    if not sys.platform.startswith("linux"):
        return
    least = os.getpriority(os.PRIO_PROCESS, os.getpid())  # the main thread's; what this one has may be inherited
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(least + _BEHIND, 19))


def take_turns_quickly() -> None:
    """Has threads hand Python's interpreter to one another five times as often as they do by default: a request takes
    it dozens of times, each behind every thread that computes."""
    sys.setswitchinterval(0.001)
