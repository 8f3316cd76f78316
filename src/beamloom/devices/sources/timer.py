"""A file descriptor that becomes readable at a set time: what a source that makes its packets itself is waited for by."""

from __future__ import annotations

import ctypes
import math
import os
import time
from typing import Final


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Timer:
    """A ``timerfd`` of Linux on the monotonic clock; Python brings it from 3.13 on."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._library.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        """Readable from the set time on, until another time is set."""
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "this system gives no timer")

    def set(self, seconds: float | None) -> None:
        """Become readable ``seconds`` from now; at once for 0, not at all for None."""
        whole, part = 0, 0
        if seconds is not None:
            whole = math.floor(seconds)
            # A time of zero would mean never.
            part = max(round((seconds - whole) * 1e9) % _NANOSECONDS, 0 if whole else 1)
        spec = _TimerSpec(_TimeSpec(0, 0), _TimeSpec(whole, part))
        if self._library.timerfd_settime(self.fd, 0, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), f"the timer cannot be set to {seconds} s")

    def close(self) -> None:
        """Release the descriptor. May be called twice."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


_NANOSECONDS: Final = 1_000_000_000
