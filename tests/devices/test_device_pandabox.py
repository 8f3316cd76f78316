"""PandABox over TCP: arms, both forms of rows, connections that break, and what an analysis sees."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pandabox import (
    DEVICE,
    PandaboxSettings,
    PandaEnd,
    PandaParser,
    PandaRow,
    PandaStart,
    generate,
    parse,
    source,
)
from beamloom.devices.pandabox_server import PandaServer
from beamloom.devices.pandabox_stream import TYP, PandaStream
from beamloom.devices.tcp import LostTrack, TcpSource
from beamloom.events import Malformed, Packet

RECORDING = "recordings/dumppcap_rotRAW-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors"
Items = list[Packet | Malformed]
Until = Callable[[Callable[[], bool]], None]


def outline(items: Items) -> list[tuple[str, int | None]]:
    return [
        (item.kind.name, item.number) if isinstance(item, Packet) else ("MALFORMED", None) for item in items
    ]


def problems(items: Items) -> list[str]:
    return [item.reason for item in items if isinstance(item, Malformed)]


def feed(octets: Iterable[bytes], *, packed: bool = False) -> Items:
    stream, items = PandaStream(packed=packed), Items()
    for some in octets:
        stream.feed(some, items)
    return items


def text(messages: Iterable[Sequence[bytes]]) -> bytes:
    return b"".join(message[0] for message in messages)


def packed(messages: Iterable[Sequence[bytes]], rows_per_block: int = 3) -> bytes:
    """Messages as a box sends them that was asked for FRAMED."""
    made, block = b"", b""
    for (message,) in messages:
        if message[:1] == b" ":
            block += b"".join(struct.pack("<d", float(word)) for word in message.split())
            if len(block) // (8 * len(message.split())) < rows_per_block:
                continue
        if block:
            made += b"BIN " + (len(block) + 8).to_bytes(4, "little") + block
            block = b""
        if message[:1] != b" ":
            columns = message.count(b" double ")
            made += message.replace(b"format: ASCII", b"format: Framed\nsample_bytes: %d" % (8 * columns))
    return made


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


# ---- connections ----------------------------------------------------------------------------------------------------------


class Link:
    """A simulated box and a source that is connected to it."""

    def __init__(self, until: Until, form: str) -> None:
        self.box = PandaServer("tcp://127.0.0.1:0")
        self.source: TcpSource = source(PandaboxSettings(url=self.box.url, format=form))  # type: ignore[arg-type]
        self.deadline = time.monotonic() + 20
        self._until = until

    def open(self) -> None:
        self.source.open()
        self._until(self.source.connected)

    def read(self, count: int, limit: int = 100) -> Items:
        """``count`` more items, waiting on the descriptor as an ingester does."""
        found: Items = []
        poller = select.poll()
        poller.register(self.source.pollable, select.POLLIN)
        while len(found) < count:
            some = self.source.read(min(limit, count - len(found)))
            assert len(some) <= limit
            # An ingester looks around that often also when nothing arrives.
            assert some or poller.poll(50) or time.monotonic() < self.deadline, f"only {outline(found)} came"
            found += some
        return found

    def close(self) -> None:
        self.source.close()
        self.box.close()


@pytest.fixture(params=["ascii", "framed"])
def panda(request: pytest.FixtureRequest, until: Until) -> Iterator[Link]:
    made = Link(until, request.param)
    yield made
    made.close()


def test_several_arms_of_one_run_are_series_of_their_own(panda: Link) -> None:
    panda.open()
    assert panda.source.connection_problem() is None
    messages = list(generate(rows=30, arms=3))
    assert panda.box.play(messages) == len(messages)
    items = panda.read(3 * 32)
    rows = [("DATA", number) for number in range(1, 31)]
    assert outline(items) == [
        ("START", None),
        *rows,
        ("END", 31),
        *[("START", 32), *rows, ("END", 31)],
        *[("START", 64), *rows, ("END", 31)],
    ]
    packets = [item for item in items if isinstance(item, Packet)]
    assert {packet.typ for packet in packets} == {TYP}
    counts = [packet.parse().values["COUNTER1.OUT.Value"] for packet in packets if packet.length == 2]
    assert counts == list(range(90))
    assert [packet.length for packet in packets[:3]] == [1, 2, 2]
    assert panda.source.read(10) == []


def test_the_box_is_not_asked_before_the_source_is_opened(panda: Link, until: Until) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        _ = panda.source.pollable
    assert not panda.source.connected()
    assert panda.box.clients == 0
    panda.open()
    until(lambda: panda.box.clients == 1)
    panda.source.close()
    panda.source.close()
    assert not panda.source.connected()
    assert "is not open" in str(panda.source.connection_problem())


def test_a_connection_that_breaks_in_an_arm_goes_on_in_it(panda: Link, until: Until) -> None:
    panda.open()
    messages = list(generate(rows=8))
    panda.box.play(messages[:4])
    assert outline(panda.read(4)) == [("START", None), ("DATA", 1), ("DATA", 2), ("DATA", 3)]
    panda.box.drop_clients()
    panda.box.play(messages[4:6])
    until(lambda: not panda.source.read(1) and not panda.source.connected())
    assert "closed the connection" in str(panda.source.connection_problem())
    until(panda.source.connected)
    panda.box.play(messages[6:])
    assert outline(panda.read(4)) == [("DATA", 6), ("DATA", 7), ("DATA", 8), ("END", 9)]
    assert panda.source.connections == 2


def test_a_connection_that_breaks_between_arms_costs_nothing(panda: Link, until: Until) -> None:
    panda.open()
    panda.box.play(generate(rows=2))
    panda.read(4)
    panda.box.drop_clients()
    until(lambda: not panda.source.read(1) and not panda.source.connected())
    until(panda.source.connected)
    panda.box.play(generate(rows=1, arm_time=1.8e9))
    assert outline(panda.read(3)) == [("START", 4), ("DATA", 1), ("END", 2)]


def test_an_arm_that_came_after_a_broken_one_is_given_to_no_event(panda: Link, until: Until) -> None:
    panda.open()
    panda.box.play(list(generate(rows=8))[:4])
    panda.read(4)
    panda.box.drop_clients()
    until(lambda: not panda.source.read(1) and not panda.source.connected())
    until(panda.source.connected)
    panda.box.play(generate(rows=1, arm_time=1.8e9))
    items = panda.read(3)
    assert [kind for kind, _ in outline(items)] == ["MALFORMED"] * 3
    assert "nobody knows for which event this came; begin the run anew" in problems(items)[0]


def test_a_slow_reader_makes_the_box_wait_and_loses_nothing(panda: Link) -> None:
    panda.open()
    rows = 40_000
    played = threading.Thread(target=panda.box.play, args=(generate(rows=rows),))
    played.start()
    first = panda.read(10, limit=10)
    played.join(0.3)
    assert played.is_alive(), "the box has sent everything although nobody reads"
    items = first + panda.read(rows + 2 - 10, limit=512)
    played.join()
    assert outline(items) == [
        ("START", None),
        *(("DATA", number) for number in range(1, rows + 1)),
        ("END", rows + 1),
    ]


def test_closing_the_simulator_frees_one_that_plays(panda: Link) -> None:
    panda.open()
    played = threading.Thread(target=panda.box.play, args=(generate(rows=100_000),))
    played.start()
    panda.read(10)
    panda.box.close()
    played.join(10)
    assert not played.is_alive()


def test_what_was_sent_before_the_connection_closed_is_read(panda: Link, until: Until) -> None:
    panda.open()
    panda.box.play(generate(rows=5))
    panda.box.drop_clients()
    assert panda.source.connected()
    assert len(panda.read(7)) == 7


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A TCP server of this test's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def opened() -> Iterator[Callable[[str], TcpSource]]:
    """``opened(url)`` gives a source that is connecting; closed after the test."""
    sources: list[TcpSource] = []

    def connect(url: str) -> TcpSource:
        sources.append(source(PandaboxSettings(url=url, format="framed")))
        sources[-1].open()
        return sources[-1]

    yield connect
    for each in sources:
        each.close()


def url_of(server: socket.socket) -> str:
    return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_where_nothing_listens_there_is_a_sentence_and_another_attempt(
    opened: Callable[[str], TcpSource], listener: socket.socket, until: Until
) -> None:
    url = url_of(listener)
    listener.close()
    reading = opened(url)
    until(lambda: "tried 2 times" in str(reading.connection_problem()))
    assert f"nothing listens at {url} (connection refused" in str(reading.connection_problem())
    box = PandaServer(url)
    try:
        until(reading.connected)
    finally:
        box.close()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"ERR Invalid data capture option\n", "does not take the options 'FRAMED SCALED': ERR Invalid"),
        (
            b"SSH-2.0-OpenSSH\n",
            "answers 'SSH-2.0-OpenSSH' and not OK, so it is not the data port of a PandABox",
        ),
        (b"x" * 300, "and not OK"),
    ],
)
def test_what_is_no_panda_is_told_by_its_answer(
    answer: bytes, sentence: str, opened: Callable[[str], TcpSource], listener: socket.socket, until: Until
) -> None:
    reading = opened(url_of(listener))
    assert not reading.connected()
    connection, _ = listener.accept()
    with connection:
        assert reading.connection_problem()
        until(
            lambda: (
                reading.connection_problem() is not None and select.select([connection], [], [], 0)[0] != []
            )
        )
        assert connection.recv(64) == b"FRAMED SCALED\n"
        assert "nothing has answered" in str(reading.connection_problem())
        connection.sendall(answer)
        until(lambda: sentence in str(reading.connection_problem()))
    assert not reading.connected()


def gather(reading: TcpSource, items: Items) -> Items:
    """Add what has come."""
    items += reading.read(9)
    return items


def test_what_comes_with_the_welcome_belongs_to_the_series(
    opened: Callable[[str], TcpSource], listener: socket.socket, until: Until
) -> None:
    reading = opened(url_of(listener))
    connection, _ = listener.accept()
    with connection:
        until(lambda: not reading.read(9) and select.select([connection], [], [], 0)[0] != [])
        connection.sendall(b"O")
        assert reading.read(9) == []
        connection.sendall(b"K\n" + packed(generate(rows=2)))
        until(reading.connected)
        items: Items = []
        until(lambda: len(gather(reading, items)) == 4)
    assert outline(items) == [("START", None), ("DATA", 1), ("DATA", 2), ("END", 3)]
    assert isinstance(items[0], Packet)
    assert items[0].frames[0].startswith(b"arm_time: ")


def test_an_unknown_host_is_told(opened: Callable[[str], TcpSource], until: Until) -> None:
    reading = opened("tcp://no-such-host.invalid:8889")
    until(
        lambda: (
            "the host of tcp://no-such-host.invalid:8889 is not known" in str(reading.connection_problem())
        )
    )
    assert not reading.connected()


@pytest.mark.parametrize(
    "url", ["panda:8889", "tcp://panda", "tcp://panda:0", "tcp://panda:99999", "udp://panda:1"]
)
def test_an_address_that_cannot_be_right_is_refused_when_it_is_opened(url: str) -> None:
    with pytest.raises(ValueError, match="is no address of a device; write it like"):
        source(PandaboxSettings(url=url)).open()


def test_the_makers_own_client_understands_the_simulator(until: Until) -> None:
    pandablocks = pytest.importorskip("pandablocks.connections")
    box = PandaServer("tcp://127.0.0.1:0")
    try:
        host, port = box.url.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            reading = pandablocks.DataConnection()
            connection.sendall(reading.connect(scaled=True))
            box.wait_for_client(10)
            box.play(generate(rows=5, arms=2, reason="Ok"))
            found: list[Any] = []
            while sum(type(each).__name__ == "EndData" for each in found) < 2:
                found += reading.receive_bytes(connection.recv(4096))
    finally:
        box.close()
    starts = [each for each in found if type(each).__name__ == "StartData"]
    ends = [each for each in found if type(each).__name__ == "EndData"]
    counts = [
        float(value)
        for each in found
        if type(each).__name__ == "FrameData"
        for value in each.data["COUNTER1.OUT.Value"]
    ]
    assert [(start.missed, start.format, start.sample_bytes) for start in starts] == [(0, "Framed", 24)] * 2
    assert [field.name for field in starts[0].fields] == ["PCAP.TS_TRIG", "COUNTER1.OUT", "INENC1.VAL"]
    assert [(end.samples, end.reason.name) for end in ends] == [(5, "OK")] * 2
    assert counts == list(range(10))


def test_a_form_that_the_box_does_not_have_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="format"):
        msgspec.convert({"url": "tcp://panda:8889", "format": "base64"}, DEVICE.settings)
