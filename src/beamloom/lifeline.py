"""A child process that does not outlive its supervisor, even when that is killed with SIGKILL.

Linux kills the child for us (prctl, PR_SET_PDEATHSIG); elsewhere a thread of the child looks who its parent is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


def die_with(parent: int) -> None:
    """End this process with SIGKILL as soon as ``parent``, the process that started it, has ended."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    else:
        threading.Thread(target=_watch, args=(parent,), name="lifeline", daemon=True).start()
    # The parent may have ended before this line: then nobody would send the signal.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
