"""The times of a file as a library keeps them."""

import os

_LAST = (1 << 63) - 1  # what a database holds as a whole number: the year 2262


def times_of(status: os.stat_result) -> tuple[int, int]:
    """When content and status of a file changed last, in nanoseconds since 1970. A file may claim any time (broken
    archives and clocks make it so); what no database holds is the nearest that one does."""
    return _kept(status.st_mtime_ns), _kept(status.st_ctime_ns)


def _kept(nanoseconds: int) -> int:
    return max(-_LAST, min(nanoseconds, _LAST))
