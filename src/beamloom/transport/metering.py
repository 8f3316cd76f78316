"""What a process does with its time, and how much it says and hears, as its loop and its mailbox see it.

Policy: clocks are read where a loop reads them anyway, once for each wait, message and turn, never for each event. All numbers only grow;
who wants rates takes differences. What the system knows of the process is asked for only when somebody wants the figures.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from beamloom.transport.tracing import Tracer


class Meter:
    """The counters of one process with one loop; to be made in the thread of the loop."""

    def __init__(self) -> None:
        self.waiting = 0.0
        """Seconds in which nothing was to be done, or nothing could be."""
        self.receiving = 0.0
        """Seconds in which messages were waited for, read and heeded; those of ``waiting`` are among them."""
        self.turning = 0.0
        """Seconds of turns: everything else that is done."""
        self.sent = 0
        self.received = 0
        self.bytes_received = 0
        self.unanswered = 0
        """Messages of this process that were not known to have arrived when that was looked at last."""
        self.tracer: Tracer | None = None
        """Keeps what is done, while somebody wants to see it."""
        self._schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    def figures(self) -> dict[str, float]:
        """All counters by name; may be called in any thread.

        ``cpu_seconds`` is of all threads, ``loop_cpu_seconds`` of the one with the loop, and ``queued_seconds`` the time in which that one
        had something to do and no processor was free; the latter two are missing where the system does not tell.
        """
        return {
            "waiting_seconds": self.waiting,
            "receiving_seconds": max(0.0, self.receiving - self.waiting),
            "turning_seconds": self.turning,
            "messages_sent": self.sent,
            "messages_received": self.received,
            "bytes_received": self.bytes_received,
            "unanswered_messages": self.unanswered,
            "cpu_seconds": time.process_time(),
            **self._of_loop(),
        }

    def _of_loop(self) -> dict[str, float]:
        """Linux, Documentation/scheduler/sched-stats: nanoseconds on a processor, nanoseconds waiting for one."""
        try:
            ran, queued, *_ = self._schedule.read_text().split()
        except (OSError, ValueError):
            return {}
        return {"loop_cpu_seconds": int(ran) / 1e9, "queued_seconds": int(queued) / 1e9}
