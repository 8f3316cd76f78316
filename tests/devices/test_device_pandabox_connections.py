"""PandABox over TCP: connections that break, refuse, or are something else."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from beamloom.devices.pandabox import (
    DEVICE,
    PandaboxSettings,
    PandaRow,
    generate,
    parse,
    source,
)
from beamloom.devices.pandabox.server import KEPT_BYTES, PandaServer
from beamloom.devices.pandabox.stream import TYP
from beamloom.devices.tcp import TcpSource
from beamloom.events import Packet
from devices.pandabox_bytes import Until, outline, packed
from devices.reading import Items, problems
from support.patience import PATIENCE
from support.ports import quiet_port


class Link:
    """A simulated box and a source that is connected to it."""

    def __init__(self, until: Until, form: str, kept_bytes: int = KEPT_BYTES) -> None:
        self.box = PandaServer("tcp://127.0.0.1:0", kept_bytes)
        self.source: TcpSource = source(PandaboxSettings(url=self.box.url, format=form))  # type: ignore[arg-type]
        self.deadline = time.monotonic() + PATIENCE
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


@pytest.fixture(params=[("ascii", KEPT_BYTES), ("framed", KEPT_BYTES)], ids=lambda form: form[0])
def panda(request: pytest.FixtureRequest, until: Until) -> Iterator[Link]:
    made = Link(until, *request.param)
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


def test_a_connection_that_breaks_in_an_arm_is_made_again_and_loses_nothing(
    panda: Link, until: Until
) -> None:
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
    rows = panda.read(6)
    assert outline(rows) == [("DATA", 4), ("DATA", 5), ("DATA", 6), ("DATA", 7), ("DATA", 8), ("END", 9)]
    parsed = [parse(item) for item in rows if isinstance(item, Packet)]
    counts = [item.values["COUNTER1.OUT.Value"] for item in parsed if isinstance(item, PandaRow)]
    assert counts == [3, 4, 5, 6, 7]
    assert panda.source.connections == 2


def test_a_connection_that_breaks_twice_gives_each_row_once(panda: Link, until: Until) -> None:
    panda.open()
    messages = list(generate(rows=6))
    panda.box.play(messages[:4])
    panda.read(4)
    for _ in range(2):
        panda.box.drop_clients()
        until(lambda: not panda.source.read(1) and not panda.source.connected())
        until(panda.source.connected)
    panda.box.play(messages[4:])
    assert outline(panda.read(4)) == [("DATA", 4), ("DATA", 5), ("DATA", 6), ("END", 7)]


def test_who_comes_in_the_middle_of_an_arm_gets_at_once_what_the_box_remembers(panda: Link) -> None:
    messages = list(generate(rows=10_000))
    panda.box.play(messages[:-1])
    panda.open()
    assert outline(panda.read(10_001))[::5_000] == [("START", None), ("DATA", 5_000), ("DATA", 10_000)]
    panda.box.play(messages[-1:])
    assert outline(panda.read(1)) == [("END", 10_001)]


@pytest.mark.parametrize("panda", [("ascii", 0), ("framed", 0)], indirect=True)
def test_rows_that_the_box_does_not_remember_are_a_gap(panda: Link, until: Until) -> None:
    panda.open()
    messages = list(generate(rows=8))
    panda.box.play(messages[:4])
    panda.read(4)
    panda.box.drop_clients()
    panda.box.play(messages[4:6])
    until(lambda: not panda.source.read(1) and not panda.source.connected())
    until(panda.source.connected)
    panda.box.play(messages[6:])
    assert outline(panda.read(4)) == [("DATA", 6), ("DATA", 7), ("DATA", 8), ("END", 9)]


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
    broken, other = list(generate(rows=8)), list(generate(rows=1, arm_time=1.8e9))
    panda.box.play(broken[:4])
    panda.read(4)
    panda.box.drop_clients()
    panda.box.play([*broken[4:], *other[:-1]])
    until(lambda: not panda.source.read(1) and not panda.source.connected())
    until(panda.source.connected)
    panda.box.play(other[-1:])
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
    with socket.create_server(("127.0.0.1", quiet_port())) as server:
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


def test_an_address_of_a_kind_that_this_machine_does_not_use_is_passed_over(
    panda: Link, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(panda.box.url.rpartition(":")[2])
    # As of a machine without IPv6, whose name servers tell such addresses first.
    found = [(socket.AF_APPLETALK, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]
    found += [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]  # type: ignore[list-item]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **settings: found)
    panda.source = source(PandaboxSettings(url=panda.box.url.replace("127.0.0.1", "panda.example.org")))
    panda.open()


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
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            reading = pandablocks.DataConnection()
            connection.sendall(reading.connect(scaled=True))
            box.wait_for_client(PATIENCE)
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
