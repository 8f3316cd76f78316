"""Sardana: posts become packets, are numbered by point, and are kept for the run that they belong to."""

from __future__ import annotations

import json
import math
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices import sardana
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.registry import find_device
from beamloom.devices.sardana import (
    DEVICE,
    SardanaDataDescription,
    SardanaRecordEnd,
    SardanaRecorder,
    SardanaSource,
    generate,
    parse,
    take_post,
)
from beamloom.devices.sardana.scans import Listeners, ScanReader, ScanShelf
from beamloom.events import Event, Malformed, Packet, PacketKind, find_parser
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import numbers
from support.patience import PATIENCE

Message = Sequence[bytes]


class Beamline:
    """Sardana's recorder and the listener that it posts to."""

    def __init__(self) -> None:
        self.listeners = Listeners(take_post, sardana.BROKEN_OFF)
        self.recorder = SardanaRecorder("http://127.0.0.1:0")
        self.sources: list[SardanaSource] = []

    def arm(self, **settings: Any) -> SardanaSource:
        """The source of a new run, open."""
        source = SardanaSource(sardana.SardanaSettings(url=self.recorder.url, **settings), self.listeners)
        self.sources.append(source)
        source.open()
        assert source.connected()
        return source

    def post(self, messages: Iterable[Message]) -> list[dict[str, Any]]:
        self.recorder.wait_for_client(PATIENCE)
        self.recorder.play(messages)
        return self.recorder.answers

    def figures(self) -> dict[str, int]:
        (address,) = self.listeners.addresses()
        return self.listeners.at(*address, limit_bytes=2**26).shelf.figures()

    def close(self) -> None:
        for source in self.sources:
            source.close()
        self.listeners.close()


@pytest.fixture
def beamline() -> Iterator[Beamline]:
    made = Beamline()
    yield made
    made.close()


def read_all(source: SardanaSource) -> list[Packet | Malformed]:
    items: list[Packet | Malformed] = []
    while select.select([source.pollable], [], [], 0)[0]:
        items += source.read(3)
    assert source.read(3) == []
    return items


def kinds(items: Iterable[Packet | Malformed]) -> list[PacketKind]:
    return [item.kind for item in items if isinstance(item, Packet)]


WHOLE = [PacketKind.START, *[PacketKind.DATA] * 11, PacketKind.END]


def test_a_scan_arrives_as_it_was_posted_with_its_kind_added(beamline: Beamline) -> None:
    source = beamline.arm()
    posted = list(generate())
    assert all(answer == {"kept": True} for answer in beamline.post(posted))
    items = read_all(source)
    assert kinds(items) == WHOLE
    assert numbers(items) == [None, *range(1, 12), None]
    start, first, *_, end = [item.parse() for item in items if isinstance(item, Packet)]
    assert isinstance(start, SardanaDataDescription)
    assert (start.type, start.serialno, start.ref_moveables) == ("DataDescription", 1, ["tom_ry"])
    assert list(dict(first))[:3] == ["type", "timestamp", "point_nb"]
    assert (first.tom_ry, dict(first)["tango://127.0.0.1:10000/expchan/diode/1"]) == (0.0, 0.0)
    assert isinstance(end, SardanaRecordEnd)
    assert end.deadtime == 4.8


def test_the_recorded_scan_of_a_beamline_parses_and_is_numbered_again(
    recorded: Callable[[str], list[Packet]], beamline: Beamline
) -> None:
    packets = recorded("recordings/dumpsardana-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors")
    start, *points, end = [parse(packet) for packet in packets]
    assert (start.serialno, start.title) == (2536, "ascanct tom_ry 0.0 180.0 10 0.1 0.0")
    assert [column["label"] for column in start.column_desc][:3] == ["#Pt No", "tom_ry", "orca"]
    assert [point.tom_ry for point in points] == [18.0 * step for step in range(11)]
    assert [point.point_nb for point in points] == list(range(11))
    channel = "tango://b-v-danmax-csdb-0.maxiv.lu.se:10000/expchan/pcap_ctrl/11"
    assert dict(points[1])[channel] == 26.791025076142617
    assert end.endtime == "Mon Oct 28 15:02:41 2024"
    # Posted again as the beamline did, the same packets come out.
    routes = {"DataDescription": "data_desc", "RecordData": "record_data", "RecordEnd": "record_end"}
    posts = []
    for packet in packets:
        fields = json.loads(packet.frames[0])
        posts.append([f"/v1/{routes[fields.pop('type')]}".encode(), json.dumps(fields).encode()])
    source = beamline.arm()
    beamline.post(posts)
    items = [item for item in read_all(source) if isinstance(item, Packet)]
    assert [json.loads(item.frames[0]) for item in items] == [json.loads(each.frames[0]) for each in packets]
    assert numbers(items) == [None, *range(1, 12), None]


def test_what_is_posted_before_the_run_is_armed_is_kept_for_it(beamline: Beamline) -> None:
    beamline.arm().close()
    posted = list(generate())
    beamline.post(posted[:5])
    source = beamline.arm()
    assert len(read_all(source)) == 5
    beamline.post(posted[5:])
    assert numbers(read_all(source)) == [*range(5, 12), None]


def test_a_whole_scan_between_two_runs_is_read_by_the_second(beamline: Beamline) -> None:
    first = beamline.arm()
    beamline.post([*generate(serialno=1), *generate(serialno=2)])
    assert kinds(read_all(first)) == WHOLE
    first.close()
    second = beamline.arm()
    items = read_all(second)
    assert kinds(items) == WHOLE
    assert parse(items[0]).serialno == 2  # type: ignore[arg-type]


def test_a_run_of_several_scans_reads_them_one_after_the_other(beamline: Beamline) -> None:
    source = beamline.arm(scans_per_run=0)
    beamline.post([*generate(), *generate()])
    items = read_all(source)
    assert kinds(items) == [*WHOLE, *WHOLE]
    assert numbers(items) == [None, *range(1, 12), None] * 2


def test_the_rest_of_a_scan_whose_run_is_over_is_for_nobody_and_the_sender_learns_of_it(
    beamline: Beamline,
) -> None:
    first = beamline.arm()
    posted = list(generate())
    beamline.post(posted[:4])
    assert len(first.read(2)) == 2
    first.close()
    second = beamline.arm()
    answers = beamline.post(posted[4:6])
    assert answers == [{"kept": False, "reason": "the run that read this scan is over"}] * 2
    beamline.post(generate(serialno=7))
    items = read_all(second)
    assert kinds(items) == WHOLE
    assert parse(items[0]).serialno == 7  # type: ignore[arg-type]
    assert beamline.figures() == {
        "scans_waiting": 0,
        "bytes_waiting": 0,
        "scans_dropped": 0,
        "posts_discarded": 4,
    }


def test_a_scan_that_was_never_ended_is_ended_when_the_next_begins(beamline: Beamline) -> None:
    source = beamline.arm(scans_per_run=0)
    beamline.post([*generate(positions=[1, 2], ended=False), *generate(positions=[3])])
    items = read_all(source)
    assert [int(kind) for kind in kinds(items)] == [0, 1, 1, 2, 0, 1, 2]
    assert parse(items[3]).interrupted is True  # type: ignore[arg-type]


def test_points_without_a_number_have_none(beamline: Beamline) -> None:
    source = beamline.arm()
    beamline.post(generate(positions=[1, 2], numbered=False))
    assert numbers(read_all(source)) == [None] * 4


def test_points_that_count_otherwise_are_not_numbered_on_request(beamline: Beamline) -> None:
    source = beamline.arm(numbered=False)
    beamline.post(generate(positions=[1, 2], first_point=100))
    assert numbers(read_all(source)) == [None] * 4


def test_posts_outside_of_a_scan_are_answered_with_a_sentence(beamline: Beamline) -> None:
    source = beamline.arm()
    (answer,) = beamline.post([[b"/v1/record_data", b"{}"]])
    assert answer["kept"] is False
    assert "/v1/data_desc" in answer["reason"]
    (answer,) = beamline.post([[b"/v1/custom_data", b"anything"]])
    assert "no stream" in answer["reason"]
    (answer,) = beamline.post([[b"/v1/record_date", b"{}"]])
    assert answer["status"] == 404
    assert "/v1/record_data" in answer["reason"]
    assert read_all(source) == []


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'{"point_nb": -1}', b"[" * 10_000, b'"text"'])
def test_posts_that_cannot_be_read_are_refused_and_kept_for_inspection(
    beamline: Beamline, body: bytes
) -> None:
    source = beamline.arm()
    posted = list(generate(positions=[1, 2, 3]))
    posted[2] = [b"/v1/record_data", body]
    answers = beamline.post(posted)
    assert answers[2]["status"] == 400
    items = read_all(source)
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert (problem.reason, problem.frames) == (answers[2]["reason"], [body])
    assert problem.takes_place == (b"point_nb" not in body)
    assert numbers(items) == [None, 1, 3, None]


def test_an_unreadable_end_or_description_takes_no_points_place(beamline: Beamline) -> None:
    source = beamline.arm()
    posted = list(generate(positions=[1]))
    beamline.post([*posted[:2], [b"/v1/record_end", b"{"], [b"/v1/data_desc", b"["], posted[2]])
    problems = [item for item in read_all(source) if isinstance(item, Malformed)]
    assert [problem.takes_place for problem in problems] == [False, False]


def test_not_a_number_survives_as_pythons_json_writes_it(beamline: Beamline) -> None:
    source = beamline.arm()
    beamline.post(
        [[b"/v1/data_desc", b"{}"], [b"/v1/record_data", b'{"point_nb": 0, "diode": NaN, "type": "x"}']]
    )
    _, point = read_all(source)
    assert isinstance(point, Packet)
    assert math.isnan(point.parse().diode)
    assert point.parse().type == "RecordData"
    assert point.number == 1


def test_two_streams_cannot_share_an_address(beamline: Beamline) -> None:
    beamline.arm()
    with pytest.raises(ValueError, match="port of its own"):
        beamline.arm()


def test_an_address_that_is_taken_or_none_is_refused_with_a_sentence(beamline: Beamline) -> None:
    beamline.arm()
    other = Listeners(take_post, sardana.BROKEN_OFF)
    with pytest.raises(ValueError, match="taken by another process"):
        SardanaSource(sardana.SardanaSettings(url=beamline.recorder.url), other).open()
    for url in (
        "tcp://127.0.0.1:80",
        "http://127.0.0.1",
        "http://127.0.0.1:0",
        "http://127.0.0.1:99999",
        "x",
    ):
        with pytest.raises(ValueError, match="http://127"):
            SardanaSource(sardana.SardanaSettings(url=url), other).open()


def test_a_source_that_is_closed_says_so(beamline: Beamline) -> None:
    source = beamline.arm()
    assert source.connection_problem() is None
    source.close()
    source.close()
    assert not source.connected()
    assert "nothing listens" in str(source.connection_problem())
    with pytest.raises(RuntimeError, match="open"):
        _ = source.pollable


class Shelf(ScanShelf):
    """A shelf whose clock the test turns."""

    def __init__(self, limit_bytes: int = 10**6) -> None:
        self.now = 0.0
        super().__init__("the test", limit_bytes, sardana.BROKEN_OFF, lambda: self.now)

    def play(self, messages: Iterable[Message]) -> list[bool]:
        return [take_post(self, route.decode()[4:], body).kept for route, body in messages]


def reader(scans: int = 0) -> ScanReader:
    return ScanReader(lambda: None, scans)


def test_a_scan_that_is_older_than_the_run_is_dropped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    shelf, run = Shelf(), reader()
    shelf.play(generate(serialno=1))
    shelf.now = 5
    shelf.play(generate(serialno=2))
    shelf.now = 14
    shelf.attach(run, keep_seconds=10)
    items = shelf.read(run, 100)
    assert parse(items[0]).serialno == 2  # type: ignore[arg-type]
    assert len(items) == 13
    assert shelf.dropped_scans == 1
    assert "its last post is 14 s older" in caplog.text


def test_memory_is_bounded_by_dropping_the_oldest_scan_first(caplog: pytest.LogCaptureFixture) -> None:
    scan = list(generate(positions=range(50)))
    size = sum(len(body) for _, body in scan)
    shelf, run = Shelf(limit_bytes=4 * size), reader()
    for number in range(10):
        assert all(shelf.play(generate(positions=range(50), serialno=number)))
        assert shelf.figures()["bytes_waiting"] <= 4 * size
    shelf.attach(run, keep_seconds=10)
    starts = [
        item for item in shelf.read(run, 10**6) if isinstance(item, Packet) and item.kind == PacketKind.START
    ]
    assert [parse(start).serialno for start in starts] == [7, 8, 9]
    assert shelf.dropped_scans == 7
    assert "keep_bytes" in caplog.text


def test_a_scan_that_nobody_reads_on_takes_no_more_and_the_sender_is_told() -> None:
    shelf, run = Shelf(limit_bytes=2000), reader()
    shelf.attach(run, keep_seconds=10)
    kept = shelf.play(generate(positions=range(100)))
    assert kept[0]
    assert not all(kept)
    assert shelf.figures()["bytes_waiting"] <= 2000
    # What is read makes room.
    shelf.read(run, 100)
    assert shelf.play([[b"/v1/record_data", b'{"point_nb": 100}']]) == [True]
    assert numbers(shelf.read(run, 100)) == [101]


posts = st.sampled_from(["data_desc", "record_data", "record_end", "custom_data", "nonsense"])
steps = st.one_of(
    st.tuples(st.just("post"), posts, st.one_of(st.binary(max_size=20), st.just(b'{"point_nb": 3}'))),
    st.tuples(st.sampled_from(["arm", "close", "read"]), st.just(""), st.just(b"")),
)


@given(st.lists(steps, max_size=60))
def test_whatever_is_posted_each_series_that_a_run_reads_is_a_series(
    script: list[tuple[str, str, bytes]],
) -> None:
    shelf, run = Shelf(limit_bytes=400), None
    in_series = False
    for what, route, body in script:
        if what == "post":
            take_post(shelf, route, body)
        elif what == "arm" and run is None:
            run, in_series = reader(), False
            shelf.attach(run, keep_seconds=10)
        elif what == "close" and run is not None:
            shelf.detach(run)
            run = None
        elif what == "read" and run is not None:
            for item in shelf.read(run, 3):
                if isinstance(item, Malformed):
                    assert in_series
                    continue
                assert in_series == (item.kind is not PacketKind.START)
                in_series = item.kind is not PacketKind.END
        assert shelf.figures()["bytes_waiting"] <= 400 + 100


def test_a_packet_of_another_device_is_refused() -> None:
    with pytest.raises(MalformedPacket, match="not 'sardana'"):
        parse(Packet("STINS", [b"{}"]))
    with pytest.raises(MalformedPacket, match="known are DataDescription"):
        parse(Packet("sardana", [b'{"type": ["x"]}']))


def test_existing_analyses_find_the_names_that_they_import(beamline: Beamline) -> None:
    from dranspose.data.sardana import SardanaDataDescription as Description
    from dranspose.data.sardana import SardanaRecordData as Record
    from dranspose.middlewares import sardana as middleware

    source = beamline.arm()
    beamline.post(generate())
    start, first, *_ = [item for item in read_all(source) if isinstance(item, Packet)]
    description, record = middleware.parse(start), middleware.parse(first)
    assert isinstance(description, Description)
    assert isinstance(record, Record)
    channel = "tango://127.0.0.1:10000/expchan/diode/1"
    assert record.model_extra == {"point_nb": 0, "tom_ry": 0.0, channel: 0.0}
    assert getattr(record, channel) == 0.0
    assert middleware.parse(record.to_stream_data()) == record


def test_a_live_run_gives_every_point_its_event_although_the_scan_was_posted_before(
    beamline: Beamline,
) -> None:
    beamline.arm().close()
    posted = list(generate())
    beamline.post(posted[:4])

    def make() -> SardanaSource:
        return SardanaSource(sardana.SardanaSettings(url=beamline.recorder.url), beamline.listeners)

    def position(event: Event) -> float | None:
        packet = event.streams["sardana"].parse()
        return packet.tom_ry if "tom_ry" in packet else None

    # A post that never came, as a gap in point_nb.
    del posted[6]
    outcome = run_through(
        {"sardana": make}, uniform(["sardana"], 11), position, lambda: beamline.post(posted[4:])
    )
    assert outcome.counts == (12, 0, 1)
    positions = {event: value for event, value in outcome.results.items() if value is not None}
    assert positions == {point + 1: 18.0 * point for point in range(11) if point != 5}


def test_the_device_is_found_by_name_and_its_parser_by_type() -> None:
    assert find_device("sardana") is DEVICE
    assert find_parser("sardana") is parse


def test_the_port_is_open_before_any_run_and_between_runs(
    beamline: Beamline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sardana.device, "LISTENERS", beamline.listeners)
    assert DEVICE.prepare is not None
    prepared = DEVICE.prepare(sardana.SardanaSettings(url=beamline.recorder.url))
    answers = beamline.post(generate(points=3))
    assert all(answer["kept"] for answer in answers)
    assert kinds(read_all(beamline.arm())) == [PacketKind.START, *[PacketKind.DATA] * 3, PacketKind.END]
    prepared.close()
    prepared.close()
    assert beamline.listeners.addresses() == []


def test_a_source_that_stands_reads_scan_after_scan(beamline: Beamline) -> None:
    source = SardanaSource(sardana.SardanaSettings(url=beamline.recorder.url), beamline.listeners)
    beamline.sources.append(source)
    source.stand()
    source.open()
    for _ in range(3):
        beamline.post(generate())
        assert kinds(read_all(source)) == WHOLE
