"""The thread that serves hits: it alone has the sockets, the queue and the pixels.

Others hand things to it by an inbox of limited size and never wait for it. A program that asks for something wrong gets a short answer,
as CrystFEL takes answers of 15 bytes or less for "nothing yet"; an error in here ends the streaming, never the run.
"""

from __future__ import annotations

import dataclasses
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from beamloom.apps.crystallography.streaming.broadcast import FRAMES, RESULTS, Broadcast, packed
from beamloom.apps.crystallography.streaming.counts import Counts
from beamloom.apps.crystallography.streaming.held import Frame, HeldHits
from beamloom.apps.crystallography.streaming.hitmessage import hit_message
from beamloom.apps.crystallography.streaming.queue import Forget, Hit, HitQueue, Instruction, Nothing, Send
from beamloom.apps.crystallography.streaming.reception import NOTHING_YET, Reception, Request
from beamloom.apps.crystallography.streaming.settings import StreamError, StreamSettings

RUN_IS_OVER = b"run is over"
DONE = b"ok"
NOT_UNDERSTOOD = b"What?"

_IDLE = 1.0

logger = logging.getLogger(__name__)


class HitServer:
    """Serves hits until it is closed. Raises StreamError if it cannot listen at the addresses."""

    def __init__(self, settings: StreamSettings, on_settled: Callable[[Hit], None]) -> None:
        self._settings = settings
        self._on_settled = on_settled
        self._queue = HitQueue(
            memory_bytes=settings.memory_bytes,
            disk_bytes=settings.spill_bytes,
            when_full=settings.when_full,
            keep_alive=settings.keep_alive,
            attempts=settings.attempts,
            patience=settings.patience,
        )
        self._inbox: deque[Callable[[], None]] = deque()
        self._closing = False
        self._held = HeldHits(settings.pixels, settings.folder if settings.when_full == "spill" else None)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._reception: Reception | None = None
        self._broadcast: Broadcast | None = None
        try:
            self._listen()
        except zmq.ZMQError as error:
            self._release()
            raise StreamError(
                f"hits cannot be streamed at {settings.address} {settings.broadcast_address}: {error.strerror}; "
                "give other addresses, or end what listens there"
            ) from None
        self.counts = Counts()
        """As of the end of the last turn of the thread; never changed, but replaced."""
        self.run_over = False
        self.parameters: Mapping[str, Any] = {}
        self.reset_asked = threading.Event()
        self.frames_wanted = False
        self.results_wanted = False
        self.failure: str | None = None
        self.turned = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hit stream", daemon=True)
        self._thread.start()

    def call(self, what: Callable[[], None]) -> None:
        """Have the thread do this, in the order in which it was told."""
        if self.failure is None:
            self._inbox.append(what)
            self.wake()

    def wake(self) -> None:
        """Let the thread look around."""
        try:
            self._wake.send(b"\0")
        except (BlockingIOError, OSError):
            # It has not seen the last one yet, or is over.
            return

    def close(self) -> None:
        """End the thread; what waits is forgotten."""
        self._closing = True
        self.wake()
        self._thread.join()

    # In the thread:

    def offer(self, hit: Hit, frame: Frame) -> None:
        """A new hit."""
        self._held.keep(hit, frame)
        self._do(self._queue.offer(hit, frame.size, time.monotonic()))

    def repeated(self) -> None:
        """A hit that was settled before was offered again."""
        self._queue.repeated()

    def count(self) -> None:
        """Let others see the counts as they are."""
        self.counts = dataclasses.replace(self._queue.counts)

    def show(self, frame: Frame) -> None:
        """Publish a frame."""
        if self._broadcast is not None and self._broadcast.listened_to(FRAMES):
            self._broadcast.publish(
                FRAMES, hit_message(frame.pixels, frame.peaks, frame.info, self._settings.pixels)
            )

    def publish(self, results: Mapping[str, Any]) -> None:
        """Publish results."""
        if self._broadcast is not None and self._broadcast.listened_to(RESULTS):
            self._broadcast.publish(RESULTS, packed(results))

    def _listen(self) -> None:
        self._poller = zmq.Poller()
        self._poller.register(self._woken, zmq.POLLIN)
        self._reception = Reception(self._context, self._settings.address, self._settings.wake_after)
        for source in self._reception.sockets:
            self._poller.register(source, zmq.POLLIN)
        if self._settings.broadcast_address:
            self._broadcast = Broadcast(self._context, self._settings.broadcast_address)
            self._poller.register(self._broadcast.socket, zmq.POLLIN)

    def _run(self) -> None:
        try:
            while not self._closing and self._reception is not None:
                self._poller.poll(self._time_to_wait(self._reception.deadline()))
                self._turn(self._reception)
        except Exception as error:
            self.failure = f"hits are not streamed any more: {type(error).__name__}: {error}"
            logger.exception("the stream of hits has ended; the run goes on without it")
        finally:
            self._release()
            with self.turned:
                self.turned.notify_all()

    def _release(self) -> None:
        if self._broadcast is not None:
            self._broadcast.close()
        if self._reception is not None:
            self._reception.close()
        self._context.term()
        self._held.close()
        self._wake.close()
        self._woken.close()

    def _time_to_wait(self, deadline: float | None) -> int:
        if self._inbox:
            return 0
        deadlines = [at for at in (self._queue.deadline(), deadline) if at is not None]
        wait = min([_IDLE, *(at - time.monotonic() for at in deadlines)])
        return max(0, int(wait * 1000) + 1)

    def _turn(self, reception: Reception) -> None:
        self._hear_wakes()
        gone, requests = reception.look()
        for client in gone:
            self._do(self._queue.gone(client, time.monotonic()))
        for request in requests:
            self._answer(request)
        if self._inbox:
            self._inbox.popleft()()
        self._do(self._queue.tick(time.monotonic()))
        if self._broadcast is not None:
            self._broadcast.hear()
            self.frames_wanted = self._broadcast.listened_to(FRAMES)
            self.results_wanted = self._broadcast.listened_to(RESULTS)
        with self.turned:
            self.count()
            self.turned.notify_all()

    def _hear_wakes(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            return

    def _answer(self, request: Request) -> None:
        client = request.client
        if request.what == b"next":
            self._do(self._queue.ask(client, time.monotonic()))
        elif request.what == b"statistics":
            said = dataclasses.asdict(self._queue.counts)
            self._reply(client, packed({**said, "run_over": self.run_over}))
        elif request.what == b"parameters":
            self._reply(client, packed(self.parameters))
        elif request.what == b"reset":
            self.reset_asked.set()
            self._reply(client, DONE)
        else:
            self._reply(client, NOT_UNDERSTOOD)

    def _do(self, instructions: list[Instruction]) -> None:
        todo = deque(instructions)
        while todo:
            todo.extend(self._done(todo.popleft()))

    def _done(self, instruction: Instruction) -> list[Instruction]:
        """Do one thing; returns what follows from it."""
        if isinstance(instruction, Send):
            return self._send(instruction.client, instruction.hit)
        if isinstance(instruction, Nothing):
            if self._reply(instruction.client, RUN_IS_OVER if self.run_over else NOTHING_YET):
                return []
            return self._queue.gone(instruction.client, time.monotonic(), blamed=False)
        if isinstance(instruction, Forget):
            self._held.forget(instruction.hit)
            if instruction.settled:
                self._on_settled(instruction.hit)
            return []
        try:
            self._held.spill(instruction.hit)
        except OSError as error:
            logger.warning("a hit could not be put on disk and is dropped: %s; look for room there", error)
            return self._queue.unwritten(instruction.hit)
        return []

    def _send(self, client: bytes, hit: Hit) -> list[Instruction]:
        try:
            message = self._held.message(hit)
        except OSError as error:
            logger.warning("a hit could not be read from disk and is dropped: %s", error)
            return self._queue.unread(client, hit)
        if self._reply(client, message):
            return []
        return self._queue.gone(client, time.monotonic(), blamed=False)

    def _reply(self, client: bytes, payload: bytes | memoryview) -> bool:
        return self._reception is not None and self._reception.reply(client, payload)
