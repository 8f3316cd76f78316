"""Finds out when somebody listens at an address again, for libraries that wait long between two attempts of their own.

A connection is made and closed at once, in a thread, again and again until one succeeds; nothing is sent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 0.2
"""Between two attempts."""
_ATTEMPT_SECONDS: Final = 1.0
"""So long an address that does not answer is waited for."""


class Lookout:
    """Looks at ``address``, ``host:port``, until somebody listens there or it is closed."""

    def __init__(self, address: str, found: Callable[[], None]) -> None:
        """``found`` is called once, in the thread of the lookout, when somebody listens."""
        host, _, port = address.rpartition(":")
        self.tries = 0
        """Attempts by now, the successful one among them."""
        self.listens = False
        """Whether somebody has been found to listen."""
        self._address = (host.strip("[]"), int(port))
        self._found = found
        self._closing = threading.Event()
        thread = threading.Thread(target=self._look, name=f"lookout for {address}", daemon=True)
        thread.start()

    def close(self) -> None:
        """Look no more; returns at once."""
        self._closing.set()

    def _look(self) -> None:
        while not self._closing.is_set():
            self.tries += 1
            # A name that no host can have is a UnicodeError.
            with contextlib.suppress(OSError, UnicodeError):
                socket.create_connection(self._address, _ATTEMPT_SECONDS).close()
                self.listens = True
                self._found()
                return
            self._closing.wait(EVERY_SECONDS)
