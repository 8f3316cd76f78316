"""Connecting to an address that nobody described, and finding out which device sends there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from beamloom.devices.device import Device, EndlessSource, Source
from beamloom.devices.registry import find_device, installed_devices
from beamloom.errors import UserError
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.probing.choosing import listen, unreadable
from beamloom.probing.files import StreamSummary
from beamloom.probing.listening import Listener
from beamloom.probing.look import PARSER_ERRORS
from beamloom.probing.readers import PATTERN_NAMES, device_reader
from beamloom.probing.recognise import Verdict, confidence, recognise

_ENOUGH_MESSAGES: Final = 100
_ENOUGH_SECONDS: Final = 2.0
"""With so many messages over so long, a device is known and its rate too."""

_ENOUGH_BYTES: Final = 1_000_000_000
"""More is not kept in memory."""

_TURN_SECONDS: Final = 0.05


@dataclass
class Probed:
    """What was found out about an address."""

    url: str
    pattern: int | None = None
    """By which ZeroMQ pattern was read; None where the device does not speak ZeroMQ."""
    device: Device | None = None
    confidence: str | None = None
    """``certain``, ``likely`` or ``unsure``."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the stream besides device and url."""
    others: list[str] = field(default_factory=list)
    """Devices that it may be as well."""
    stream: StreamSummary = field(default_factory=StreamSummary)
    messages: int = 0
    nbytes: int = 0
    span: float = 0.0
    """Seconds from the first message to the last."""
    first_frames: list[bytes] = field(default_factory=list)
    """The beginnings of the frames of the first message."""
    problem: str | None = None
    """Why nothing came."""

    @property
    def rate(self) -> float | None:
        """Data packets per second; None where too few came to say."""
        items = self.stream.tally.kinds[PacketKind.DATA]
        return (items - 1) / self.span if items > 2 and self.span > 0.01 else None


def probe(url: str, seconds: float) -> Probed:
    """Listen at ``url`` for at most so many seconds and say what it is.

    Raises UsageError for an address that cannot be right, UserError when nobody listens or nothing can be read there.
    """
    end = time.monotonic() + seconds
    if not url.startswith(("tcp://", "ipc://")):
        return _by_sources(url, end)
    found = listen(url, seconds)
    if isinstance(found, Listener):
        with found as listener:
            return _by_messages(url, listener, end)
    if found.zeromq:
        raise UserError(unreadable(url, found))
    return _by_sources(url, end)


def _by_messages(url: str, listener: Listener, end: float) -> Probed:
    probed = Probed(url, pattern=listener.pattern)
    messages: list[list[Any]] = []
    first = last = time.monotonic()
    while time.monotonic() < end and probed.nbytes < _ENOUGH_BYTES:
        arrived = listener.receive(_TURN_SECONDS)
        if arrived:
            last = time.monotonic()
            first = first if messages else last
            messages += arrived
            probed.nbytes += sum(len(frame) for message in arrived for frame in message)
        elif messages and last - first < time.monotonic() - last - _ENOUGH_SECONDS:
            break
        if len(messages) >= _ENOUGH_MESSAGES and last - first >= _ENOUGH_SECONDS:
            break
    probed.messages, probed.span = len(messages), last - first
    if not messages:
        probed.problem = listener.problem() or "the connection stands, but no message came"
        return probed
    probed.first_frames = [bytes(memoryview(frame)[:24]) for frame in messages[0]]
    verdicts = [verdict for verdict in recognise(messages) if _readable_by(verdict, listener.pattern)]
    if verdicts:
        best = verdicts[0]
        probed.device, probed.confidence = best.device, confidence(verdicts)
        probed.others = [verdict.device.name for verdict in verdicts[1:3] if verdict.share > 0.5]
        if best.pattern != listener.pattern:
            probed.options["socket"] = PATTERN_NAMES[listener.pattern]
        reader = device_reader(best.device)
        if reader is not None:
            for message in messages:
                items: list[Packet | Malformed] = []
                reader.reader.take(list(message), items)
                probed.stream.take(items)
    return probed


def _readable_by(verdict: Verdict, pattern: int) -> bool:
    """Whether the device's source reads by this pattern, perhaps by a setting."""
    return verdict.pattern == pattern or "socket" in verdict.device.settings.__struct_fields__


def _by_sources(url: str, end: float) -> Probed:
    """Let the sources of all devices that do not speak ZeroMQ try it."""
    probed = Probed(url)
    with ExitStack() as stack:
        trying: dict[str, Source] = {}
        for device in installed_devices():
            if device_reader(device) is None:
                try:
                    trying[device.name] = stack.enter_context(_opened(device, url))
                except (OSError, UserError, *PARSER_ERRORS) as error:
                    probed.problem = probed.problem or str(error)
        if not trying:
            raise UserError(f"no installed device can be read at {url}: {probed.problem}")
        _read_first(probed, trying, end)
    return probed


@contextmanager
def _opened(device: Device, url: str) -> Iterator[Source]:
    source = device.source(msgspec.convert({"url": url}, device.settings))
    if isinstance(source, EndlessSource):
        source.expect(None)
    try:
        source.open()
        yield source
    finally:
        source.close()


def _read_first(probed: Probed, trying: dict[str, Source], end: float) -> None:
    """Read from the source that first gives a packet, until it is enough."""
    first = last = time.monotonic()
    while time.monotonic() < end:
        arrived = False
        for name, source in trying.items():
            source.connected()
            items = source.read(_ENOUGH_MESSAGES)
            if not any(isinstance(item, Packet) for item in items):
                continue
            arrived = True
            last = time.monotonic()
            if probed.device is None:
                probed.device, probed.confidence, first = find_device(name), "likely", last
                trying = {name: source}
            probed.stream.take(items)
            break
        packets = probed.stream.tally.packets
        if packets >= _ENOUGH_MESSAGES and last - first >= _ENOUGH_SECONDS:
            break
        if packets and last - first < time.monotonic() - last - _ENOUGH_SECONDS:
            break
        if not arrived:
            time.sleep(_TURN_SECONDS / 5)
    tally = probed.stream.tally
    probed.messages, probed.nbytes, probed.span = tally.packets, tally.nbytes, last - first
    if probed.device is not None:
        probed.confidence = "certain" if not probed.stream.unread else "likely"
    else:
        problems = [source.connection_problem() for source in trying.values()]
        said = [problem for problem in problems if problem is not None]
        probed.problem = said[0] if said else "the connection stands, but nothing came"
