"""WebSocket connections, of which those that are turned away leave nothing in the log.

uvicorn takes an answer instead of the handshake for an application that forgot the handshake, and logs an error. Whoever has no token could
fill the log so.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class QuietProtocol(WebSocketsSansIOProtocol):
    """One connection; when it has been answered, its handshake is over."""

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
