"""How a service lives in a process of its own: one plain loop, until it is told to end."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from beamloom.services.shell.old_objects import old_objects_left_alone
from beamloom.transport.channel import Channel, Received
from beamloom.transport.tracing import Tracer

logger = logging.getLogger(__name__)

LEAST_TURN = 20e-6
"""Seconds that a turn takes at least in which something was done; shorter ones are in no trace."""
LONGEST_WAIT = 0.05
"""Seconds after which a service looks around even when nothing arrives, while it has a run."""
IDLE_WAIT = 0.25
"""The same without a run: all that begins then arrives as a message or wakes the mailbox."""


class Service(Protocol):
    """One process of a pipeline, without its loop."""

    def receive(self, received: Received, now: float) -> None:
        """A message has arrived."""

    def turn(self, now: float) -> None:
        """Do what can be done now, without waiting."""

    def wait(self, now: float) -> float:
        """How long, in seconds, nothing needs to be done unless a message arrives."""

    def leave(self, reason: str, *, failed: bool = False) -> None:
        """The process ends: release what is held, tell the others. ``failed``: by an error that nobody has foreseen."""


def interrupts_raise() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt in this thread: not in a process of a service, but in a replay."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


class EndOfService:
    """Whether this process has been asked to end."""

    def __init__(self, on_asked: Callable[[], None] = lambda: None) -> None:
        """``on_asked`` is called as soon as that is so, be it in a handler of a signal."""
        self.reason: str | None = None
        self.at_once = False
        """Whether it has been asked more than once, and takes no leave."""
        self._on_asked = on_asked
        self._wake: Callable[[], None] | None = None

    def ask(self, reason: str) -> None:
        """End as soon as possible."""
        self.at_once = self.reason is not None
        self.reason = reason
        self._on_asked()
        if self._wake is not None:
            self._wake()

    @contextmanager
    def on_signals(self, wake: Callable[[], None]) -> Iterator[None]:
        """While this is open, SIGTERM and SIGINT ask the process to end. Does nothing outside of the main thread."""
        self._wake = wake
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def asked(number: int, frame: FrameType | None) -> None:
            self.ask(f"told to end by {signal.Signals(number).name}")

        before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _heed_traced(service: Service, arrived: Iterable[Received], tracer: Tracer) -> None:
    begun = time.monotonic()
    for received in arrived:
        service.receive(received, begun)
        now = time.monotonic()
        tracer.heeded(received.message, begun, now)
        begun = now


def _ends(end: EndOfService, may_end: Callable[[str, float], bool], now: float) -> bool:
    return end.reason is not None and (end.at_once or may_end(end.reason, now))


def serve(
    service: Service,
    channel: Channel,
    ended: Callable[[], str | None] = lambda: None,
    end: EndOfService | None = None,
    may_end: Callable[[str, float], bool] = lambda reason, now: True,
) -> int:
    """Run ``service`` until its process is asked to end; returns the exit status.

    ``may_end`` is asked, with the reason and the time, whether it may end by now. ``ended`` says why the process has to end by itself, in a
    sentence, when it has to; the status is 2 then. What the service raises is told to the others as the reason, and raised.
    """
    end = end or EndOfService()
    meter, clock = channel.meter, time.monotonic
    failure: str | None = None
    try:
        with end.on_signals(channel.wake), old_objects_left_alone():
            now = clock()
            while ended() is None and not _ends(end, may_end, now):
                arrived = channel.receive(min(IDLE_WAIT, service.wait(now)))
                if meter.tracer is None:
                    for received in arrived:
                        service.receive(received, clock())
                else:
                    _heed_traced(service, arrived, meter.tracer)
                heeded = clock()
                meter.receiving += heeded - now
                service.turn(heeded)
                now = clock()
                meter.turning += now - heeded
                if meter.tracer is not None and now - heeded > LEAST_TURN:
                    meter.tracer.add("turn", heeded, now)
        if (problem := ended()) is not None:
            logger.error("%s", problem)
            return 2
        logger.info("ends: %s", end.reason)
        return 0
    except BaseException as error:
        failure = " ".join([f"failed with {type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        raise
    finally:
        try:
            service.leave(failure or end.reason or ended() or "failed", failed=failure is not None)
        finally:
            channel.close()
