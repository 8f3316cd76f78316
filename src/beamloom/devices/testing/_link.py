"""A simulator and a source, joined by the device's own transport on this machine."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import zmq

from beamloom.devices.testing._specimen import Specimen
from beamloom.events import Malformed, Packet, PacketKind

PATIENCE: Final = 20.0
"""Seconds after which what has not come will not come."""
QUIET_MS: Final = 60
"""When nothing has come for so long after all was sent, all has come."""
IMMEDIATE: Final = 1.0
"""Seconds that a call which does not wait may take on a busy machine."""
SLOW_READS: Final = 3
"""So many reads that took longer are the source's doing, fewer may be the machine's."""

Arrivals = list[Packet | Malformed]


class NotConforming(AssertionError):
    """A device does not keep the contract; the text is a sentence that says in what."""


def demand(condition: bool, sentence: str) -> None:
    """Raise NotConforming with ``sentence`` unless ``condition`` holds."""
    if not condition:
        raise NotConforming(sentence)


def shown(item: Packet | Malformed) -> str:
    """One item in a line of text."""
    if isinstance(item, Malformed):
        return f"Malformed({item.reason!r}, takes_place={item.takes_place})"
    return f"{item.kind.name} packet, number {item.number}, {len(item.frames)} frames of {item.nbytes} bytes"


class Link:
    """One simulator and one source of a specimen; closed when the ``with`` block ends."""

    def __init__(self, specimen: Specimen, *, packets: int | None = None, opened: bool = True) -> None:
        """``packets`` is how many the run is said to have of the stream; without ``opened`` the source is made and no more."""
        self.specimen = specimen
        self.name = specimen.device.name
        self.simulator = specimen.bound_simulator()
        self._to_send: queue.SimpleQueue[Sequence[bytes] | None] = queue.SimpleQueue()
        self._sender: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._closed = False
        self._slow = 0
        try:
            self.source = specimen.source_for(self.simulator.url, packets)
            if opened:
                self.open()
        except BaseException:
            self.simulator.close()
            specimen.cleanup()
            raise

    def open(self) -> None:
        """Connect."""
        self.source.open()
        # Some sources make their way to the device only while they are asked.
        self.wait(self.source.connected, "connected() does not become true though the simulator listens")
        self.simulator.wait_for_client(PATIENCE)

    def wait(self, condition: Callable[[], bool], sentence: str) -> None:
        """Return when ``condition`` holds; NotConforming with ``sentence`` when it does not in time."""
        end = time.monotonic() + PATIENCE
        while not condition():
            demand(time.monotonic() < end, f"{self.name}: {sentence}")
            time.sleep(0.001)

    def play(self, messages: Iterable[Sequence[bytes]]) -> None:
        """Have the messages sent, in a thread: a device whose reader is slow may have to wait."""
        for message in messages:
            self._to_send.put(message)
        if self._sender is None:
            self._sender = threading.Thread(target=self._send, name=f"sends as {self.name}", daemon=True)
            self._sender.start()

    def _send(self) -> None:
        try:
            self.simulator.play(self._queued())
        except BaseException as error:  # noqa: BLE001  the thread that reads raises it
            self._failure = error

    def _queued(self) -> Iterator[Sequence[bytes]]:
        while (message := self._to_send.get()) is not None:
            yield message

    def sent(self) -> bool:
        """Whether all that is to be played has been taken up. Raises what the simulator raised."""
        if self._failure is not None:
            raise self._failure
        return self._to_send.empty()

    @property
    def left(self) -> int:
        """How many messages wait to be taken up."""
        return self._to_send.qsize()

    def poll(self, milliseconds: int) -> bool:
        """Whether the pollable is readable, at the latest after so long."""
        poller = zmq.Poller()
        poller.register(self.source.pollable, zmq.POLLIN)
        return bool(poller.poll(milliseconds))

    def read(self, limit: int = 256) -> Arrivals:
        """One read, held to its limit, to its types and to not waiting."""
        begun = time.monotonic()
        items = list(self.source.read(limit))
        took = time.monotonic() - begun
        self._slow += took >= IMMEDIATE
        demand(
            self._slow < SLOW_READS and took < 5 * IMMEDIATE,
            f"{self.name}: read took {took:.1f} s; it must never wait",
        )
        demand(len(items) <= limit, f"{self.name}: read({limit}) gave {len(items)} items")
        for item in items:
            demand(
                isinstance(item, (Packet, Malformed)),
                f"{self.name}: read gave a {type(item).__name__}, which is neither Packet nor Malformed",
            )
        return items

    def read_until(self, enough: Callable[[Arrivals], bool], what: str, limit: int = 256) -> Arrivals:
        """All items until there are enough of them; waits for each as an ingester does."""
        items: Arrivals = []
        end = time.monotonic() + PATIENCE
        while not enough(items):
            self.sent()
            got = self.read(limit)
            items += got
            if not got:
                self.poll(20)
                demand(
                    time.monotonic() < end,
                    f"{self.name}: {what} did not come; there were {len(items)} items, the last of them "
                    + ", ".join(map(shown, items[-3:])),
                )
        return items

    def read_series(self, limit: int = 256) -> Arrivals:
        """All items up to the END."""
        return self.read_until(has_end, "the END packet", limit)

    def read_all(self) -> Arrivals:
        """All that has been played, until nothing comes any more; however long the playing takes, while it goes on."""
        items: Arrivals = []
        quiet_since: float | None = None
        end = time.monotonic() + 3 * PATIENCE
        left = self.left
        while True:
            got = self.read()
            items += got
            now = time.monotonic()
            if self.left != left:
                left, end = self.left, now + 3 * PATIENCE
            demand(now < end, f"{self.name}: {self._stuck(len(items))}")
            if got or not self.sent():
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since > 3 * QUIET_MS / 1000:
                return items
            if not got:
                self.poll(QUIET_MS)

    def _stuck(self, items: int) -> str:
        if self.sent():
            return f"read gives more and more, {items} items by now"
        return f"the simulator does not get rid of its messages: {self.left} wait"

    def close(self) -> None:
        """Close both ends. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._to_send.put(None)
        try:
            self.source.close()
        finally:
            self.simulator.close()
            if self._sender is not None:
                self._sender.join(PATIENCE)
            self.specimen.cleanup()
        demand(
            self._sender is None or not self._sender.is_alive(),
            f"{self.name}: the simulator's play does not return after its close",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def has_end(items: Arrivals) -> bool:
    """Whether there is an END packet among the items."""
    return any(isinstance(item, Packet) and item.kind is PacketKind.END for item in items)
