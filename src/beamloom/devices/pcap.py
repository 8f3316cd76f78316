"""Position capture over ZeroMQ PUB: what a PandABox captures, already named, as MAX IV's Tango device sends it.

A message is one JSON object; ``data`` holds many rows, a list for each column. Each row becomes a packet of its own, in the same form with
one value for each column. ``frame_number`` numbers the first row of the message, from 0 in each series, so a lost message costs its own
rows and shifts no other.

Columns of unequal lengths: which row a short column lacks, the message does not say. So the message has as many rows as most of its columns
(of equally many, the fewest), and the values of the others are left out: they read NaN in these rows, and the message is kept as malformed
beside them. Rows that this leaves out show as a gap.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.of_values import DATA, END, START, SeriesCount, SeriesMessageReader, read_message
from beamloom.devices.sources.rows import RowSource
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "PCAP"

_RAW_TEXT: Final = (b"a", b"m", b" ", b"E")
"""How the packets of a PandABox begin: arm_time, missed, a row, END."""


class PcapSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``pcap`` in the pipeline file."""

    url: str
    """Where the Tango device listens, for example ``tcp://pcap.example.org:22004``."""
    first_frame: int = 0
    """The ``frame_number`` of the first row of a series."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class PCAPStart(Fields):
    """The box has been armed."""

    packet_kind = PacketKind.START

    message_id: int
    version: int
    arm_time: str
    """UTC, as in ISO 8601."""


class PCAPData(Fields):
    """One row: a field for each column. A value that the device did not send is NaN."""

    message_id: int
    """That of the message in which the row came with others."""
    version: int
    frame_number: int


class PCAPEnd(Fields):
    """The box has been disarmed."""

    packet_kind = PacketKind.END

    message_id: int
    version: int


PCAPPacket = PCAPStart | PCAPData | PCAPEnd


def parse(packet: RawPacket) -> PCAPPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1 and bytes(frames[0][:1]) in _RAW_TEXT:
        raise MalformedPacket(
            "the packet holds text of a PandABox, which old recordings call PCAP; read it with beamloom.devices.pandabox.PandaParser"
        )
    fields = read_message(frames)
    match fields["message_type"]:
        case "series-start":
            return PCAPStart(**fields)
        case "data":
            return PCAPData(**{name: math.nan if value is None else value for name, value in fields.items()})
        case _:
            return PCAPEnd(**fields)


def _take_rows(
    count: SeriesCount, fields: dict[str, Any], frames: list[Any], items: list[Packet | Malformed]
) -> None:
    columns = {name: value for name, value in fields.items() if isinstance(value, list)}
    rows = _row_count(columns)
    first = count.number(fields, rows)
    unequal = {name: len(column) for name, column in columns.items() if len(column) != rows}
    if unequal:
        lengths = ", ".join(f"{name} has {length}" for name, length in unequal.items())
        reason = (
            f"the columns are not equally long: {lengths} values, {rows} rows came; "
            f"which row lacks its value is not known, so all of frame_number {fields['frame_number']} and on read NaN there"
        )
        items.append(Malformed(reason, frames))
        columns.update({name: [None] * rows for name in unequal})
    frame_number, encode = fields["frame_number"], msgspec.json.encode
    # All rows in the order of the message, values that are no list the same in each.
    row: dict[str, Any] = dict(fields)
    names = tuple(columns)
    for index, values in enumerate(zip(*columns.values(), strict=True) if columns else [()]):
        row["frame_number"] = frame_number + index
        row.update(zip(names, values, strict=True))
        try:
            items.append(Packet(TYP, [encode(row)], first + index))
        except UnicodeEncodeError:
            raise MalformedPacket("the message holds a text that is no Unicode") from None


def _row_count(columns: Mapping[str, Sequence[Any]]) -> int:
    """How many rows a message has: the length of most columns, of equally many the least; without columns, one."""
    if not columns:
        return 1
    lengths = Counter(map(len, columns.values()))
    return max(lengths, key=lambda length: (lengths[length], -length))


def new_reader(first_frame: int = 0) -> SeriesMessageReader:
    """Tells what the messages are, and makes a packet of each row."""
    return SeriesMessageReader(TYP, first_frame, _take_rows)


def source(settings: PcapSettings) -> RowSource:
    """A connection to the Tango device."""
    reader = new_reader(settings.first_frame)
    return RowSource(ZmqSource(settings.url, zmq.SUB, settings.receive_queue, reader))


def simulator(url: str) -> ZmqPlayer:
    """The Tango device bound to ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: b'"data"' in message[0][:128])


def generate(
    *,
    columns: Mapping[str, Sequence[float]] | None = None,
    rows: int = 100,
    rows_per_message: int = 15,
    period: float = 0.01,
    first_frame: int = 0,
    first_message_id: int = 1,
    arm_time: str = "2024-10-07T08:49:10.627Z",
) -> Iterator[list[bytes]]:
    """A series: start, rows, end.

    ``columns`` are the values by name, all of one length; or ``rows`` of them are made up: a count, and an encoder that turns by one degree
    per row. ``period`` in seconds.
    """
    if columns is None:
        index = np.arange(rows)
        columns = {
            "inttime": np.full(rows, period).tolist(),
            "triggernumber": (index + 1.0).tolist(),
            "INENC1.VAL.Mean": index.astype(float).tolist(),
        }
    message_id = itertools.count(first_message_id)

    def message(message_type: str, **fields: Any) -> list[bytes]:
        head = {"message_id": next(message_id), "message_type": message_type, "version": 1}
        return [json.dumps({**head, **fields}).encode()]

    yield message(START, arm_time=arm_time)
    count = len(next(iter(columns.values()), ()))
    for start in range(0, count, rows_per_message):
        stop = min(start + rows_per_message, count)
        some = {name: list(map(float, column[start:stop])) for name, column in columns.items()}
        yield message(DATA, frame_number=first_frame + start, **some)
    yield message(END)


DEVICE = Device(
    name="pcap",
    title="position capture of a PandABox by MAX IV's Tango device, ZeroMQ SUB",
    settings=PcapSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
