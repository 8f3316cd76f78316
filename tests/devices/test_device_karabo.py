"""The Karabo bridge: trains become packets, numbered by train id, from bridges of the facility's own package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import karabo_bridge
import msgpack
import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from karabo_bridge.serializer import serialize

from beamloom.devices import karabo
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.karabo import (
    DEVICE,
    KaraboEnd,
    KaraboReader,
    KaraboSettings,
    KaraboSource,
    KaraboStart,
    KaraboTrain,
    generate,
    parse,
)
from beamloom.devices.karabo import (
    simulator as bridge_at,
)
from beamloom.devices.registry import find_device
from beamloom.events import Event, Malformed, Packet, PacketKind, find_parser
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import assert_kept_with_a_reason, numbers, taken
from support.patience import PATIENCE
from support.ports import quiet_port

Until = Callable[[Callable[[], bool]], None]
SOURCE = "SPB_DET_AGIPD1M-1/CAL/APPEND_CORRECTED"
TIMEOUT = 10.0


def read(
    messages: Sequence[Sequence[Any]], expected: int | None = None, **settings: Any
) -> list[Packet | Malformed]:
    reader = KaraboReader(**settings)
    reader.series.expect(expected)
    return taken(reader, messages)


def kinds(items: Sequence[Packet | Malformed]) -> list[int]:
    return [int(item.kind) for item in items if isinstance(item, Packet)]


def trains(count: int, first: int = 500) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Trains as the facility's own servers are fed with them."""
    for train in range(first, first + count):
        data = {
            SOURCE: {
                "image.data": np.full((2, 3), train, "uint16"),
                "gain": np.float32(0.5),
                "name": "agipd",
            },
            "SA1_XTD2_XGM/DOOCS/MAIN": {"pulseEnergy": 1.5},
        }
        meta = {
            source: {"source": source, "timestamp": train / 10, "timestamp.tid": train} for source in data
        }
        yield data, meta


def as_sent(data: dict[str, Any], meta: dict[str, Any], version: str = "2.2") -> list[bytes]:
    """The frames that the facility's own package makes of a train."""
    return [bytes(frame) for frame in serialize(data, meta, protocol_version=version)]


@pytest.fixture(params=["REQ", "SUB", "PULL"])
def bridge(request: pytest.FixtureRequest) -> Iterator[tuple[karabo_bridge.ServerInThread, str]]:
    """A bridge of the facility's own package, and the socket that listens to it."""
    sends = {"REQ": "REP", "SUB": "PUB", "PULL": "PUSH"}[request.param]
    with karabo_bridge.ServerInThread("tcp://127.0.0.1:*", sock=sends, maxlen=100) as server:
        yield server, request.param


@pytest.fixture
def opened(until: Until) -> Iterator[Callable[..., KaraboSource]]:
    """``opened(url, **settings)`` gives a connected source; closed after the test."""
    sources: list[KaraboSource] = []

    def connect(url: str, expected: int | None = None, **settings: Any) -> KaraboSource:
        sources.append(KaraboSource(KaraboSettings(url=url, **settings)))
        sources[-1].expect(expected)
        sources[-1].open()
        until(sources[-1].connected)
        return sources[-1]

    yield connect
    for source in sources:
        source.close()


def receive(source: KaraboSource, count: int) -> list[Packet | Malformed]:
    items: list[Packet | Malformed] = list(source.read(10))
    while len(items) < count:
        assert source.pollable.poll(int(TIMEOUT * 1000)), f"only {len(items)} of {count} items came: {items}"
        items += source.read(10)
    assert len(items) == count
    return items


def test_trains_of_the_facilitys_own_bridge_arrive_with_their_arrays_and_numbers(
    bridge: tuple[karabo_bridge.ServerInThread, str], opened: Callable[..., KaraboSource]
) -> None:
    server, socket = bridge
    source = opened(server.endpoint, expected=7, socket=socket)
    items: list[Packet | Malformed] = []
    for (data, meta), count in zip(trains(5), (2, 1, 1, 1, 2), strict=True):
        # This server's PUB drops all but one message for a reader that is not there at once.
        server.feed(data, meta)
        items += receive(source, count)
    assert kinds(items) == [0, 1, 1, 1, 1, 1, 2]
    assert numbers(items) == [None, 1, 2, 3, 4, 5, None]
    start, *parsed, end = [item.parse() for item in items if isinstance(item, Packet)]
    assert isinstance(start, KaraboStart)
    assert start.sources[SOURCE]["image.data"] == {"dtype": "uint16", "shape": [2, 3]}
    assert start.first_train == 500
    assert isinstance(end, KaraboEnd)
    for train, (data, meta) in zip(parsed, trains(5), strict=True):
        assert isinstance(train, KaraboTrain)
        assert train.train_id == meta[SOURCE]["timestamp.tid"]
        assert train.meta == meta
        np.testing.assert_array_equal(train.data[SOURCE]["image.data"], data[SOURCE]["image.data"])
        assert not train.data[SOURCE]["image.data"].flags.writeable
        assert train.data[SOURCE]["gain"] == 0.5
        assert train.data["SA1_XTD2_XGM/DOOCS/MAIN"]["pulseEnergy"] == 1.5


def test_no_train_is_asked_for_after_the_last_of_the_run(
    until: Until, opened: Callable[..., KaraboSource]
) -> None:
    with karabo_bridge.ServerInThread("tcp://127.0.0.1:*") as server:
        source = opened(server.endpoint, expected=5)
        for data, meta in trains(4):
            server.feed(data, meta)
        assert kinds(receive(source, 5)) == [0, 1, 1, 1, 2]
        assert source.read(10) == []
        # The fourth train is still there for another client.
        with karabo_bridge.Client(server.endpoint, timeout=PATIENCE) as client:
            data, _ = client.next()
        assert data[SOURCE]["image.data"][0, 0] == 503


@pytest.mark.parametrize("version", ["1.0", "2.2"])
def test_both_protocols_give_the_same_trains(version: Any) -> None:
    (data, meta) = next(trains(1))
    (_, packet) = read([as_sent(data, meta, version)])
    assert isinstance(packet, Packet)
    train = parse(packet)
    assert isinstance(train, KaraboTrain)
    assert train.train_id == 500
    assert train.data[SOURCE]["image.data"].tolist() == [[500] * 3] * 2
    assert train.meta[SOURCE]["timestamp"] == 50.0
    ours = [parse(item) for item in read([*generate(trains=2, version=version)]) if isinstance(item, Packet)]
    assert [train.data[SOURCE]["image.data"].mean() for train in ours[1:]] == [0, 1]


def test_the_start_packet_describes_the_first_train_in_both_protocols() -> None:
    for version in ("1.0", "2.2"):
        start = read([*generate(trains=1, version=version)])[0]
        assert isinstance(start, Packet)
        described = parse(start)
        assert isinstance(described, KaraboStart)
        assert described.sources[SOURCE]["image.data"] == {"dtype": "float32", "shape": [4, 16, 8]}


def test_our_trains_are_read_by_the_facilitys_own_client() -> None:
    simulator = bridge_at("tcp://127.0.0.1:0")
    try:
        with karabo_bridge.Client(simulator.url, timeout=PATIENCE) as client:
            client._socket.send(b"next")
            client._recv_ready = True
            assert simulator.play(generate(trains=1, values={"gain": 2})) == 1
            data, meta = client.next()
    finally:
        simulator.close()
    assert data[SOURCE]["image.data"].shape == (4, 16, 8)
    assert data[SOURCE]["gain"] == 2
    assert meta[SOURCE]["timestamp.tid"] == 10_000


@given(st.sets(st.integers(1, 18)), st.integers(1, 10**15))
def test_whatever_trains_are_missed_the_others_keep_their_numbers(lost: set[int], first: int) -> None:
    sent = list(generate(trains=20, first_train=first, shape=(1, 1)))
    items = read([each for place, each in enumerate(sent) if place not in lost], expected=22)
    assert numbers(items) == [None, *(place + 1 for place in range(20) if place not in lost), None]


def test_when_the_last_train_is_missed_the_next_one_closes_the_series() -> None:
    sent = list(generate(trains=9, shape=(1, 1)))
    del sent[4]
    items = read(sent, expected=7)
    assert kinds(items) == [0, 1, 1, 1, 1, 2]
    assert numbers(items) == [None, 1, 2, 3, 4, None]


def test_a_server_that_begins_anew_goes_on_behind_the_highest_number() -> None:
    items = read([*generate(trains=3, first_train=70), *generate(trains=2, first_train=5)])
    assert numbers(items) == [None, 1, 2, 3, 4, 5]


def test_without_numbers_each_train_takes_the_next_place() -> None:
    sent = list(generate(trains=5, shape=(1, 1)))
    del sent[2]
    sent[1] = [b"\xc1", b""]
    items = read(sent, expected=5, numbered=False)
    assert [type(item).__name__ for item in items] == ["Packet", "Packet", "Malformed", "Packet", "Packet"]
    assert isinstance(items[2], Malformed)
    assert items[2].takes_place
    assert numbers(items) == [None, None, None, None]
    assert kinds(items)[-1] == PacketKind.END


def test_the_train_id_of_a_named_source_counts() -> None:
    data, meta = next(trains(1))
    meta["SA1_XTD2_XGM/DOOCS/MAIN"]["timestamp.tid"] = 499
    sent = [as_sent(data, meta)]
    assert "SA1" in str(parse(read(sent)[0]).sources)  # type: ignore[arg-type]
    assert parse(read(sent, source=SOURCE)[0]).first_train == 500  # type: ignore[arg-type]
    (problem,) = read(sent, source="NO/SUCH/SOURCE")
    assert isinstance(problem, Malformed)
    assert "source 'NO/SUCH/SOURCE' came without a train id" in problem.reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"\xc1"], "cannot be read"),
        ([b""], "cannot be read"),
        ([b"\x01"], "not a map"),
        ([msgpack.packb({"a": 1})], "no map of sources"),
        ([msgpack.packb({"a": {b"nd": True, b"kind": b"O", b"data": b"x"}})], "no array of numbers"),
        (
            [msgpack.packb({"a": {"b": {b"nd": True, b"type": "<f4", b"shape": [2], b"data": b"x"}}})],
            "takes 8",
        ),
        ([msgpack.packb({"a": {"b": 1}})], "without a train id"),
        ([b"a", b"b", b"c"], "in pairs"),
        ([b"a", b"b"], "header of the message"),
        ([msgpack.packb({"source": "a", "content": "pickle"}), b""], "sends 'pickle'"),
        ([msgpack.packb({"source": "a", "content": "msgpack"}), b"\x80"], "without a train id"),
        (
            [
                msgpack.packb({"source": "a", "content": "array", "path": "x", "dtype": "O", "shape": [1]}),
                b"8",
            ],
            "numpy type|numbers",
        ),
        (
            [
                msgpack.packb({"source": "a", "content": "array", "path": "x", "dtype": "u1", "shape": [9]}),
                b"8",
            ],
            "has 1 bytes",
        ),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent: list[list[bytes]] = list(generate(trains=4, shape=(1, 1)))
    sent[2] = bad
    items = read(sent, expected=6)
    assert_kept_with_a_reason(items, bad, reason)
    assert numbers(items) == [None, 1, 2, 4, None]


@given(st.data())
def test_whatever_is_broken_the_good_trains_keep_their_numbers(data: st.DataObject) -> None:
    version: Any = data.draw(st.sampled_from(["1.0", "2.2"]))
    sent: list[list[bytes]] = list(generate(trains=6, shape=(1, 2), version=version))
    broken = data.draw(st.sets(st.integers(1, 4)))
    for place in broken:
        frames = sent[place]
        victim = data.draw(st.integers(0, len(frames) - 1))
        cut = data.draw(st.integers(0, len(frames[victim]) - 1))
        frames[victim] = frames[victim][:cut]
    items = read(sent, expected=8)
    for item in items:
        if isinstance(item, Packet):
            try:
                parse(item)
            except MalformedPacket as problem:
                assert str(problem)  # noqa: PT017
    whole = [place + 1 for place in range(6) if place not in broken]
    assert set(whole) <= set(numbers(items))
    assert kinds(items)[-1] == PacketKind.END


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_random_bytes_are_never_an_error_of_ours(one: bytes, two: bytes) -> None:
    for frames in ([one], [one, two], [b"\xdf" + one]):
        for item in read([frames]):
            assert isinstance(item, Packet | Malformed)
        try:
            parse(Packet("karabo", frames))
        except MalformedPacket as problem:
            assert str(problem)  # noqa: PT017


def test_a_bridge_that_is_started_anew_is_asked_again(opened: Callable[..., KaraboSource]) -> None:
    simulator = bridge_at(f"tcp://127.0.0.1:{quiet_port()}")
    source = opened(simulator.url)
    assert source.read(10) == []
    simulator.close()
    simulator = bridge_at(simulator.url)
    try:
        simulator.wait_for_client(TIMEOUT)
        items: list[Packet | Malformed] = []
        for message in generate(trains=2):
            while not (simulator._socket.poll(1)):
                items += source.read(10)
            simulator.play([message])
            while not source.pollable.poll(1):
                pass
            items += source.read(10)
        assert numbers(items) == [None, 1, 2]
    finally:
        simulator.close()


def test_something_else_than_a_bridge_is_called_so(until: Until) -> None:
    context = zmq.Context()
    other = context.socket(zmq.PUB)
    port = other.bind_to_random_port("tcp://127.0.0.1")
    source = KaraboSource(KaraboSettings(url=f"tcp://127.0.0.1:{port}"))
    source.open()
    try:
        until(lambda: "no ZeroMQ REP socket" in str(source.connection_problem()))
        assert not source.connected()
    finally:
        source.close()
        other.close(0)
        context.term()


def test_a_live_run_ends_after_its_trains_although_the_bridge_goes_on(until: Until) -> None:
    with (
        zmq.Context() as context,
        context.socket(zmq.PULL) as taker_of_the_rest,
        karabo_bridge.ServerInThread("tcp://127.0.0.1:*", sock="PUSH", maxlen=100) as server,
    ):
        made: list[KaraboSource] = []

        def make() -> KaraboSource:
            made.append(KaraboSource(KaraboSettings(url=server.endpoint, socket="PULL")))
            return made[-1]

        def feed() -> None:
            for place, (data, meta) in enumerate(trains(30)):
                if place != 7:
                    server.feed(data, meta)

        def look(event: Event) -> int | None:
            train = event.streams["agipd"].parse()
            return int(train.data[SOURCE]["image.data"][0, 0]) if isinstance(train, KaraboTrain) else None

        outcome = run_through({"agipd": make}, uniform(["agipd"], 20), look, feed)
        taker_of_the_rest.connect(server.endpoint)  # a bridge that nobody reads would never end
    assert outcome.counts == (21, 0, 1)
    pixels = {event: value for event, value in outcome.results.items() if value is not None}
    assert pixels == {place + 1: 500 + place for place in range(20) if place != 7}


def test_the_device_is_found_by_name_and_its_parser_by_type() -> None:
    assert find_device("karabo") is DEVICE
    assert find_parser("karabo") is parse


def test_a_bridge_that_publishes_is_simulated_too(opened: Callable[..., KaraboSource]) -> None:
    simulator = karabo.publisher("tcp://127.0.0.1:0")
    source = opened(simulator.url, socket="SUB", expected=5)
    simulator.wait_for_client(TIMEOUT)
    simulator.play(generate(trains=3))
    assert kinds(receive(source, 5)) == [0, 1, 1, 1, 2]
    simulator.close()
