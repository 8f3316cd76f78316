"""Sources that read from a device over ZeroMQ.

What is the same for all of them lives here: connecting and knowing that one is connected, draining the socket without waiting, and
discarding what does not belong to a series. What a message means, the device's own ``MessageReader`` says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import zmq

from beamloom.devices.device import ResumableReader
from beamloom.devices.series.dealt import Dealt, DealtReader
from beamloom.engine.streams.packet_rows import Arrivals, PacketRow, singles
from beamloom.events import Bearing, Malformed, Packet, PacketKind
from beamloom.native import Receiver
from beamloom.zmq_reports import next_report

SETTLE_SECONDS: Final = 0.003
"""How long after the handshake a device counts as connected. The device attaches us to its queue a moment after our side of the
handshake is done, and no message tells us when."""

SUBSCRIBE_SECONDS: Final = 0.01
"""The same for one that we subscribe to: our subscription goes out behind the handshake, and until it is there, what is published is lost
to us."""

KEEPALIVE_IDLE: Final = 5
"""Seconds of silence after which the system asks whether the other side of a connection is there."""

KEEPALIVE_INTERVAL: Final = 1
"""Seconds between two such questions."""

KEEPALIVE_COUNT: Final = 5
"""So many of them stay without an answer until the connection counts as broken, and another one is made."""

_ADDRESS: Final = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s/:*]+):(?P<port>\d{1,5})|ipc://\S+")

_MONITORED: Final = (
    zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED
)


class MessageReader(Protocol):
    """Knows what the messages of one device mean; made anew for each run."""

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append what the message ``frames`` completes; never raises.

        A message completes one item at most, and before it one that an earlier message began and that broke off.
        """


@runtime_checkable
class SteadyReader(Protocol):
    """What a reader has besides whose messages as a rule differ in nothing but numbers that count up."""

    def take_steady(self, frames: list[Any], counts: list[int]) -> PacketRow | None:
        """The packets of consecutive messages, of so many frames each, where all of them follow as expected; else None.

        Nothing has been taken then: the same messages are passed to ``take``, one by one.
        """

    def look_ahead(self, packets: Sequence[Packet | Malformed]) -> None:
        """``take`` has made these, all of them, of the latest messages: what is to be expected behind them may be found out."""


@runtime_checkable
class OverZeroMq(Protocol):
    """What a source has besides that reads through a ZmqSource: by it others, too, can tell what the device's messages mean."""

    connection: ZmqSource


class ZmqSource:
    """A connection to one device over ZeroMQ, for one run.

    ``pattern`` is ``zmq.PULL``, ``zmq.SUB`` (all topics) or ``zmq.REQ``, whose owner sends the requests. ``receive_queue`` is how
    many messages ZeroMQ holds for us, 0 for no limit. With PULL a full queue makes the device wait; with SUB the device cannot know, and
    what does not fit is dropped without a trace, so there only a limit that is never reached makes sense.
    """

    def __init__(self, url: str, pattern: int, receive_queue: int, reader: MessageReader) -> None:
        self.pattern = pattern
        self.reader = reader
        """What says what the messages mean."""
        self.discarded_before_start = 0
        """Messages that came before the START packet of a series, and between series."""
        self._url = url
        self._receive_queue = receive_queue
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._receiver: Receiver | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._handshakes = 0
        self._attempts = 0
        self._shaking_hands = False
        self._stranger = False
        self._connected_since: float | None = None
        self._in_series = False
        self._dealt: Dealt | None = None
        self._resumable = reader if isinstance(reader, ResumableReader) else None
        self._steady = reader if isinstance(reader, SteadyReader) else None

    @property
    def bearing(self) -> Bearing | None:
        """What another source needs to number the packets that are still to come; None while no series has begun, or where none could."""
        return None if self._resumable is None or self._dealt is not None else self._resumable.bearing

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Called before ``open``: the series has begun; as of a ResumableSource."""
        if self._resumable is None or self._dealt is not None:
            raise ValueError("its packets have no numbers of their own that would tell their events")
        self._in_series = True
        return self._resumable.resume(bearing, one_series=one_series)

    def share(self, *, one_series: bool) -> None:
        """Called before ``open``: other clients receive the rest of what the device sends. Nothing is read until ``begin_at``.

        ``one_series`` as of a SharedSource. Raises ValueError for a device of which packets cannot be placed without those before them.
        """
        if not isinstance(self.reader, DealtReader):
            raise ValueError(
                f"what comes from {self._url} cannot be shared by several ingesters; give it to one"
            )
        self._dealt = Dealt(self.reader, one_series=one_series)

    @property
    def origin(self) -> int | None:
        """What tells the first series whose START came here from others; None while none did."""
        return None if self._dealt is None else self._dealt.origin

    def begin_at(self, origin: int) -> None:
        """The run's series is known; what is earlier is discarded."""
        if self._dealt is not None:
            self._dealt.begin_at(origin)

    def open(self) -> None:
        """Begin to connect; returns at once. Raises ValueError with a sentence for an address that cannot be right."""
        if self._socket is not None:
            return
        found = _ADDRESS.fullmatch(self._url)
        if found is None or not (found["port"] is None or 0 < int(found["port"]) < 65536):
            raise ValueError(
                f"{self._url!r} is no address of a device; write it like tcp://host.example.org:9999 or ipc:///run/device.sock"
            )
        self._context = zmq.Context()
        self._socket = self._context.socket(self.pattern)
        self._receiver = Receiver(self._socket)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.RCVHWM, self._receive_queue)
        # Not otherwise: with it, a name that has both addresses is tried under the newer one only.
        self._socket.set(zmq.IPV6, int("[" in self._url))
        # A device that is switched off does not close its connection; only an unanswered keep-alive tells.
        self._socket.set(zmq.TCP_KEEPALIVE, 1)
        self._socket.set(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE)
        self._socket.set(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL)
        self._socket.set(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_COUNT)
        if self.pattern == zmq.SUB:
            self._socket.set(zmq.SUBSCRIBE, b"")
        self._monitor = self._socket.get_monitor_socket(_MONITORED)
        try:
            self._socket.connect(self._url)
        except zmq.ZMQError as error:
            self.close()
            raise ValueError(f"{self._url!r} is no address that can be connected to: {error}") from None

    def connected(self) -> bool:
        """Whether the device is there and will not send past us."""
        self._follow_connection()
        if self._handshakes and self._socket is not None and int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
            # A quick device has sent its whole series and is gone again: what it sent is here.
            return True
        since = self._connected_since
        settled = SUBSCRIBE_SECONDS if self.pattern == zmq.SUB else SETTLE_SECONDS
        return since is not None and time.monotonic() - since >= settled

    def connection_problem(self) -> str | None:
        """Why there is no connection, in a sentence; None when there is one."""
        self._follow_connection()
        if self._connected_since is not None:
            return None
        if self._socket is None:
            return f"the connection to {self._url} is not open"
        if self._stranger:
            sends = "PUSH" if self.pattern == zmq.PULL else "REP" if self.pattern == zmq.REQ else "PUB"
            return (
                f"what answers at {self._url} is no ZeroMQ {sends} socket; "
                "check the port and which device this stream is said to be"
            )
        if self._handshakes:
            return f"the connection to {self._url} broke off; is the device still running?"
        if self._attempts:
            return (
                f"nothing listens at {self._url} (connection refused, or no such host; tried {self._attempts} times); "
                "start the device or leave the stream out of the map"
            )
        return (
            f"nothing has answered at {self._url} yet; check that the device is running and that no firewall is in between, "
            "or leave the stream out of the map"
        )

    @property
    def unsuitable(self) -> bool:
        """Whether what answers is no socket that suits the pattern: it speaks something else, and waiting does not help."""
        self._follow_connection()
        return self._stranger

    @property
    def reconnects(self) -> int:
        """How often the connection was there again after it had broken."""
        self._follow_connection()
        return max(0, self._handshakes - 1)

    @property
    def pollable(self) -> Any:
        """The ZeroMQ socket. Raises RuntimeError before ``open`` and after ``close``."""
        return self._open_socket()

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, in order of arrival; empty when nothing has. Never waits.

        The last message may complete two items, an image that broke off and the packet that shows it, so the least limit is 2.
        """
        return list(singles(self.read_rows(limit)))

    def read_rows(self, limit: int) -> Arrivals:
        """As of a RowwiseSource."""
        if self._receiver is None:
            raise self._not_open()
        if self._dealt is not None:
            return self._read_dealt(self._receiver, self._dealt, limit)
        frames, counts = self._receiver.receive(max(limit - 1, 1))
        if not counts:
            return ()
        if self._steady is not None and self._in_series:
            row = self._steady.take_steady(frames, counts)
            if row is not None:
                return (row,)
        take = self.reader.take
        items: list[Packet | Malformed] = []
        for message in _messages(frames, counts):
            take(message, items)
        if not self._in_series or not all(
            item.__class__ is Packet and item.kind is PacketKind.DATA for item in items
        ):
            self._keep_series(items)
        if self._steady is not None:
            self._steady.look_ahead(items)
        return items

    def _read_dealt(self, receiver: Receiver, dealt: Dealt, limit: int) -> Arrivals:
        items: list[Packet | Malformed] = []
        dealt.take_held(limit, items)
        for message in _messages(*receiver.receive(limit - len(items))):
            dealt.take(message, items)
        self.discarded_before_start = dealt.discarded
        return items

    def close(self) -> None:
        """Release the connection at once. May be called twice."""
        if self._socket is not None:
            if self._monitor is not None:
                # With a monitor that is full, ZeroMQ waits here for a reader, and Python with it.
                self._follow_connection()
                self._socket.disable_monitor()
                self._monitor.close(0)
            self._socket.close(0)
        if self._context is not None:
            self._context.term()
        self._socket = self._monitor = self._context = self._receiver = None
        self._connected_since = None

    def _open_socket(self) -> zmq.Socket[bytes]:
        if self._socket is None:
            raise self._not_open()
        return self._socket

    def _not_open(self) -> RuntimeError:
        return RuntimeError(f"the connection to {self._url} is not open; call open() first")

    def _keep_series(self, items: list[Packet | Malformed]) -> None:
        """Discard those of ``items`` that do not belong to a series, and follow where series begin and end."""
        kept: list[Packet | Malformed] = []
        for item in items:
            if isinstance(item, Malformed):
                if self._in_series:
                    kept.append(item)
                else:
                    self.discarded_before_start += 1
                continue
            if item.kind is PacketKind.START:
                self._in_series = True
            if self._in_series:
                kept.append(item)
            else:
                self.discarded_before_start += 1
            if item.kind is PacketKind.END:
                self._in_series = False
        items[:] = kept

    def _follow_connection(self) -> None:
        """Take in what ZeroMQ has reported of the connection since last time."""
        if self._socket is not None:
            # After a reconnection the subscription goes out when the socket is next used, not before.
            self._socket.get(zmq.EVENTS)
        while self._monitor is not None and (told := next_report(self._monitor)) is not None:
            match told.event:
                case zmq.EVENT_CONNECTED:
                    self._shaking_hands = True
                case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    self._handshakes += 1
                    self._shaking_hands = self._stranger = False
                    self._connected_since = time.monotonic()
                case zmq.EVENT_DISCONNECTED:
                    # Who hangs up before the handshake speaks something else, or is a socket of another pattern.
                    self._stranger = self._shaking_hands
                    self._shaking_hands = False
                    self._connected_since = None
                case _:
                    self._attempts += 1


def _messages(frames: list[Any], counts: list[int]) -> Iterator[list[Any]]:
    """The frames of one message after the other."""
    end = 0
    for count in counts:
        begin, end = end, end + count
        yield frames[begin:end]
