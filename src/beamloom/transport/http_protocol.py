"""HTTP connections that cannot be held for nothing: a request has to begin, and its header to be whole, in a given time.

uvicorn ends connections that are idle after an answer, but neither those that never ask nor those that send their header, or the rest of a
body that was refused, a byte at a time. Each takes a file of this process, and those are few.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""Time for the header of a request, from the connection or from the first byte after the last answer."""
SPARE_CONNECTIONS = 128
"""Connections beyond the requests that are answered: kept ones, and those whose request is being turned away."""


class PatientProtocol(H11Protocol):
    """One connection, ended when it takes too long to ask."""

    most_connections = 1000 + SPARE_CONNECTIONS

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._be_patient()

    def data_received(self, data: bytes) -> None:
        """Take data; while no request is under way, it has to become one in time."""
        super().data_received(data)
        if self._is_answering or self.transport.get_protocol() is not self:
            self._lose_no_patience()
        elif self._patience is None:
            self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side has gone."""
        self._lose_no_patience()
        super().connection_lost(exc)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(HEADER_SECONDS, self._end)

    def _lose_no_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self) -> None:
        self._patience = None
        if not self._is_answering and not self.transport.is_closing():
            self.transport.abort()
