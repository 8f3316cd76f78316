"""AlbaEM, the four-channel electrometer: one JSON object per message over ZeroMQ PUB.

``message_type`` is ``series-start``, ``data`` or ``series-end``; ``frame_number`` counts the measurements of a series from 0,
``message_id`` the messages.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device, Sharing
from beamloom.devices.fields import Fields, RawPacket, frames_of
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.of_values import DATA, END, START, SeriesCount, SeriesMessageReader, read_message
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "albaem"

CHANNELS: Final = 4


class AlbaemSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``albaem`` in the pipeline file."""

    url: str
    """Where the electrometer's server listens, for example ``tcp://electrometer.example.org:22004``."""
    first_frame: int = 0
    """The ``frame_number`` of the first measurement of a series."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class AlbaemStart(Fields):
    """A series of measurements begins."""

    packet_kind = PacketKind.START

    version: int
    message_id: int


class AlbaemData(Fields):
    """One measurement."""

    version: int
    message_id: int
    frame_number: int
    timestamp: float
    """Seconds since the series began."""
    acquisition_timestamp: int
    """Nanoseconds since 1970."""
    channel1: float
    """Ampere, as are the other three."""
    channel2: float
    channel3: float
    channel4: float


class AlbaemEnd(Fields):
    """The series has ended."""

    packet_kind = PacketKind.END

    version: int
    message_id: int
    detector_specific: dict[str, Any]
    """``read_overflow`` and ``memory_overflow``: whether the electrometer itself lost measurements."""


AlbaemPacket = AlbaemStart | AlbaemData | AlbaemEnd

_CLASSES: Final[dict[str, type[AlbaemPacket]]] = {START: AlbaemStart, DATA: AlbaemData, END: AlbaemEnd}


def parse(packet: RawPacket) -> AlbaemPacket:
    """The packet as objects. Raises MalformedPacket."""
    fields = read_message(frames_of(packet, TYP))
    return _CLASSES[fields["message_type"]](**fields)


def _take_data(
    count: SeriesCount, fields: dict[str, Any], frames: list[Any], items: list[Packet | Malformed]
) -> None:
    items.append(Packet(TYP, frames, count.number(fields)))


def new_reader(first_frame: int = 0) -> SeriesMessageReader:
    """Tells what the messages of an electrometer are, and numbers them."""
    return SeriesMessageReader(TYP, first_frame, _take_data, rows_per_message=1)


def source(settings: AlbaemSettings) -> ZmqSource:
    """A connection to an electrometer."""
    return ZmqSource(settings.url, zmq.SUB, settings.receive_queue, new_reader(settings.first_frame))


def simulator(url: str) -> ZmqPlayer:
    """An electrometer bound to ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: b'"data"' in message[0][:128])


def generate(
    *,
    currents: Iterable[Sequence[float]] | None = None,
    frames: int = 10,
    period: float = 0.1,
    first_frame: int = 0,
    first_message_id: int = 1,
    read_overflow: bool = False,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: start, measurements, end.

    ``currents`` are the four channels of each measurement in ampere, or ``frames`` of them are made up: 1 nA with noise of the random
    ``seed``. ``period`` in seconds.
    """
    if currents is None:
        currents = np.random.default_rng(seed).normal(1e-9, 1e-11, (frames, CHANNELS)).tolist()
    message_id = itertools.count(first_message_id)

    def message(message_type: str, **fields: Any) -> list[bytes]:
        head = {"version": 1, "message_type": message_type, "message_id": next(message_id)}
        return [msgspec.json.encode({**head, **fields})]

    yield message(START)
    for index, values in enumerate(currents):
        timestamp = (index + 1) * period
        yield message(
            DATA,
            frame_number=first_frame + index,
            timestamp=timestamp,
            acquisition_timestamp=1_700_000_000_000_000_000 + round(timestamp * 1e9),
            **{f"channel{channel}": float(value) for channel, value in enumerate(values, start=1)},
        )
    yield message(END, detector_specific={"read_overflow": read_overflow, "memory_overflow": False})


DEVICE = Device(
    name="albaem",
    title="the electrometer AlbaEM, ZeroMQ SUB",
    settings=AlbaemSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
    sharing=Sharing.ALL,
)
