"""Bluesky: documents of a real RunEngine become packets, over ZeroMQ and in the same process."""

from __future__ import annotations

import datetime as dt
import enum
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.bluesky import (
    DEVICE,
    BlueskyEvent,
    BlueskySettings,
    BlueskyStart,
    BlueskyStop,
    generate,
    parse,
)
from beamloom.devices.bluesky.documents import DocumentReader
from beamloom.devices.bluesky.feed import DocumentFeed
from beamloom.devices.encodings.msgpack_arrays import read_map, write_map
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles.unpickle import ForbiddenPickle, unpickle
from beamloom.devices.registry import find_device
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Event, Malformed, Packet, PacketKind, find_parser
from beamloom.triggermap import TriggerMap, open_ended, uniform
from devices.bluesky_scan import POINTS
from devices.one_run import run_through
from devices.reading import Items, assert_kept_with_a_reason, numbers, taken
from support.patience import PATIENCE

SCRIPT = Path(__file__).with_name("bluesky_scan.py")
Until = Callable[[Callable[[], bool]], None]


def read(messages: Sequence[Sequence[bytes]], **settings: Any) -> Items:
    return taken(DocumentReader(**settings), messages)


def kinds(items: Items) -> list[int]:
    return [int(item.kind) for item in items if isinstance(item, Packet)]


class Scan:
    """A RunEngine in a process of its own that waits to be told to scan."""

    def __init__(self, how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.communicate("\n", timeout=PATIENCE)


@pytest.fixture
def scan(request: pytest.FixtureRequest) -> Iterator[Scan]:
    made = Scan(request.param)
    yield made
    made.close()


@pytest.mark.processes
@pytest.mark.parametrize("scan", ["proxy-pickle", "proxy-msgpack", "publisher"], indirect=True)
def test_a_live_run_follows_a_scan_of_a_real_run_engine(scan: Scan, until: Until) -> None:
    made: list[tuple[ZmqSource, DocumentReader]] = []

    def make() -> ZmqSource:
        source = DEVICE.source(BlueskySettings(url=scan.url))
        assert isinstance(source, ZmqSource)
        reader = source.reader
        assert isinstance(reader, DocumentReader)
        made.append((source, reader))
        return source

    def look(event: Event) -> Any:
        document = event.streams["scan"].parse()
        if isinstance(document, BlueskyEvent):
            return (
                document.data["motor"],
                document.described["name"],
                sorted(document.described["object_keys"]),
            )
        return document.plan_name if isinstance(document, BlueskyStart) else document.exit_status

    greeted: list[bool] = []

    def begin_when_greeted() -> None:
        if not greeted and made[0][1].passed_over:
            greeted.append(True)
            scan.go()

    outcome = run_through({"scan": make}, uniform(["scan"], POINTS), look, after_step=begin_when_greeted)
    assert outcome.counts == (POINTS + 2, 0, 0)
    assert outcome.results[0] == "scan"
    assert outcome.results[POINTS + 1] == "success"
    rows = [outcome.results[event] for event in range(1, POINTS + 1)]
    assert [row[0] for row in rows] == np.linspace(0, 1, POINTS).tolist()
    assert list(rows[0][1:]) == ["primary", ["det", "motor"]]


@pytest.mark.parametrize("serializer", ["pickle", "msgpack", "json"])
def test_documents_are_read_however_they_were_written(serializer: Any) -> None:
    items = read([*generate(rows=3, serializer=serializer)])
    assert kinds(items) == [0, 1, 1, 1, 2]
    assert numbers(items) == [None, 1, 2, 3, 4]
    start, *rows, stop = [parse(item) for item in items if isinstance(item, Packet)]
    assert isinstance(start, BlueskyStart)
    assert (start.scan_id, start.motors) == (1, ["x"])
    assert [row.data for row in rows] == [{"x": n / 2, "det": n * n} for n in range(3)]
    assert rows[0].described["data_keys"]["det"]["source"] == "SIM"
    assert isinstance(stop, BlueskyStop)
    assert stop.exit_status == "success"


@pytest.mark.parametrize("serializer", ["pickle", "msgpack", "json"])
def test_a_page_of_events_is_as_many_packets(serializer: Any) -> None:
    items = read([*generate(rows=7, page=3, serializer=serializer)])
    assert numbers(items) == [None, *range(1, 9)]
    rows = [parse(item) for item in items if isinstance(item, Packet)][1:-1]
    single = [parse(item) for item in read([*generate(rows=7)]) if isinstance(item, Packet)][1:-1]
    assert [(row.data, row.seq_num) for row in rows] == [(row.data, row.seq_num) for row in single]
    assert all(isinstance(row, BlueskyEvent) and row.timestamps for row in rows)


def test_arrays_in_documents_are_arrays_again() -> None:
    image = np.arange(6, dtype="uint16").reshape(2, 3)
    for write in (pickle.dumps, write_map):
        sent = list(generate(rows=1))
        event = pickle.loads(sent[2][0].split(b" ", 2)[2])
        event["data"]["det"] = image
        event["seq_num"] = np.int64(1)
        sent[2] = [b" event " + write(event)]
        (_, packet, _) = read(sent)
        assert isinstance(packet, Packet)
        assert packet.number == 1
        row = parse(packet)
        assert isinstance(row, BlueskyEvent)
        np.testing.assert_array_equal(row.data["det"], image)
        assert row.data["det"].dtype == np.uint16


def test_arrays_of_either_byte_order_survive_msgpack() -> None:
    for order in "<>":
        array = np.arange(5, dtype=f"{order}u2")
        back = read_map(write_map({"a": array, "b": np.float32(1.5)}))
        assert back["a"].tolist() == array.tolist()
        assert back["b"] == 1.5
    with pytest.raises(TypeError, match="neither"):
        write_map({"a": object()})


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        (np.array(["Fe", "Kα"]), ["Fe", "Kα"]),
        (np.array([b"Fe"]), [b"Fe"]),
        (np.array(["Fe", None], object), ["Fe", None]),
        (np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), [[1, 2.5]]),
        (np.array(["2026-11-23T10:00"], "M8[ns]"), ["2026-11-23T10:00:00.000000000"]),
        (np.datetime64("2026-11-23"), "2026-11-23"),
        (dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC), "2026-11-23T10:00:00+00:00"),
        (dt.date(2026, 11, 23), "2026-11-23"),
        (dt.timedelta(minutes=1), 60.0),
        ({"Fe"}, ["Fe"]),
    ],
)
def test_what_plans_write_into_documents_besides_numbers_is_read(value: Any, read_back: Any) -> None:
    assert read_map(write_map({"a": value})) == {"a": read_back}


@pytest.mark.parametrize("array", [np.array(["Fe", "Kα"]), np.array([[b"Fe"]]), np.array(["2026"], "M8[Y]")])
def test_arrays_of_text_and_times_in_the_form_of_msgpack_numpy_are_read(array: Any) -> None:
    form = {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": array.shape}
    back = read_map(msgpack.packb({"a": {**form, b"data": array.tobytes()}}))["a"]
    np.testing.assert_array_equal(back, array)
    with pytest.raises(MalformedPacket, match="bytes for an array of shape"):
        read_map(msgpack.packb({"a": {**form, b"data": array.tobytes()[:-1]}}))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_times_in_pickles_are_read(protocol: int) -> None:
    zone = dt.timezone(dt.timedelta(hours=1))
    times = [
        dt.datetime(2026, 11, 23, 10, tzinfo=zone),
        dt.datetime.combine(dt.date(2026, 11, 23), dt.time()),
        dt.date(2026, 1, 2),
        dt.time(3),
    ]
    assert unpickle(pickle.dumps({"a": times}, protocol)) == {"a": times}
    start, *rest = generate(rows=1)
    begun = pickle.loads(start[0].split(b" ", 2)[2]) | {"since": times[0]}
    items = read([[b" start " + pickle.dumps(begun, protocol)], *rest])
    assert numbers(items) == [None, 1, 2]
    assert parse(items[0]).since == times[0]  # type: ignore[arg-type]


def test_events_of_other_streams_and_documents_about_files_are_passed_over() -> None:
    sent = list(generate(rows=2))
    run = pickle.loads(sent[0][0].split(b" ", 2)[2])["uid"]
    baseline = {"uid": "b", "run_start": run, "name": "baseline", "data_keys": {}}
    extra = [
        [b" descriptor " + pickle.dumps(baseline)],
        [b" event " + pickle.dumps({"descriptor": "b", "seq_num": 1, "data": {}})],
        [b" event_page " + pickle.dumps({"descriptor": "b", "seq_num": [2], "data": {}})],
        [b" stream_resource " + pickle.dumps({"uid": "r"})],
        [b" stream_datum " + pickle.dumps({"uid": "d"})],
        [b" resource " + pickle.dumps({"uid": "d"})],
    ]
    assert numbers(read([*sent[:3], *extra, *sent[3:]])) == [None, 1, 2, 3]
    assert numbers(read([*sent[:3], *extra, *sent[3:]], stream_name="baseline")) == [None, 1, 2, None]


def test_a_run_inside_another_is_passed_over() -> None:
    outer, inner = list(generate(rows=3)), list(generate(rows=2, uid="inner"))
    items = read([*outer[:3], *inner, *outer[3:], *inner])
    assert kinds(items) == [0, 1, 1, 1, 2, 0, 1, 1, 2]
    assert parse(items[4]).num_events == {"primary": 3}  # type: ignore[arg-type]


def test_a_run_that_was_left_open_without_events_does_not_hide_the_next() -> None:
    left_open, whole = list(generate(rows=2, uid="left open")), list(generate(rows=2))
    items = read([left_open[0], *whole, left_open[0], *whole])
    assert kinds(items) == [0, 1, 1, 2] * 2
    assert parse(items[0]).uid == parse(items[3]).run_start != "left open"  # type: ignore[arg-type]


def test_a_run_of_an_engine_that_was_killed_is_over_when_two_others_have_begun_without_a_sign_of_it() -> None:
    killed, missed, read_again = (list(generate(rows=3, uid=uid)) for uid in ("killed", "missed", "next"))
    items = read([*killed[:4], *missed, *read_again])
    assert numbers(items) == [None, 1, 2, None, None, 1, 2, 3, 4]
    over = parse(items[3])  # type: ignore[arg-type]
    assert isinstance(over, BlueskyStop)
    assert (over.run_start, over.exit_status) == ("killed", "fail")
    assert parse(items[4]).uid == "next"  # type: ignore[arg-type]


def test_a_run_that_gives_a_sign_between_others_inside_it_goes_on() -> None:
    outer = list(generate(rows=3))
    run = pickle.loads(outer[0][0].split(b" ", 2)[2])["uid"]
    monitor = {"uid": "m", "run_start": run, "name": "temperature_monitor", "data_keys": {}}
    sign = [b" event " + pickle.dumps({"descriptor": "m", "seq_num": 1, "data": {}})]
    inner = [list(generate(rows=1, uid=f"inner {n}")) for n in range(4)]
    sent = [*outer[:3], [b" descriptor " + pickle.dumps(monitor)], *inner[0], sign, *inner[1], outer[3]]
    items = read([*sent, *inner[2], *outer[4:]])
    assert numbers(items) == [None, 1, 2, 3, 4]


def test_a_run_around_others_that_has_no_such_stream_is_passed_over() -> None:
    around = list(generate(rows=1, uid="around", stream_name="baseline"))
    items = read([*around[:2], *generate(rows=2), *around[2:], *generate(rows=1, uid="next")])
    assert kinds(items) == [0, 1, 1, 2, 0, 1, 2]


def test_a_run_without_the_stream_is_a_series_without_events() -> None:
    inner = list(generate(rows=1, uid="inner", stream_name="baseline"))
    outer = list(generate(rows=1, stream_name="baseline"))
    assert numbers(read([*outer[:2], *inner, *outer[2:]])) == [None, None]


def test_an_event_of_an_earlier_run_is_none_of_the_next() -> None:
    first, second = list(generate(rows=2, uid="first")), list(generate(rows=2))
    assert numbers(read([*first, *second[:3], first[3], *second[3:]])) == [None, 1, 2, 3] * 2


def test_a_start_without_a_name_is_no_start() -> None:
    nameless = [b" start " + pickle.dumps({"uid": 5})]
    assert kinds(read([nameless, *generate(rows=1)])) == [0, 1, 2]


def test_only_messages_with_the_prefix_are_read() -> None:
    ours, others = list(generate(rows=1, prefix="i22")), list(generate(rows=1, prefix="i23"))
    both = [message for pair in zip(ours, others, strict=True) for message in pair]
    assert numbers(read(both, prefix="i22")) == [None, 1, 2]


def test_a_run_that_was_aborted_ends_too() -> None:
    items = read([*generate(rows=2, exit_status="abort")])
    assert kinds(items)[-1] == PacketKind.END
    assert parse(items[-1]).exit_status == "abort"  # type: ignore[arg-type]


class Colour(enum.Enum):
    RED = "red"
    TWO = 2


class Anything:
    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return Anything, self.arguments


def test_enumerations_in_pickles_are_their_values_and_nothing_else_is_let_in() -> None:
    assert unpickle(pickle.dumps([Colour.RED, Colour.TWO]), enums=True) == ["red", 2]
    with pytest.raises(ForbiddenPickle, match="Colour"):
        unpickle(pickle.dumps(Colour.RED))
    for many in (
        Anything(),
        Anything("a", "b"),
        Anything([1]),
        Anything(b"x"),
        Anything(1.5),
        Colour,
        Path("/x"),
    ):
        with pytest.raises(ForbiddenPickle):
            unpickle(pickle.dumps(many), enums=True)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"start"], "not a prefix"),
        ([b" event x", b"second frame"], "not a prefix"),
        ([b" event "], "cannot be read"),
        ([b" event {"], "no JSON"),
        ([b" event \x80\x04K\x01."], "is a int"),
        ([b" event \x80\x04cos\nsystem\n(X\x02\x00\x00\x00lsX\x01\x00\x00\x00.tR."], "asks for os.system"),
        ([b" event \x93\x01\x02\x03"], "not a map"),
        ([b' event {"descriptor": "unknown", "seq_num": 1}'], "descriptor 'unknown' did not come"),
        ([b" evnt {}"], "no documents of the kind 'evnt'"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_sentence_and_shifts_nothing(
    bad: list[bytes], reason: str
) -> None:
    sent = list(generate(rows=4))
    sent[3] = bad
    items = read(sent)
    assert_kept_with_a_reason(items, bad, re.escape(reason))
    assert numbers(items) == [None, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seq_num": 0}, "seq_num 0"),
        ({"seq_num": "1"}, "seq_num '1'"),
        ({"seq_num": True}, "seq_num True"),
        ({"seq_num": None}, "seq_num None"),
    ],
)
def test_an_event_without_a_number_is_malformed(change: dict[str, Any], reason: str) -> None:
    sent = list(generate(rows=2))
    event = pickle.loads(sent[2][0].split(b" ", 2)[2]) | change
    sent[2] = [b" event " + pickle.dumps(event)]
    (problem,) = [item for item in read(sent) if isinstance(item, Malformed)]
    assert reason in problem.reason


@pytest.mark.parametrize(
    "change", [{"seq_num": [1]}, {"seq_num": 3}, {"data": {"x": [1]}}, {"data": 4}, {"uid": 7}]
)
def test_a_page_whose_columns_differ_is_malformed_as_a_whole(change: dict[str, Any]) -> None:
    sent = list(generate(rows=2, page=2))
    page = pickle.loads(sent[2][0].split(b" ", 2)[2]) | change
    sent[2] = [b" event_page " + pickle.dumps(page)]
    items = read(sent)
    assert [type(item) for item in items] == [Packet, Malformed, Packet]


@given(st.data())
def test_whatever_is_broken_or_lost_the_others_keep_their_numbers(data: st.DataObject) -> None:
    serializer: Any = data.draw(st.sampled_from(["pickle", "msgpack", "json"]))
    sent = list(generate(rows=6, serializer=serializer))
    broken = data.draw(st.sets(st.integers(2, 7)))
    for place in broken:
        (frame,) = sent[place]
        sent[place] = [frame[: data.draw(st.integers(0, len(frame) - 1))]]
    items = read(sent)
    assert numbers(items) == [
        None,
        *(place - 1 for place in range(2, 8) if place not in broken),
        *numbers(items)[-1:],
    ]
    for item in items:
        if isinstance(item, Packet):
            parse(item)


@given(
    st.binary(max_size=80),
    st.sampled_from([b"", b" event ", b" start ", b" descriptor ", b" stop ", b" event_page "]),
)
def test_random_bytes_are_never_an_error_of_ours(junk: bytes, name: bytes) -> None:
    for before in ([], list(generate(rows=1))[:2]):
        for item in read([*before, [name + junk]]):
            assert isinstance(item, Packet | Malformed)
    try:
        parse(Packet("bluesky", [b"event", junk, junk]))
    except MalformedPacket as problem:
        assert str(problem)  # noqa: PT017


def documents(rows: int) -> list[tuple[str, dict[str, Any]]]:
    parts = [message[0].split(b" ", 2) for message in generate(rows=rows)]
    return [(name.decode(), pickle.loads(raw)) for _, name, raw in parts]


def play(feed: DocumentFeed, emitted: Sequence[tuple[str, dict[str, Any]]]) -> None:
    for name, document in emitted:
        feed(name, document)


@pytest.mark.parametrize("trigger_map", [uniform(["scan"], 6), open_ended(["scan"])])
def test_documents_of_this_process_make_a_run_although_they_came_before_it_was_armed(
    trigger_map: TriggerMap,
) -> None:
    feed = DocumentFeed()
    emitted = documents(6)
    play(feed, documents(3))
    play(feed, emitted[:4])

    def look(event: Event) -> Any:
        document = event.streams["scan"].parse()
        return document.data["det"] if isinstance(document, BlueskyEvent) else None

    outcome = run_through({"scan": feed.source}, trigger_map, look, lambda: play(feed, emitted[4:]))
    assert outcome.counts == (8, 0, 0)
    assert {n: r for n, r in outcome.results.items() if r is not None} == {n + 1: n * n for n in range(6)}


def test_a_real_run_engine_feeds_a_run_in_its_own_process() -> None:
    import bluesky.plans as bp
    from bluesky.run_engine import RunEngine
    from ophyd_async.core import init_devices
    from ophyd_async.sim import SimMotor

    feed = DocumentFeed()
    engine = RunEngine({})
    try:
        with init_devices():
            motor = SimMotor(name="motor", instant=True)
        engine.subscribe(feed)  # type: ignore[no-untyped-call]

        def look(event: Event) -> Any:
            document = event.streams["scan"].parse()
            return document.data["motor"] if isinstance(document, BlueskyEvent) else None

        outcome = run_through(
            {"scan": feed.source},
            open_ended(["scan"]),
            look,
            lambda: engine(bp.scan([], motor, 0, 3, 4)),
        )
    finally:
        engine._loop.call_soon_threadsafe(engine._loop.stop)
        engine._th.join()
        engine._loop.close()
    assert outcome.counts == (6, 0, 0)
    assert [outcome.results[event] for event in range(1, 5)] == [0.0, 1.0, 2.0, 3.0]


def test_a_feed_is_read_by_one_run_and_bounded() -> None:
    feed = DocumentFeed(limit=5)
    play(feed, documents(6))
    assert feed.dropped == 4
    first, second = feed.source(), feed.source()
    first.open()
    with pytest.raises(ValueError, match="another run"):
        second.open()
    assert not second.connected()
    assert kinds([*first.read(2), *first.read(9), *first.read(9)]) == [0, 1, 1, 1]
    first.close()
    first.close()
    with pytest.raises(RuntimeError, match="open"):
        _ = first.pollable
    second.open()
    assert second.connection_problem() is None
    play(feed, [("event", {"descriptor": object()})])
    assert second.read(9) == []
    described = {"uid": "d", "run_start": "u", "name": "primary"}
    play(feed, [("start", {"uid": "u"}), ("descriptor", described), ("event", {"bad": object()})])
    assert [type(item) for item in second.read(9)] == [Packet, Malformed]
    second.close()


def test_the_device_is_found_by_name_and_its_parser_by_type() -> None:
    assert find_device("bluesky") is DEVICE
    assert find_parser("bluesky") is parse
    with pytest.raises(MalformedPacket, match="no document"):
        parse(Packet("bluesky", [b"event", b"{}"]))
