"""Waiting for a change of a part of the results: the reducer tells of it over a WebSocket (``/api/v1/updates``).

A message is only a hint to look: whoever looks compares by ETag. So nothing is wrong where messages come late, or twice, or not at all
because something on the way lets no WebSocket through: then it is looked a few times a second.
"""

from __future__ import annotations

import contextlib
import threading
import urllib.parse

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from beamloom.access.clients import Credentials
from beamloom.client._http import is_here
from beamloom.client._processes import Processes
from beamloom.errors import NotReachable, PipelineError

LOOK_SECONDS = 0.2
"""Between two looks where nobody tells of changes."""
CLOSE_SECONDS = 1.0
MOST_PER_SECOND = 20.0


class Changes:
    """Changes of what ``jsonpath`` selects, told at most every ``interval`` seconds. Not to be shared by threads."""

    def __init__(self, processes: Processes, jsonpath: str, interval: float) -> None:
        self._processes = processes
        self._query = urllib.parse.urlencode(
            {"paths": jsonpath, "rate": f"{min(MOST_PER_SECOND, 1 / max(interval, 0.001)):g}"}
        )
        self._socket: ClientConnection | None = None
        self._opened = contextlib.ExitStack()

    def listen(self) -> None:
        """Be told of changes from now on, if that is possible at this moment."""
        if self._socket is not None:
            return
        with contextlib.suppress(PipelineError):  # whoever looks next finds out what is the matter
            self._socket = self._processes.of_reducer(
                lambda reducer: self._connected(reducer.url, reducer.timeout, reducer.credentials)
            )

    def _connected(self, url: str, timeout: float, credentials: Credentials) -> ClientConnection:
        try:
            connecting = connect(
                f"ws{url.removeprefix('http')}/api/v1/updates?{self._query}",
                open_timeout=timeout,
                close_timeout=CLOSE_SECONDS,
                compression=None,
                proxy=None if is_here(url) else True,
                additional_headers=credentials.headers,
                ssl=credentials.tls() if url.startswith("https:") else None,
            )
            return self._opened.enter_context(connecting)
        except (OSError, WebSocketException) as error:
            raise NotReachable(f"the reducer at {url} tells of no changes ({error})") from error

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Return when something may have changed, or after so many seconds."""
        if self._socket is None:
            stop.wait(min(seconds, LOOK_SECONDS))
            return
        try:
            self._socket.recv(timeout=seconds)
            while True:
                # What has come meanwhile is seen by the same look.
                self._socket.recv(timeout=0)
        except TimeoutError:
            pass
        except (ConnectionClosed, OSError):
            self.close()

    def close(self) -> None:
        """Be told no more."""
        self._socket = None
        self._opened.close()
