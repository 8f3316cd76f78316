"""A process that wakes does not interrupt one that works, where there are more of them than processors.

By default Linux lets who has slept go before who has worked. In a pipeline whose processes share few processors every message that
arrives then interrupts the process that is about to send the next: all of them handle a few events at a time, each time with cold caches,
at twice to three times the cost for each event, and once it is so it stays so. As batch processes (``SCHED_BATCH``) they take turns.
Where a processor is free, who wakes begins at once as before.
"""

from __future__ import annotations

import contextlib
import os


def take_turns() -> bool:
    """Set this process so; false where it cannot be, or where somebody has chosen how it is scheduled (as ``chrt`` does)."""
    if not hasattr(os, "SCHED_BATCH"):
        return False
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            return True
    return False
