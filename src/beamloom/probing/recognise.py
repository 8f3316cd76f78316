"""Which device has sent these messages: every installed reader is offered all of them, and the one that understands most wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from beamloom.devices.device import Device
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.probing.look import Look, look_by
from beamloom.probing.readers import DeviceReader, device_readers

_LOOKED_AT: Final = 3
"""Data packets whose arrays are unpacked: some headers fit two protocols, and the pixels then only one."""

_PARTS: Final = 3
"""Most messages of one packet."""

_NOT_UNPACKED: Final = 0.4
"""What a data packet counts less when it cannot be parsed, or its array not be unpacked."""

_LACKS_FIELDS: Final = 0.25
"""What a data packet counts less when fields are missing that the device always sends."""

_RIVAL: Final = 0.2
"""How far behind the best another device has to be to be none of its rivals."""


@dataclass
class Verdict:
    """How well one device's reader understood the messages."""

    device: Device
    pattern: int
    endless: bool
    """The reader opens and closes its series itself, so that nothing but data speaks for it."""
    messages: int = 0
    unread: int = 0
    """Messages that could not be read."""
    pending: int = 0
    """Messages that gave nothing: parts of a packet, or what the reader passes over."""
    packets: int = 0
    looks: list[Look] = field(default_factory=list)
    why: str | None = None
    """The first reason why a message could not be read."""

    @property
    def share(self) -> float:
        """Which part of the messages was understood, 0 to 1."""
        if not self.packets:
            return 0.0
        passed_over = max(0, self.pending - (_PARTS - 1) * self.packets - (_PARTS - 1))
        understood = max(0, self.messages - self.unread - passed_over) / self.messages
        wrong = sum(map(_less, self.looks))
        return understood * (1 - wrong / len(self.looks)) if self.looks else understood

    @property
    def declared(self) -> int:
        """How many fields that belong to the device a data packet has: of two that fit, the one that tells more is meant."""
        return max((look.declared for look in self.looks), default=0)

    @property
    def has_data(self) -> bool:
        """Whether a data packet was there and could be parsed."""
        return any(look.problem is None for look in self.looks)


def recognise(
    messages: Sequence[Sequence[Any]], readers: Iterable[DeviceReader] | None = None
) -> list[Verdict]:
    """The verdicts of all devices that understood anything, best first."""
    offered = device_readers() if readers is None else readers
    verdicts = [_offer(messages, reader) for reader in offered]
    understood = [verdict for verdict in verdicts if verdict.share > 0]
    return sorted(understood, key=lambda each: (-each.share, each.endless, -each.declared, each.device.name))


def confidence(verdicts: Sequence[Verdict]) -> str:
    """How sure the first of the verdicts is, in one word: certain, likely or unsure."""
    best, *others = verdicts
    rivals = [verdict for verdict in others if verdict.share > best.share - _RIVAL]
    if best.share > 0.7 and not best.unread and best.has_data and not rivals:
        return "certain"
    equal = any(rival.share == best.share and rival.endless == best.endless for rival in rivals)
    return "likely" if best.share > 0.5 and not (equal and rivals[0].declared == best.declared) else "unsure"


def _less(look: Look) -> float:
    if look.problem is not None:
        return _NOT_UNPACKED
    return _LACKS_FIELDS if look.missing else 0.0


def _offer(messages: Sequence[Sequence[Any]], reader: DeviceReader) -> Verdict:
    verdict = Verdict(reader.device, reader.pattern, reader.endless, messages=len(messages))
    for message in messages:
        items: list[Packet | Malformed] = []
        reader.reader.take(list(message), items)
        broken = [item for item in items if isinstance(item, Malformed)]
        if broken:
            verdict.unread += 1
            verdict.why = verdict.why or broken[0].reason
        elif not items:
            verdict.pending += 1
        for item in items:
            if isinstance(item, Packet):
                verdict.packets += 1
                if item.kind is PacketKind.DATA and len(verdict.looks) < _LOOKED_AT:
                    verdict.looks.append(look_by(reader.device.parse, item))
    return verdict
