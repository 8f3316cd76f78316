"""A network cable that can be harmed: it carries IP packets between hosts, and loses, delays, doubles or reorders them.

Made in user space, of TUN devices, as ``tc netem`` is missing from many kernels. What happens to a packet is decided by its
direction, so that a connection can be half open. The same seed decides the same for the same sequence of packets.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LARGEST_PACKET = 1 << 16
PACKETS_PER_TURN = 64
IP_VERSION_4 = 4


@dataclass(frozen=True)
class Fault:
    """What happens to packets of one direction."""

    cut: bool = False
    """None arrives."""
    loss: float = 0.0
    """Share of packets that do not arrive."""
    duplicate: float = 0.0
    """Share of packets that arrive twice."""
    delay: float = 0.0
    """Seconds that each takes at least."""
    jitter: float = 0.0
    """Seconds that it may take longer; packets overtake each other."""
    bytes_per_second: float | None = None
    """What passes at most."""
    queue_bytes: int = 256 * 1024
    """What waits for that at most; more is dropped, as a switch does."""
    largest: int = LARGEST_PACKET
    """Bytes of the largest packet that passes; a switch that drops larger ones tells nobody."""


SOUND = Fault()


class _Direction:
    """The packets from one host to another."""

    def __init__(self, fault: Fault, chance: random.Random) -> None:
        self.fault = fault
        self.passed = 0
        self.dropped = 0
        self._chance = chance
        self._free_at = 0.0

    def arrivals(self, size: int, now: float) -> list[float]:
        """The moments at which a packet arrives that is sent now."""
        fault, chance = self.fault, self._chance
        copies = (
            0
            if fault.cut or size > fault.largest or chance.random() < fault.loss
            else 1 + (chance.random() < fault.duplicate)
        )
        if copies and fault.bytes_per_second is not None:
            waits = max(0.0, self._free_at - now)
            if waits * fault.bytes_per_second > fault.queue_bytes:
                copies = 0
            else:
                self._free_at = now = now + waits + size / fault.bytes_per_second
        self.passed, self.dropped = self.passed + (copies > 0), self.dropped + (copies == 0)
        return [now + fault.delay + chance.random() * fault.jitter for _ in range(copies)]


class Wire:
    """Connects hosts, each by the file descriptor of its TUN device, from now until it is closed."""

    def __init__(self, ends: Mapping[str, int], seed: int = 0) -> None:
        """``ends``: by IPv4 address; the wire owns the file descriptors."""
        self._by_address = {socket.inet_aton(address): end for address, end in ends.items()}
        self._directions = {
            (a, b): _Direction(SOUND, random.Random(f"{seed} {a} {b}")) for a in ends for b in ends if a != b
        }
        self._lanes = {
            (socket.inet_aton(a), socket.inet_aton(b)): one for (a, b), one in self._directions.items()
        }
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)
        self._thread.start()

    def harm(self, sender: str, receiver: str, fault: Fault) -> None:
        """What happens to packets from one address to another, from now on."""
        self._directions[sender, receiver].fault = fault

    def dropped(self, sender: str, receiver: str) -> int:
        """Packets that did not arrive."""
        return self._directions[sender, receiver].dropped

    def passed(self, sender: str, receiver: str) -> int:
        """Packets that arrived, or will."""
        return self._directions[sender, receiver].passed

    def close(self) -> None:
        """Carry nothing more."""
        os.eventfd_write(self._over, 1)
        self._thread.join()
        for end in {*self._by_address.values(), self._over}:
            os.close(end)

    def _carry(self) -> None:
        poll = select.poll()
        for end in {*self._by_address.values(), self._over}:
            poll.register(end, select.POLLIN)
        while True:
            due = self._waiting[0][0] - time.monotonic() if self._waiting else None
            ready = poll.poll(None if due is None else max(0.0, due * 1000))
            for end, _ in ready:
                if end == self._over:
                    return
                for packet in _packets(end):
                    self._take(packet)
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, end, packet = heapq.heappop(self._waiting)
                # A device that is down, or whose queue is full, loses packets as a real one does.
                with contextlib.suppress(OSError):
                    os.write(end, packet)

    def _take(self, packet: bytes) -> None:
        if packet[0] >> 4 != IP_VERSION_4:
            return
        lane = self._lanes.get((packet[12:16], packet[16:20]))
        if lane is None:
            return
        for at in lane.arrivals(len(packet), time.monotonic()):
            self._count += 1
            heapq.heappush(self._waiting, (at, self._count, self._by_address[packet[16:20]], packet))


def _packets(end: int) -> Iterator[bytes]:
    for _ in range(PACKETS_PER_TURN):
        try:
            yield os.read(end, LARGEST_PACKET)
        except BlockingIOError:
            return
