"""PandABox, the position capture and trigger box: rows over TCP, as text or packed.

We connect, send a line of options and are told ``OK``. From then on the box sends for each arming a header, a row for each capture, and
``END`` with the number of rows and why it ended; then it waits for the next arming on the same connection. A run may hold many arms: each
is a series of its own. A client that connects and does not read makes the box stop with "Data overrun", so a box is connected to only by a
run that wants its stream.

A row alone does not say what its values are, so each row's packet has the header of its arm as second frame. The packets of dranspose have
only the first; ``PandaParser``, which remembers the last header, reads both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import numpy as np

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket
from beamloom.devices.pandabox.layout import Column, Layout, read_layout
from beamloom.devices.pandabox.server import PandaServer
from beamloom.devices.pandabox.stream import END, TYP, PandaStream
from beamloom.devices.tcp import TcpSource
from beamloom.events import PacketKind

TYPS: Final = (TYP, "PCAP")
"""Recordings from before October 2024 call the packets PCAP."""


class PandaboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``pandabox`` in the pipeline file."""

    url: str
    """Where the box sends what it captures, for example ``tcp://panda.example.org:8889``."""
    format: Literal["ascii", "framed"] = "ascii"
    """How rows travel: ``ascii`` as lines of text, ``framed`` packed, which keeps all digits and costs the box and us less."""


class PandaStart(Fields):
    """The box has been armed."""

    packet_kind = PacketKind.START

    arm_time: datetime | None
    """When, in UTC; None from a server that does not say."""
    columns: tuple[Column, ...]
    """What a row holds."""
    missed: int
    """Rows of this arm that the box did not remember any more when we connected."""
    process: str
    """``Scaled``, ``Unscaled`` or ``Raw``."""
    format: str
    """``ASCII`` or ``Framed``."""


class PandaRow(Fields):
    """One capture."""

    arm_time: datetime | None
    """When the box was armed, in UTC; time stamps in the row, in seconds, count from there."""
    values: dict[str, int | float]
    """By block, signal and capture: ``values["INENC2.VAL.Mean"]``."""
    columns: tuple[Column, ...]
    """What they are."""


class PandaEnd(Fields):
    """The box has been disarmed."""

    packet_kind = PacketKind.END

    samples: int
    """Rows that the box sent."""
    reason: str
    """``Ok``, ``Disarmed``, or what went wrong: ``Data overrun`` when we did not read fast enough, ``Framing error``, ..."""


PandaPacket = PandaStart | PandaRow | PandaEnd


class PandaParser:
    """Parses the packets of one stream in their order, and remembers the header for rows that come without."""

    def __init__(self) -> None:
        self.layout: Layout | None = None
        """What the last header said."""

    @property
    def arm_time(self) -> datetime | None:
        """When the box was last armed, in UTC."""
        return self.layout.arm_time if self.layout is not None else None

    def parse(self, packet: RawPacket) -> PandaPacket:
        """The packet as objects. Raises MalformedPacket."""
        if packet.typ not in TYPS:
            raise MalformedPacket(
                f"this packet is of type {packet.typ!r}, not {TYP!r}; packet.parse() finds the parser that fits"
            )
        match packet.frames:
            case [row, header]:
                self.layout = read_layout(bytes(header))
                return _row(row, self.layout)
            case [frame]:
                return self._parse_alone(bytes(frame))
            case frames:
                raise MalformedPacket(
                    f"the packet has {len(frames)} frames; a row has two, header and END have one"
                )

    def _parse_alone(self, frame: bytes) -> PandaPacket:
        if found := END.fullmatch(frame):
            return PandaEnd(
                samples=int(found["samples"]), reason=(found["reason"] or b"").decode(errors="replace")
            )
        if frame[:1] == b" ":
            if self.layout is None:
                raise MalformedPacket(
                    "the row came without the header of its arm, so its values have no names; "
                    "read such a stream with one PandaParser for all its packets, which remembers the header"
                )
            return _row(frame, self.layout)
        self.layout = layout = read_layout(frame)
        return PandaStart(
            arm_time=layout.arm_time,
            columns=layout.columns,
            missed=layout.missed,
            process=layout.head.get("process", "Scaled"),
            format=layout.head.get("format", "ASCII"),
        )


def _row(row: Any, layout: Layout) -> PandaRow:
    return PandaRow(arm_time=layout.arm_time, values=layout.values(row), columns=layout.columns)


def parse(packet: RawPacket) -> PandaPacket:
    """The packet as objects; of a row, one that brings its header. Raises MalformedPacket."""
    return PandaParser().parse(packet)


def source(settings: PandaboxSettings) -> TcpSource:
    """A connection to the data port of a PandABox; made when it is opened."""
    return TcpSource(settings.url, PandaStream(packed=settings.format == "framed"))


def simulator(url: str) -> PandaServer:
    """The data port of a PandABox bound to ``url``; it sends each client the form that it asks for."""
    return PandaServer(url)


def generate(
    *,
    columns: Mapping[str, Sequence[float]] | None = None,
    rows: int = 100,
    arms: int = 1,
    period: float = 0.01,
    units: str = "deg",
    reason: str = "Disarmed",
    arm_time: float = 1_700_000_000.0,
) -> Iterator[list[bytes]]:
    """Arms, one after the other: each a header, rows as text, END.

    ``columns`` are the values by block, signal and capture (``INENC1.VAL.Mean``), those of each arm after those of the one before; or
    ``rows`` of them in each arm are made up: time stamps, a count, and an encoder in ``units`` that turns by one per row and goes back in
    every other arm. ``period`` in seconds; ``arm_time`` of the first arm in seconds since 1970.
    """
    if columns is None:
        index = np.arange(rows)
        there_and_back = [index if arm % 2 == 0 else index[::-1] for arm in range(arms)]
        columns = {
            "PCAP.TS_TRIG.Value": ((np.tile(index, arms) + 1) * period).tolist(),
            "COUNTER1.OUT.Value": np.arange(arms * rows, dtype=float).tolist(),
            "INENC1.VAL.Mean": np.concatenate([[], *there_and_back]).astype(float).tolist(),
        }
    count = len(next(iter(columns.values()), ())) // arms
    for arm in range(arms):
        yield [_header(list(columns), units, arm_time + arm * count * period)]
        for row in range(arm * count, (arm + 1) * count):
            yield [b"".join(b" %s" % _number(values[row]) for values in columns.values()) + b"\n"]
        yield [f"END {count} {reason}\n".encode()]


def _header(labels: Sequence[str], units: str, arm_time: float) -> bytes:
    moment = datetime.fromtimestamp(arm_time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    lines = [f"arm_time: {moment}", "missed: 0", "process: Scaled", "format: ASCII", "fields:"]
    for label in labels:
        name, _, capture = label.rpartition(".")
        unit = "s" if name.startswith("PCAP.TS_") else units
        lines.append(f" {name} double {capture} scale: 1 offset: 0 units: {unit}")
    return ("\n".join(lines) + "\n\n").encode()


def _number(value: float) -> bytes:
    """As the box prints it: ten digits."""
    return f"{value:.10g}".encode() if math.isfinite(value) else str(float(value)).encode()


DEVICE = Device(
    name="pandabox",
    title="position capture and triggers of a PandABox, TCP",
    settings=PandaboxSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
