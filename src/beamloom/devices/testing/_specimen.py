"""What is tested: a device, and how one makes a series of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beamloom.devices.device import Device, Simulator, Source
from beamloom.devices.testing._harm import Harm

Message = Sequence[bytes]
"""The frames of one message, as the simulator's ``play`` takes them."""


def _nothing() -> None:
    return None


def _as_it_is(message: list[bytes]) -> list[bytes]:
    return message


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A device with all that the checks have to know of it. For most devices ``device`` and ``series`` say it all."""

    device: Device
    series: Callable[[int], Iterable[Message]]
    """A series of so many items, no two alike, as messages."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings besides ``url``."""
    head: int = 1
    """Messages before the first item: the harms of ``fuzz_events`` spare them."""
    tail: int = 1
    """Messages behind the last item, spared too."""
    tail_packets: int = 1
    """Packets that the tail gives, the END among them."""
    messages_per_item: int = 1
    packets_per_item: int = 1
    """How many packets one item gives; an item is what is harmed as one, so a message with ten rows is one item of ten packets."""
    first_place: int = 1
    """The number of the first packet that an item gives; more where the ``head`` has data too."""
    recognises: frozenset[Harm] = frozenset(Harm)
    """The harms that the protocol lets a reader tell. Without numbers, a message that was dropped leaves no trace."""
    recovers: bool = True
    """Whether a whole series is read as such after anything that came before it."""
    connects: bool = True
    """Whether the source connects to the device; false where the device connects to us, or is in process."""
    spared_bytes: int = 0
    """So many first bytes of each frame are not damaged: those that the simulator itself needs."""
    carry: Callable[[list[bytes]], list[bytes]] = _as_it_is
    """Makes of any frames some that the transport can carry."""
    simulator: Callable[[str], Simulator] | None = None
    """Another simulator than the device's own: one that sends whatever it is given."""
    bind: str = "tcp://127.0.0.1:0"
    address: str = "tcp://127.0.0.1:{port}"
    """An address of the device on a port of this machine."""
    least_limit: int = 4
    """The least limit that ``read`` is asked with; one message may complete several packets."""
    cleanup: Callable[[], None] = _nothing
    """Called after each check: releases what the device keeps for all its sources."""

    def bound_simulator(self) -> Simulator:
        """A simulator that listens."""
        return (self.simulator or self.device.simulator)(self.bind)

    def source_for(self, url: str, packets: int | None) -> Source:
        """A source of what comes from ``url`` in a run of so many packets, START and END among them; None: any number."""
        source = self.device.source(self.device.settings(url=url, **self.settings))
        expect = getattr(source, "expect", None)
        if expect is not None:
            expect(packets)
        return source

    def messages(self, items: int) -> list[list[bytes]]:
        """A series of so many items."""
        return [[bytes(frame) for frame in message] for message in self.series(items)]

    def packets(self, items: int) -> int:
        """How many packets a series of so many items gives, START and END among them."""
        return self.first_place + items * self.packets_per_item + self.tail_packets
