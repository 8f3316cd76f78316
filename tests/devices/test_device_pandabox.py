"""PandABox over TCP: arms, both forms of rows, connections that break, and what an analysis sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pandabox import (
    PandaEnd,
    PandaParser,
    PandaRow,
    PandaStart,
    generate,
    parse,
)
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.devices.tcp import LostTrack
from beamloom.events import Malformed, Packet
from devices.pandabox_bytes import RECORDING, feed, outline, packed, text
from devices.reading import Items, problems

# ---- what is sent ---------------------------------------------------------------------------------------------------------


def test_the_real_recording_is_read(recorded: Callable[[str], list[Packet]]) -> None:
    packets = recorded(RECORDING)
    parser = PandaParser()
    start, *rows, end = (parser.parse(packet) for packet in packets)
    assert isinstance(start, PandaStart)
    assert start.arm_time == datetime(1970, 1, 14, 6, 36, 37, 93000, UTC) == parser.arm_time
    assert [column.label for column in start.columns] == list(rows[0].values)
    assert (start.columns[3].units, start.columns[3].scale, start.missed) == ("s", 8e-09, 0)
    assert len(rows) == 11
    assert all(isinstance(row, PandaRow) for row in rows)
    assert rows[0].values == {
        "PCAP.BITS0.Value": 64806368,
        "INENC2.VAL.Min": 35005.0,
        "INENC2.VAL.Max": 35005.0,
        "PCAP.TS_TRIG.Value": 0.614804288,
        "INENC2.VAL.Mean": 35005.0,
        "SFP3_SYNC_IN.POS1.Mean": 701422573.3,
    }
    assert isinstance(rows[0].values["PCAP.BITS0.Value"], int)
    assert rows[-1].values["SFP3_SYNC_IN.POS1.Mean"] == -1446088113.0
    assert isinstance(end, PandaEnd)
    assert (end.samples, end.reason) == (11, "Disarmed")


def test_the_recorded_bytes_give_the_recorded_packets(recorded: Callable[[str], list[Packet]]) -> None:
    packets = recorded(RECORDING)
    items = feed([b"".join(packet.frames[0] for packet in packets)])
    assert outline(items) == [("START", None), *(("DATA", number) for number in range(1, 12)), ("END", 12)]
    found = [item for item in items if isinstance(item, Packet)]
    assert [packet.frames[0] for packet in found] == [packet.frames[0] for packet in packets]
    # A row brings its header, so it is read by itself.
    assert found[4].parse().values["PCAP.TS_TRIG.Value"] == 1.013751872
    assert {packet.frames[1] for packet in found[1:-1]} == {packets[0].frames[0]}


def test_a_recorded_row_alone_says_what_reads_it(recorded: Callable[[str], list[Packet]]) -> None:
    with pytest.raises(
        MalformedPacket, match="one PandaParser for all its packets, which remembers the header"
    ):
        recorded(RECORDING)[3].parse()


@given(st.lists(st.integers(1, 60)), st.booleans(), st.integers(1, 5))
def test_however_the_bytes_are_cut_the_packets_are_the_same(
    cuts: list[int], framed: bool, block: int
) -> None:
    messages = list(generate(rows=7, arms=2))
    octets = packed(messages, block) if framed else text(messages)
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(octets[at : at + cut])
        at += cut
    items = feed([*pieces, octets[at:]], packed=framed)
    rows = [("DATA", number) for number in range(1, 8)]
    assert outline(items) == [("START", None), *rows, ("END", 8), ("START", 9), *rows, ("END", 8)]
    values = [item.parse().values["COUNTER1.OUT.Value"] for item in items if item.parse().packet_kind == 1]  # type: ignore[union-attr]
    assert values == list(range(14))


def test_arms_of_other_fields_are_read_with_their_own_header() -> None:
    first = generate(columns={"A.VAL.Mean": [1.0, 2.0]}, rows=2)
    second = generate(columns={"B.VAL.Min": [3.0], "B.VAL.Max": [4.0]}, arm_time=1.8e9)
    items = feed([text([*first, *second])])
    values = [item.parse().values for item in items if isinstance(item, Packet) and item.length == 2]
    assert values == [{"A.VAL.Mean": 1.0}, {"A.VAL.Mean": 2.0}, {"B.VAL.Min": 3.0, "B.VAL.Max": 4.0}]


def test_raw_rows_of_older_boxes_have_a_count_that_is_not_named() -> None:
    header = (
        b"missed: 0\nprocess: Raw\nformat: Framed\nsample_bytes: 16\nfields:\n"
        b" PCAP.BITS0 uint32 Value\n COUNTER1.OUT int64 Sum scale: 1 offset: 0 units: \n\n"
    )
    row = b"\x07\0\0\0" + b"\x09\0\0\0" + (-5).to_bytes(8, "little", signed=True)
    items = feed([header + b"BIN \x18\0\0\0" + row + b"END 1 Ok\n"], packed=True)
    assert outline(items) == [("START", None), ("DATA", 1), ("END", 2)]
    assert items[1].parse().values == {"PCAP.BITS0.Value": 9, "COUNTER1.OUT.Sum": -5}  # type: ignore[union-attr]
    assert items[0].parse().arm_time is None  # type: ignore[union-attr]


def test_units_with_blanks_and_captures_with_blanks_are_read() -> None:
    header = (
        b"arm_time: later\nmissed: 2\nfields:\n A.B double Std Dev scale: 2 offset: -1 units: mm per s\n\n"
    )
    (item,) = feed([header])
    start = parse(item)  # type: ignore[arg-type]
    assert isinstance(start, PandaStart)
    (column,) = start.columns
    assert (column.label, column.scale, column.offset, column.units) == ("A.B.Std Dev", 2.0, -1.0, "mm per s")
    assert (start.arm_time, start.missed) == (None, 2)


def test_rows_that_were_missed_leave_their_places_empty() -> None:
    octets = text(generate(rows=3)).replace(b"missed: 0", b"missed: 4")
    assert outline(feed([octets])) == [("START", None), ("DATA", 5), ("DATA", 6), ("DATA", 7), ("END", 8)]


def test_rows_that_the_box_counts_and_did_not_send_leave_their_places_empty() -> None:
    octets = text(generate(rows=3, reason="Data overrun")).replace(b"END 3", b"END 5")
    items = feed([octets, text(generate(rows=1))])
    assert outline(items)[3:] == [("DATA", 3), ("END", 6), ("START", 7), ("DATA", 1), ("END", 2)]
    end = parse(items[4])  # type: ignore[arg-type]
    assert isinstance(end, PandaEnd)
    assert (end.samples, end.reason) == (5, "Data overrun")


# ---- what is damaged ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", [b" 1 2\n", b" 1 2 3 4\n", b"x\n", b"\n", b"\xff\xfe\n", b"END soon\n", b" 1  2\n"]
)
def test_a_row_that_cannot_be_read_takes_its_place_and_shifts_nothing(line: bytes) -> None:
    messages = [*generate(rows=3, arms=2)]
    messages[2] = [line]
    items = feed([text(messages)])
    assert [kind for kind, _ in outline(items)].count("MALFORMED") == 1
    assert [place for place in outline(items) if place[0] != "MALFORMED"] == [
        ("START", None),
        ("DATA", 1),
        ("DATA", 3),
        ("END", 4),
        ("START", 5),
        *[("DATA", 1), ("DATA", 2), ("DATA", 3), ("END", 4)],
    ]
    assert not any(item.takes_place for item in items if isinstance(item, Malformed))


def test_values_that_are_no_numbers_are_refused_by_the_parser() -> None:
    items = feed([text(generate(rows=1)).replace(b" 0.01 ", b" 0.0l ")])
    with pytest.raises(MalformedPacket, match=r"something else than numbers.*0\.0l"):
        parse(items[1])  # type: ignore[arg-type]
    (_, row, _) = feed([text(generate(columns={"A.B.Mean": [float("nan")]}))])
    assert str(parse(row)) == str(parse(row))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "damage"),
    [
        (b"END 3 Disarmed\n", b"EXX 3 Disarmed\n"),
        (b"fields:\n", b"fjelds:\n"),
        (b"arm_time: ", b"arm\xfftime: "),
        (b"\n\n", b"\n?\n"),
        (b"missed: 0", b"missed: ?"),
    ],
)
def test_a_damaged_begin_or_end_of_an_arm_costs_that_arm_and_no_other(line: bytes, damage: bytes) -> None:
    first, second = text(generate(rows=3)), text(generate(rows=2, arm_time=1.8e9))
    assert line in first
    items = feed([first.replace(line, damage, 1) + second])
    assert problems(items)
    assert outline(items)[-4:] == [("START", 5), ("DATA", 1), ("DATA", 2), ("END", 3)]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (b"BIM \x20\0\0\0", "came b'BIM ' and a length of 32"),
        (b"BIN \x03\0\0\0", "a length of 3 bytes"),
        (b"BIN \xff\xff\xff\xff", "a length of 4294967295"),
        (b"BIN \x0a\0\0\0xx", "2 bytes came, which is no number of rows of 24 bytes"),
        (b"END many\n", "does not say how many"),
    ],
)
def test_blocks_that_cannot_be_followed_end_the_connection(damage: bytes, sentence: str) -> None:
    octets = packed(list(generate(rows=3)))
    at = octets.index(b"BIN ")
    with pytest.raises(LostTrack, match=sentence.replace("'", ".")):
        feed([octets[:at] + damage + octets[at:]], packed=True)


@given(
    st.integers(0, 2000),
    st.binary(max_size=40),
    st.integers(0, 40),
    st.booleans(),
    st.lists(st.integers(1, 200), max_size=8),
)
def test_damaged_bytes_raise_nothing_but_a_lost_track(
    at: int, junk: bytes, removed: int, framed: bool, cuts: list[int]
) -> None:
    messages = list(generate(rows=5, arms=2))
    whole = packed(messages) if framed else text(messages)
    octets = whole[:at] + junk + whole[at + removed :]
    stream, items, begin = PandaStream(packed=framed), Items(), 0
    try:
        for cut in [*cuts, len(octets)]:
            stream.feed(octets[begin : begin + cut], items)
            begin += cut
    except LostTrack:
        stream.connection_lost()
    for item in items:
        if isinstance(item, Packet):
            assert item.number is None or item.number > 0
    if at >= len(packed(messages[:7]) if framed else text(messages[:7])):
        # Damage after the first arm leaves that as it was.
        assert outline(items)[:7] == outline(feed([whole], packed=framed))[:7]
