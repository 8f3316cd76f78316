"""WebSocket connections that fill neither the log nor the memory.

uvicorn takes an answer instead of the handshake for an application that forgot the handshake, and logs an error: whoever has no token could
fill the log so. And it answers each ping at once: whoever sends pings and reads nothing could fill the memory. A ping that comes while
nothing more can be sent is not answered (RFC 6455, part 5.5.3, asks for an answer to the latest alone).
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class QuietProtocol(WebSocketsSansIOProtocol):
    """One connection; when it has been answered, its handshake is over."""

    def handle_ping(self) -> None:
        """Answer, as far as there is room for answers."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    async def send(self, message: Any) -> None:
        """Send what the application says."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
