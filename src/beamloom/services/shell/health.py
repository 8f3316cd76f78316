"""What supervisors of other kinds are told of a process: Kubernetes asks over HTTP, systemd is sent datagrams.

Policy: a process *lives* as long as it gives signs of life; before its first one it is starting, or stands by, and lives as long as
it answers at all. It is *ready* when it takes part: the controller knows it, or it is the controller that leads. Nothing of a
pipeline is told, only this, and so no token is asked for: those who ask have none.

Nobody asks, nothing runs: without ``health_port`` and without systemd there is no thread and no socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from beamloom.errors import UsageError
from beamloom.settings import ProcessSettings
from beamloom.transport.interfaces import address_at

if TYPE_CHECKING:
    from http.server import HTTPServer

logger = logging.getLogger(__name__)

SILENCE = 30.0
"""Seconds without a sign of life after which a process counts as stuck."""
STARTS = "it starts, or stands by"
LONGEST_QUESTION = 2.0
"""Seconds that a question over HTTP may take; one is answered at a time."""


class HealthPortError(UsageError):
    """A port on which nothing can be told."""


class Health:
    """How a process is, as it says of itself; its methods may be called in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, told: bool = True) -> None:
        """``told``: whether anybody hears of it."""
        self._clock = clock
        self._told = told
        self._seen: float | None = None
        self._not_ready: str | None = STARTS

    def lives(self) -> None:
        """A sign of life."""
        self._seen = self._clock()

    def ready(self, problem: str | None = None) -> None:
        """The process takes part; or why it does not, in words that follow its name and "is not ready"."""
        self._not_ready = problem

    def watching(self, ended: Callable[[], str | None]) -> Callable[[], str | None]:
        """``ended``, which a loop asks in each turn, with a sign of life each time."""
        if not self._told:
            return ended

        def asked() -> str | None:
            self._seen = self._clock()
            return ended()

        return asked

    def stuck(self) -> str | None:
        """Why the process should be started anew; None while it lives."""
        if self._seen is None or (silent := self._clock() - self._seen) <= SILENCE:
            return None
        return f"no sign of life for {silent:.0f} s"

    def not_ready(self) -> str | None:
        """Why nothing should be sent to it; None when it takes part."""
        return self.stuck() or self._not_ready

    def answer(self, path: str) -> tuple[int, str]:
        """Status and sentence for a path that is asked for."""
        questions = {"/livez": (self.stuck, "lives"), "/readyz": (self.not_ready, "is ready")}
        if path not in questions:
            return 404, f"there is nothing at {path}; there are /livez and /readyz\n"
        ask, well = questions[path]
        problem = ask()
        return (200, f"{well}\n") if problem is None else (503, f"{problem}\n")


NOBODY_HEARS = Health(told=False)
"""For processes without a supervisor that wants to know."""


@contextlib.contextmanager
def health_of(settings: ProcessSettings) -> Iterator[Health]:
    """The health of this process, told while this is open to those whom the settings and the environment name.

    Raises HealthPortError where the port cannot be listened on.
    """
    notified = os.environ.get("NOTIFY_SOCKET", "")
    if settings.health_port is None and not notified:
        yield NOBODY_HEARS
        return
    health = Health()
    with contextlib.ExitStack() as stack:
        if settings.health_port is not None:
            stack.enter_context(_answering(health, address_at(settings.bind), settings.health_port))
        if notified:
            stack.enter_context(_notifying(health, notified, _watchdog_seconds()))
        yield health


@contextlib.contextmanager
def _answering(health: Health, host: str, port: int) -> Iterator[None]:
    try:
        server = _server(health, host, port)
    except OSError as error:
        raise HealthPortError(
            f"health_port {port} on {host} cannot be listened on ({error.strerror}); give another one with --health-port"
        ) from error
    logger.info("tells whether it lives and is ready at http://%s:%d/readyz", host, server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=[0.5], name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _server(health: Health, host: str, port: int) -> HTTPServer:
    # Only those import it who are asked.
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from socketserver import TCPServer

    class Answers(BaseHTTPRequestHandler):
        timeout = LONGEST_QUESTION
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, sentence = health.answer(self.path.partition("?")[0])
            body = sentence.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *what: Any) -> None:
            """Questions are nobody's business."""

    class Server(HTTPServer):
        def server_bind(self) -> None:
            """Without the name of the address: a network that has none lets whoever asks wait for long."""
            TCPServer.server_bind(self)
            self.server_name, self.server_port = host, self.socket.getsockname()[1]

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who asked has gone; the next one asks again."""

    return Server((host, port), Answers)


@contextlib.contextmanager
def _notifying(health: Health, address: str, watchdog: float | None) -> Iterator[None]:
    """Tell systemd (https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html)."""
    over = threading.Event()
    # An address that begins with @ is of Linux' abstract names.
    where = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:

        def tell(text: str) -> bool:
            # Who does not read, or is gone, holds nobody up.
            with contextlib.suppress(OSError):
                return notify.sendto(text.encode(), socket.MSG_DONTWAIT, where) > 0
            return False

        def go_on() -> None:
            told = ""
            while True:
                status = f"READY=1\nSTATUS={health.not_ready() or 'takes part'}"
                if status != told and tell(status):
                    told = status
                if watchdog is not None and health.stuck() is None:
                    tell("WATCHDOG=1")
                if over.wait(1.0 if watchdog is None else min(1.0, watchdog / 3)):
                    return

        thread = threading.Thread(target=go_on, name="health-systemd", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            tell("STOPPING=1")


def _watchdog_seconds() -> float | None:
    """How often systemd wants to hear at least; None where it does not."""
    written = os.environ.get("WATCHDOG_USEC", "")
    return int(written) / 1e6 if written.isdecimal() and int(written) else None
