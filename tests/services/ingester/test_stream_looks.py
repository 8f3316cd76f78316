"""What somebody is told who looks at streams: rates, the last packet, the state, and what kind of thing they carry."""

from __future__ import annotations

import numpy as np
import pytest

from beamloom.devices.registry import find_device
from beamloom.engine.streams.packet_rows import PacketRow, row_of
from beamloom.events import Packet, PacketKind
from beamloom.glance.layout import layout_of
from beamloom.services.ingester.arrival_log import ArrivalLog


def row(number: int, count: int = 1, size: int = 100, kind: PacketKind = PacketKind.DATA) -> PacketRow:
    return PacketRow("T", kind, number, count, 1, [b"x" * size] * count, [size])


def test_rates_are_those_of_the_last_seconds() -> None:
    now = [0.0]
    log = ArrivalLog(clock=lambda: now[0])
    assert log.flow(2.0) == (0.0, 0.0, 0.0)
    for place in range(50):
        now[0] = place * 0.1
        log.note(place * 10, row(place * 10, 10))
    packets, nbytes, events = log.flow(2.0)
    assert packets == pytest.approx(100, rel=0.06)
    assert events == pytest.approx(packets)
    assert nbytes == pytest.approx(100 * packets)
    now[0] += 10
    assert log.flow(2.0) == (0.0, 0.0, 0.0)


def test_what_came_at_once_was_not_infinitely_fast() -> None:
    log = ArrivalLog(clock=lambda: 5.0)
    log.note(0, row(0, 10))
    assert log.flow(2.0).packets == 50


def test_events_go_on_where_packets_are_missing() -> None:
    now = [0.0]
    log = ArrivalLog(clock=lambda: now[0])
    for place in range(40):
        now[0] = place * 0.1
        log.note(place * 2, row(place * 2))
    flow = log.flow(2.0)
    assert flow.events == pytest.approx(2 * flow.packets, rel=0.1)


def test_the_last_packet_and_the_silence_since_are_known() -> None:
    now = [3.0]
    log = ArrivalLog(clock=lambda: now[0])
    assert (log.last, log.silence) == (None, None)
    log.note(4, row(5, 3))
    now[0] = 4.5
    assert log.silence == 1.5
    assert log.last is not None
    assert (log.last.first, log.last.packets, log.last.number) == (4, 3, 5)


def test_a_sample_is_kept_only_after_somebody_asked_and_is_never_a_header() -> None:
    log = ArrivalLog(clock=lambda: 0.0)
    log.note(0, row(0))
    assert log.sample() is None
    log.note(1, row(1, kind=PacketKind.START))
    log.note(2, row(2, 3, size=7))
    log.note(5, row(5, size=9))
    sample = log.sample()
    assert sample is not None
    assert (sample.number, sample.nbytes) == (2, 7)


@pytest.mark.parametrize(
    ("settings", "shape", "dtype"),
    [
        ({"kind": "images", "shape": (16, 12)}, [16, 12], "uint16"),
        ({"kind": "spectra", "shape": (2, 64)}, [2, 64], "uint32"),
    ],
)
def test_shape_and_type_are_those_that_the_parser_makes(
    settings: dict[str, object], shape: list[int], dtype: str
) -> None:
    generator = find_device("generator")
    messages = list(generator.generate(items=1, **settings))
    packet = Packet("GENERATOR", list(messages[1]))
    layout = layout_of(packet)
    assert layout == {"shape": shape, "dtype": str(np.asarray(packet.parse().array).dtype)}
    assert layout["dtype"] == dtype


def test_a_packet_without_an_array_has_the_names_of_its_values() -> None:
    contrast = find_device("contrast")
    header = Packet("contrast", list(next(iter(contrast.generate()))))
    assert "path" in layout_of(header)["fields"]


def test_a_packet_that_cannot_be_read_says_so() -> None:
    assert "UnknownPacketType" in layout_of(Packet("NOBODY", [b"x"]))["problem"]
    assert row_of([Packet("NOBODY", [b"x"])]).count == 1
