"""The packets of values and traces by the names of existing analyses."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from beamloom.devices import pandabox
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.events import Malformed, Packet, PacketKind
from dranspose.data.albaem import AlbaemData, AlbaemEnd, AlbaemStart
from dranspose.data.lecroy import LECROY_TYPE, LecroyData, LecroyEnd, LecroyParsed, LecroyPrepare
from dranspose.data.pcap import PCAPData, PCAPEnd, PCAPStart
from dranspose.data.positioncap import PositionCapEnd, PositionCapField, PositionCapStart, PositionCapValues
from dranspose.middlewares import albaem, lecroy, pcap
from dranspose.middlewares.positioncap import PositioncapParser

RECORDING = "recordings/dumppcap_rotRAW-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors"


def recorded(path: Path) -> list[Packet]:
    found = []
    with path.open("rb") as file:
        while file.peek(1):
            _, streams, *_ = cbor2.load(file).value
            typ, frames = streams["pcap_rot"].value
            found.append(Packet(typ, list(frames)))
    return found


def test_the_recorded_rows_are_read_as_analyses_read_them(shared_data: Path) -> None:
    parser = PositioncapParser()
    start, *rows, end = (parser.parse(packet) for packet in recorded(shared_data / RECORDING))
    assert isinstance(start, PositionCapStart)
    assert parser.arm_time == start.arm_time == datetime(1970, 1, 14, 6, 36, 37, 93000)  # noqa: DTZ001
    moments = []
    for row in rows:
        assert isinstance(row, PositionCapValues)
        assert parser.arm_time is not None
        moments.append(parser.arm_time + timedelta(seconds=row.fields["PCAP.TS_TRIG.Value"].value))
    assert len(moments) == 11
    assert moments[1] - moments[0] == timedelta(microseconds=132983)
    assert rows[0].fields["PCAP.BITS0.Value"] == PositionCapField(
        name="PCAP.BITS0.Value", type="uint32", value=64806368
    )
    assert [field.name for field in parser.fields] == list(rows[0].fields)
    assert isinstance(end, PositionCapEnd)


@pytest.mark.parametrize("typ", ["PCAP_RAW", "PCAP"])
def test_the_fields_of_a_second_arm_replace_those_of_the_first(typ: str) -> None:
    messages = [*pandabox.generate(rows=1), *pandabox.generate(columns={"A.B.Mean": [2.5]})]
    parser = PositioncapParser()
    parsed = [parser.parse(Packet(typ, [frame])) for (frame,) in messages]
    assert list(parsed[1].fields) == ["PCAP.TS_TRIG.Value", "COUNTER1.OUT.Value", "INENC1.VAL.Mean"]
    assert parsed[4].fields == {"A.B.Mean": PositionCapField(name="A.B.Mean", type="double", value=2.5)}


def test_a_worker_that_has_not_seen_the_header_reads_a_live_row() -> None:
    items: list[Packet | Malformed] = []
    PandaStream(packed=False).feed(b"".join(frame for (frame,) in pandabox.generate(rows=3)), items)
    row = items[2]
    assert isinstance(row, Packet)
    parsed = PositioncapParser().parse(row)
    assert isinstance(parsed, PositionCapValues)
    assert parsed.fields["COUNTER1.OUT.Value"].value == 1.0
    with pytest.raises(MalformedPacket, match="without the header"):
        PositioncapParser().parse(Packet(row.typ, row.frames[:1]))


def test_what_makes_a_packet_of_a_panda_reads_it_back() -> None:
    fields = {"A.B.Mean": PositionCapField(name="A.B.Mean", type="double", value=1.5)}
    moment = datetime(2024, 10, 7, 8, 49, 10, 627000)  # noqa: DTZ001
    parser = PositioncapParser()
    made = [PositionCapStart(arm_time=moment, fields=list(fields.values())), PositionCapValues(fields=fields)]
    start, row, end = (parser.parse(each.to_stream_data()) for each in [*made, PositionCapEnd(samples=1)])
    assert start.arm_time == moment
    assert row.fields == fields
    assert (end.samples, end.reason) == (1, "Disarmed")


TRACES = LecroyParsed(
    channels=[2],
    ntriggers=1,
    meta=[
        LecroyData(
            ch=2, ts=1.0, frame=0, shape=[1, 3], dtype="float64", horiz_offset=0.0, horiz_interval=1e-9
        )
    ],
    data=[np.array([[1.0, 2.0, 3.0]])],
    timestamps=[[5.0]],
)


@pytest.mark.parametrize(
    ("made", "parse", "kind"),
    [
        (AlbaemStart(), albaem.parse, PacketKind.START),
        (AlbaemData(frame_number=0, channel1=1e-9), albaem.parse, PacketKind.DATA),
        (AlbaemEnd(), albaem.parse, PacketKind.END),
        (PCAPStart(arm_time="2024-10-07T08:49:10.627Z"), pcap.parse, PacketKind.START),
        (PCAPData(frame_number=3, energy=8879.1), pcap.parse, PacketKind.DATA),
        (PCAPEnd(), pcap.parse, PacketKind.END),
        (LecroyPrepare(), lecroy.parse, PacketKind.START),
        (LecroyEnd(frames=2), lecroy.parse, PacketKind.END),
    ],
)
def test_what_makes_a_packet_reads_it_back(made: Any, parse: Any, kind: PacketKind) -> None:
    packet = made.to_stream_data()
    assert (packet.kind, parse(packet).packet_kind) == (kind, kind)
    assert type(parse(packet)) is type(made)
    assert parse(packet).model_dump() == made.model_dump()


def test_traces_are_read_back() -> None:
    packet = TRACES.to_stream_data()
    assert (packet.typ, packet.length) == (LECROY_TYPE, 5)
    parsed = lecroy.parse(packet)
    assert isinstance(parsed, LecroyParsed)
    assert isinstance(parsed.meta[0], LecroyData)
    assert [meta.ch for meta in parsed.meta] == parsed.channels
    assert parsed.data[0].tolist() == [[1.0, 2.0, 3.0]]
    assert parsed.timestamps == [[5.0]]


def test_a_missing_value_is_nan() -> None:
    frame = b'{"message_type": "data", "frame_number": 0, "energy": null}'
    assert math.isnan(pcap.parse(Packet("PCAP", [frame])).energy)
