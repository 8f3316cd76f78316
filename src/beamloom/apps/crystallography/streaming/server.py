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
from zmq.utils.monitor import parse_monitor_message

from beamloom.apps.crystallography.streaming.broadcast import FRAMES, RESULTS, Broadcast, packed
from beamloom.apps.crystallography.streaming.connections import Connections
from beamloom.apps.crystallography.streaming.counts import Counts
from beamloom.apps.crystallography.streaming.held import Frame, HeldHits
from beamloom.apps.crystallography.streaming.hitmessage import hit_message
from beamloom.apps.crystallography.streaming.queue import Forget, Hit, HitQueue, Instruction, Nothing, Send
from beamloom.apps.crystallography.streaming.settings import StreamError, StreamSettings
from beamloom.apps.crystallography.streaming.sleepers import Sleepers

NOTHING_YET = b"nothing yet"
RUN_IS_OVER = b"run is over"
DONE = b"ok"
NOT_UNDERSTOOD = b"What?"

_LONGEST_REQUEST = 4096
_HEARTBEAT = 10_000
"""Milliseconds between looks whether the host of a client is still there."""
_HEARTBEAT_PATIENCE = 60_000
"""Milliseconds: a frame must reach a client behind a slow line in that time."""
_IDLE = 1.0
_AT_ONCE = 256
"""Requests that are read before the rest gets its turn."""

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
        self._connections = Connections()
        self._envelopes: dict[bytes, list[bytes]] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._closing = False
        self._held = HeldHits(settings.pixels, settings.folder if settings.when_full == "spill" else None)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
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
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.router_mandatory = True
        self._router.maxmsgsize = _LONGEST_REQUEST
        self._router.heartbeat_ivl = _HEARTBEAT
        self._router.heartbeat_timeout = _HEARTBEAT_PATIENCE
        self._monitor = self._router.get_monitor_socket(
            zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        self._sleepers = Sleepers(self._name_of_a_peer(), self._settings.wake_after)
        self._asked: set[bytes] = set()
        self._router.bind(self._settings.address)
        self._poller = zmq.Poller()
        for source in (self._router, self._monitor, self._woken):
            self._poller.register(source, zmq.POLLIN)
        if self._settings.broadcast_address:
            self._broadcast = Broadcast(self._context, self._settings.broadcast_address)
            self._poller.register(self._broadcast.socket, zmq.POLLIN)

    def _name_of_a_peer(self) -> bytes:
        self._router.bind("inproc://hits")
        with self._context.socket(zmq.DEALER) as peer:
            peer.linger = 0
            peer.connect("inproc://hits")
            peer.send(b"")
            return self._router.recv_multipart()[0]

    def _run(self) -> None:
        try:
            while not self._closing:
                self._poller.poll(self._time_to_wait())
                self._turn()
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
        self._router.disable_monitor()
        self._monitor.close()
        self._router.close()
        self._context.term()
        self._held.close()
        self._wake.close()
        self._woken.close()

    def _time_to_wait(self) -> int:
        if self._inbox:
            return 0
        deadlines = [at for at in (self._queue.deadline(), self._sleepers.deadline()) if at is not None]
        wait = min([_IDLE, *(at - time.monotonic() for at in deadlines)])
        return max(0, int(wait * 1000) + 1)

    def _turn(self) -> None:
        self._hear_wakes()
        requests = self._requests()
        # Read after the messages, told before them: see connections.
        self._hear_connections()
        for frames, number in requests:
            self._answer(frames, number)
        self._wake_sleepers()
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

    def _requests(self) -> list[tuple[list[bytes], int]]:
        found = []
        for _ in range(_AT_ONCE):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            found.append(([frame.bytes for frame in frames], _connection_of(frames[-1])))
        return found

    def _hear_connections(self) -> None:
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._connections.opened(event["value"])
            elif event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._sleepers.connected(time.monotonic())
            elif event["event"] == zmq.EVENT_DISCONNECTED:
                for client in self._connections.closed(event["value"]):
                    self._envelopes.pop(client, None)
                    self._asked.discard(client)
                    self._do(self._queue.gone(client, time.monotonic()))

    def _answer(self, frames: list[bytes], number: int) -> None:
        client, request = frames[0], frames[-1]
        if number >= 0 and not self._connections.heard(client, number):
            return
        self._envelopes[client] = frames[:-1]
        self._sleepers.heard(client)
        if request == b"next" and self._sleepers.settles(client, time.monotonic()):
            self._asked.add(client)
        elif request == b"next":
            self._do(self._queue.ask(client, time.monotonic()))
        elif request == b"statistics":
            said = dataclasses.asdict(self._queue.counts)
            self._reply(client, packed({**said, "run_over": self.run_over}))
        elif request == b"parameters":
            self._reply(client, packed(self.parameters))
        elif request == b"reset":
            self.reset_asked.set()
            self._reply(client, DONE)
        else:
            self._reply(client, NOT_UNDERSTOOD)

    def _wake_sleepers(self) -> None:
        now = time.monotonic()
        for client in self._sleepers.settled(now):
            if client in self._asked:
                self._asked.discard(client)
                self._do(self._queue.ask(client, now))
        for client in self._sleepers.due(now):
            self._envelopes[client] = [client, b""]
            self._reply(client, NOTHING_YET)

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
        """Send; False if the client is not there any more, or reads nothing."""
        try:
            self._router.send_multipart([*self._envelopes[client], payload], zmq.NOBLOCK, copy=False)
        except zmq.ZMQError:
            self._envelopes.pop(client, None)
            self._connections.forget(client)
            return False
        return True


def _connection_of(frame: zmq.Frame) -> int:
    """The number of the connection that a message came by; -1 if ZeroMQ does not tell."""
    try:
        return int(frame.get(zmq.SRCFD))
    except (zmq.ZMQError, ValueError):
        return -1
