"""An HTTP server on a thread of its own, so that neither requests nor their bodies hold up the loop of a service.

The address is bound before the thread starts: a port that is taken is told to whoever starts the service, and once ``start``
returns, requests are answered. Who may ask is decided before anything is listened on: a service that would let in other machines without
a token does not start.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn

from beamloom.access.gate import Gate, IsQuestion, nothing_is_asked
from beamloom.access.policy import LOOPBACK, Access
from beamloom.errors import UsageError
from beamloom.transport.http_protocol import SPARE_CONNECTIONS, PatientProtocol
from beamloom.transport.interfaces import address_at
from beamloom.transport.websocket_protocol import QuietProtocol

logger = logging.getLogger(__name__)

GRACE_SECONDS = 2
"""How long running responses may take to end when the server stops; streams never end by themselves."""


UNREAD_SECONDS = 60
"""A connection whose client has taken nothing for so long is ended by the system, where that is Linux: what it was sent does not stay."""

TICK_SECONDS = 1.0
"""How often uvicorn writes the date of its headers anew."""

MOST_HEADER_BYTES = 1 << 16
MOST_MESSAGE_BYTES = 1 << 16
"""Of a message that a client sends over a WebSocket: wishes are short."""
MOST_MESSAGES_WAITING = 4


class CannotListen(UsageError):
    """An address that an HTTP server cannot listen on."""


class HttpServer:
    """Serves an ASGI application on ``host`` and ``port`` (0: a free one) from ``start`` to ``stop``.

    It leaves signals to the process, writes no access log (addresses are nobody's business), and runs the application's lifespan. A server
    is started once. ``access`` says who may ask; ``is_question`` to which paths a POST changes nothing.
    """

    def __init__(
        self,
        app: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        access: Access = LOOPBACK,
        is_question: IsQuestion = nothing_is_asked,
    ) -> None:
        self.host = host
        """After ``start``, the address, where an interface or a network was named."""
        self.port = port
        """After ``start``, the port that is really bound."""
        self._access = access
        tls = access.tls()
        limits = access.limits

        class Protocol(PatientProtocol):
            most_connections = limits.most_readers + limits.commands + SPARE_CONNECTIONS

        self._server = _Server(
            uvicorn.Config(
                Gate(app, access, is_question),
                http=Protocol,
                ws=QuietProtocol,
                ssl_context_factory=None if tls is None else lambda config, default: tls,
                h11_max_incomplete_event_size=MOST_HEADER_BYTES,
                ws_max_size=MOST_MESSAGE_BYTES,
                ws_max_queue=MOST_MESSAGES_WAITING,
                proxy_headers=False,
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the server is reached, without a trailing slash."""
        return _url(self._access.scheme, self.host, self.port)

    def start(self) -> int:
        """Begin to serve; returns the port once requests are answered.

        Raises AccessError where anybody could command, CannotListen where the address cannot be bound, RuntimeError where the
        application does not start.
        """
        if self._thread is not None:
            raise RuntimeError("this HTTP server has been started before; make a new one.")
        self.host = address_at(self.host)
        listener = _bind(self.host, self.port, self._access)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._serve, args=[listener], name=f"http-{self.port}", daemon=True
        )
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError(
                f"the HTTP application on port {self.port} failed to start; the log above says why."
            )
        return self.port

    def start_as(self, name: str) -> str:
        """Begin to serve; returns the address at which others reach the server, whose host ``name`` gives where it is not empty."""
        port = self.start()
        return _url(self._access.scheme, name or self.host, port)

    def stop(self) -> None:
        """Finish the answers that are under way, then release the port. May be called twice, and before ``start``."""
        if self._thread is not None:
            self._server.ask_to_end()
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            try:
                self._server.run(sockets=[listener])
            except SystemExit:
                # uvicorn's way to say that the application's start-up failed; start() tells it.
                pass
            except BaseException:
                logger.exception(
                    "The HTTP server on %s has died; restart the service to get it back.", self.url
                )
            finally:
                self._server.settled.set()


class _Server(uvicorn.Server):
    """Says when it has started, and ends as soon as it is asked to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        """Set once the server has started or failed to."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.settled.set()

    async def main_loop(self) -> None:
        """Tick until asked to end."""
        # To uvicorn ten ticks are a second, in the first of which it does what is done once a second.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), TICK_SECONDS)

    def ask_to_end(self) -> None:
        """End, without waiting for the next tick. May be called from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has ended by itself
                self._loop.call_soon_threadsafe(self._asked.set)


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _bind(host: str, port: int, access: Access) -> socket.socket:
    if not 0 <= port <= 65535:
        raise CannotListen(f"{port} is no port; ports go up to 65535, and 0 picks a free one.")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        access.check(host, str(address[0]))
        listener = socket.create_server(address, family=family)
        # Accepted connections inherit it; without, each answer on a kept connection waits for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        return listener
    except socket.gaierror as error:
        raise CannotListen(
            f"the host {host!r} is not known on this machine; give 127.0.0.1, 0.0.0.0 or one of its addresses."
        ) from error
    except OSError as error:
        raise CannotListen(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken by another process; stop that process or choose another port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; give 127.0.0.1, 0.0.0.0 or one of its addresses."
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}; choose one above 1023."
    return f"cannot listen on port {port} of {host} ({error.strerror}); choose another port or host."
