"""The ingesters: packets that come at a steady rate, and the routers that bring each to its worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.engine.streams.read_pace import REST
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.waiting_leases import Delivery
from beamloom.events import PacketKind
from beamloom.services.ingester.stream_run import PROGRESS_EVERY, READ_LIMIT
from beamloom.transport.messages import Arm, Armed, Orders, Progress
from simulation.costs import Costs
from simulation.world import HEAD, Host, Process, World

NOTHING = b""
ROOM = 1 << 50


class Parcel(NamedTuple):
    """Packets of one stream for one worker."""

    stream: str
    slot: int
    attempt: int
    first: int
    count: int
    expected: int
    """From how many streams each of the events has a packet."""


class Ingester(Process):
    """One process that reads some streams."""

    def __init__(
        self,
        world: World,
        name: str,
        host: Host,
        costs: Costs,
        streams: Sequence[str],
        rate: float,
        nbytes: int,
    ) -> None:
        super().__init__(world, name, host)
        self.streams = streams
        self.routers: list[StreamRouter] = []
        self.begins_at = float("inf")
        """When the first packet comes, a period later."""
        self.parcels = 0
        """Messages with packets."""
        self._costs, self._rate, self._nbytes = costs, rate, nbytes
        self._read = 0
        self._total = 0
        self._reads_at = 0.0
        self._tells_at = 0.0
        self._told = (-1, -1)
        self._run = ""

    @property
    def behind(self) -> int:
        """Packets of each stream that have come and were not read."""
        return self._come(self.world.now) - self._read

    def _come(self, now: float) -> int:
        return int(min(max(now - self.begins_at, 0.0) * self._rate + 1e-6, self._total))

    def turn(self, now: float) -> float:
        letters = self.take()
        parcels = ranges = 0
        for letter in letters:
            match letter.message:
                case Arm() as arm:
                    self._begin(arm)
                case Orders() as orders:
                    parcels += self._follow(orders)
                    ranges += len(orders.settled) * len(self.routers)
                case _:
                    pass
        costs = self._costs
        cost = len(letters) * costs.receive + ranges * costs.ingester_range
        if now >= self._reads_at and (count := min(self._come(now) - self._read, READ_LIMIT)) > 0:
            for router in self.routers:
                row = PacketRow(
                    "plain", PacketKind.DATA, self._read, count, 1, [NOTHING] * count, [self._nbytes]
                )
                parcels += self._send(router, router.arrive([row]))
            self._read += count
            cost += count * len(self.routers) * costs.ingester_packet
            self._reads_at = now + REST
        self.parcels += parcels
        cost += parcels * (costs.ingester_message + costs.send)
        return cost + self._report(now)

    def _begin(self, arm: Arm) -> None:
        self._run, self._total = arm.run, arm.total_events or 0
        self.routers = [StreamRouter(one, arm.layouts[one], Retention(ROOM)) for one in self.streams]
        self.tell(Armed(arm.run))

    def _follow(self, orders: Orders) -> int:
        parcels = 0
        for router in self.routers:
            for worker in orders.gone:
                router.forget_worker(worker)
            router.release_all(orders.settled)
            parcels += self._send(router, router.assign(orders.spans))
        return parcels

    def _send(self, router: StreamRouter, deliveries: Sequence[Delivery]) -> int:
        for one in deliveries:
            span, count = one.span, one.packets.count
            parcel = Parcel(router.stream, span.slot, span.attempt, one.first, count, one.expected)
            self.post(span.worker, parcel, HEAD + count * self._nbytes)
        return len(deliveries)

    def _report(self, now: float) -> float:
        if not self.routers or now < self._tells_at:
            return 0.0
        self._tells_at = now + PROGRESS_EVERY
        first = self.routers[0]
        standing = (first.complete_until, first.seen_until)
        if standing == self._told:
            return 0.0
        self._told = standing
        for router in self.routers:
            self.tell(
                Progress(
                    self._run,
                    router.stream,
                    router.complete_until,
                    router.seen_until,
                    False,
                    router.take_losses(),
                    router.counts,
                )
            )
        return len(self.routers) * self._costs.send

    def rest(self, now: float) -> float:
        if self.inbox:
            return 0.0
        if self._read >= self._total:
            return PROGRESS_EVERY
        comes = self.begins_at + (self._read + 1) / self._rate
        return max(min(max(comes, self._reads_at) - now, PROGRESS_EVERY), 0.0)
