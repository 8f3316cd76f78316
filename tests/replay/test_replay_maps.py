"""Recordings with their trigger map beside them: each packet goes to whom it went live."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.devices import stins
from beamloom.errors import UsageError
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import replay
from beamloom.replay._source import SharedFeed
from beamloom.services import inline
from beamloom.settings import IngesterSettings
from replay.material import RUN, Differences, Echo, Gather, Ordered, deliveries, one_part, seen, write_run
from triggermap.map_strategies import PlainEvent, bodies, plain_events

ALL: list[dict[str, Any]] = [{"tags": ["generic"]}]
START_END = {"reserved_start_end": {"mapping": {"a": [ALL]}}}


def constrained(*constraints: int) -> list[list[dict[str, int]]]:
    return [[{"constraint": one}] for one in constraints]


@pytest.mark.parametrize(("header", "workers"), [(True, 3), (False, 1)], ids=["a header", "a frame"])
def test_without_a_map_the_first_event_goes_to_all_workers_only_where_it_opens_a_series(
    tmp_path: Path, header: bool, workers: int
) -> None:
    images = (np.full((2, 2), value, np.uint8) for value in range(8))
    messages = list(stins.generate(images=images))[0 if header else 1 : -1]
    with RecordingWriter(tmp_path / "camera.cbors") as writer:
        for number, message in enumerate(messages):
            writer.write(Record(number, {"camera": Packet("STINS", [bytes(frame) for frame in message])}))
    report = replay(Echo, Gather, [tmp_path / "camera.cbors"], workers=3)

    assert report.counts.reduced == len(messages)
    assert [len(some) for some in seen(report).values()] == [workers] + [1] * (len(messages) - 1)


def test_a_constraint_stays_with_one_worker(tmp_path: Path) -> None:
    batches = constrained(*(event // 5 for event in range(100)))
    report = replay(Echo, Gather, write_run(tmp_path, {"a": range(100)}, one_part(a=batches)), workers=3)

    workers = seen(report)
    for batch in range(20):
        assert len({tuple(workers[event]) for event in range(5 * batch, 5 * batch + 5)}) == 1
    assert {one for some in workers.values() for one in some} == {f"replay-worker-{n}" for n in range(3)}


def test_the_closing_event_of_a_recorded_map_goes_where_the_map_says(
    shared_data: Path, tmp_path: Path
) -> None:
    files = sorted((shared_data / "recordings").glob("*.cbors"))
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    cells = constrained(*range(13))
    (tmp_path / f"dumpmapping-{RUN}.json").write_text(
        json.dumps(one_part(orca=cells, pcap_rot=cells, sardana=cells))
    )

    assert len(deliveries(replay(Echo, Gather, files))) == 15
    assert len(deliveries(replay(Echo, Gather, sorted(tmp_path.glob("*.cbors"))))) == 13


def test_two_constraints_in_one_event_get_two_workers_with_their_own_streams(tmp_path: Path) -> None:
    body = one_part(a=constrained(0, 2), b=constrained(1, 2))
    report = replay(Echo, Gather, write_run(tmp_path, {"a": range(2), "b": range(2)}, body))
    first = {worker: sorted(payload) for event, worker, payload in deliveries(report) if event == 0}
    assert sorted(first.values()) == [["a"], ["b"]]
    assert [sorted(payload) for event, _, payload in deliveries(report) if event == 1] == [["a", "b"]]


def test_workers_have_every_tag_and_those_who_only_look_have_no_class(tmp_path: Path) -> None:
    cells = [
        [{"tags": ["fast"], "constraint": 0}, {"tags": ["debug"]}],
        [{"tags": ["debug"]}],
        [{"tags": ["slow"]}],
    ]
    report = replay(Echo, Gather, write_run(tmp_path, {"a": range(3)}, one_part(a=cells)))
    assert seen(report).keys() == {0, 2}
    assert len(seen(report)[0]) == 1
    assert len(seen(report)[2]) == 2
    assert report.counts.reduced == 3


def test_packets_that_the_map_discards_go_nowhere(tmp_path: Path) -> None:
    report = replay(Echo, Gather, write_run(tmp_path, {"a": range(3)}, one_part(a=[ALL, [], ALL])))
    assert seen(report).keys() == {0, 2}
    assert report.remarks == []


def test_a_map_that_needs_more_workers_says_how_many(tmp_path: Path) -> None:
    body = one_part(a=constrained(0), b=constrained(1), c=constrained(2))
    files = write_run(tmp_path, {"a": [0], "b": [0], "c": [0]}, body)
    with pytest.raises(
        UsageError, match=r"has events for 3 different workers and there are 2; set --nworkers 3"
    ):
        replay(Echo, Gather, files)
    assert len(deliveries(replay(Echo, Gather, files, workers=3))) == 3


def test_a_map_that_no_number_of_workers_can_run_says_why(tmp_path: Path) -> None:
    files = write_run(tmp_path, {"a": [0]}, one_part(a=[[{"tags": ["debug", "generic"], "constraint": 0}]]))
    with pytest.raises(
        UsageError, match=r"cannot be replayed: event 0 of part 'main' wants a worker with tags"
    ):
        replay(Echo, Gather, files)


def test_a_map_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    files = write_run(tmp_path, {"a": [0]}, {"parts": {}, "sequence": []})
    with pytest.raises(UsageError, match=rf"mapping-{RUN}.json: the trigger map has no parts"):
        replay(Echo, Gather, files)


def test_a_stream_that_the_map_does_not_know_is_refused(tmp_path: Path) -> None:
    files = write_run(tmp_path, {"a": [0], "b": [0]}, one_part(a=[ALL]))
    with pytest.raises(
        UsageError, match="says nothing of stream b; leave out its recording, or move the map away"
    ):
        replay(Echo, Gather, files)


def test_streams_whose_recordings_are_not_named_are_left_out_of_the_events(tmp_path: Path) -> None:
    body = {
        "parts": {"both": {"a": [ALL], "b": [ALL]}, "one": {"b": [ALL, None]}},
        "sequence": ["both", "one", "both"],
    }
    a, b = write_run(tmp_path, {"a": [0, 3], "b": [0, 1, 3]}, body)

    report = replay(Echo, Gather, [a], workers=1)

    assert [(event, sorted(payload)) for event, _, payload in deliveries(report)] == [(0, ["a"]), (3, ["a"])]
    assert (report.counts.total, report.counts.lost) == (4, 0)
    assert report.remarks == [
        "the recorded trigger map has stream b, too, of which no recording was named: events come without"
    ]
    assert replay(Echo, Gather, [a, b]).remarks == []


class TestOpenEnded:
    """A map that repeats until told to stop has as many events as were recorded."""

    BODY: Mapping[str, Any] = {
        "parts": {"line": {"a": constrained(0, 0, 1)}, **START_END},
        "sequence": ["reserved_start_end", {"part": "line", "repeat": None}, "reserved_start_end"],
    }

    @pytest.mark.parametrize("points", [0, 1, 3, 7])
    def test_that_ended_has_its_end_event(self, tmp_path: Path, points: int) -> None:
        report = replay(Echo, Gather, write_run(tmp_path, {"a": range(points + 2)}, self.BODY))
        workers = seen(report)
        assert [len(some) for some in workers.values()] == [2, *[1] * points, 2]
        assert (report.counts.total, report.counts.reduced) == (points + 2, points + 2)
        for line in range(points // 3):
            assert workers[3 * line + 1] == workers[3 * line + 2]

    def test_that_was_stopped_has_none(self, shared_data: Path, tmp_path: Path) -> None:
        path = tmp_path / f"xrd-ingester-{RUN}.cbors"
        recorded = (shared_data / "captures" / "dump_xrd.cbors").read_bytes()
        path.write_bytes(recorded[: recorded.rindex(b"\xd9\xd9\xf7")])
        body = json.dumps(self.BODY).replace('"a"', '"xrd"')
        (tmp_path / f"mapping-{RUN}.json").write_text(body)

        report = replay(Echo, Gather, [path])

        assert [len(some) for some in seen(report).values()] == [2, *[1] * 9]
        assert (report.counts.total, report.counts.reduced) == (10, 10)


class TestWhatTheRecordingLacks:
    """Events that the map wants and the recordings do not have are lost, with the cause; the others are not."""

    def test_in_the_middle(self, tmp_path: Path) -> None:
        body = one_part(a=constrained(*range(8)), b=constrained(*range(8)))
        files = write_run(tmp_path, {"a": [0, 1, 4, 5, 6, 7], "b": range(8)}, body)
        report = replay(Echo, Gather, files)
        assert list(seen(report)) == [0, 1, 4, 5, 6, 7]
        assert [(cause, list(events)) for cause, events in report.losses] == [
            ("stream 'a' skipped frame numbers: a gap in what the device sent", [(2, 4)])
        ]
        assert report.clean

    def test_at_the_end(self, tmp_path: Path) -> None:
        body = one_part(a=constrained(*range(8)), b=constrained(*range(8)))
        report = replay(Echo, Gather, write_run(tmp_path, {"a": range(5), "b": range(7)}, body))
        assert list(seen(report)) == [0, 1, 2, 3, 4]
        assert report.counts.lost == 3
        lost = {cause: list(events) for cause, events in report.losses}
        assert lost["the recording of stream 'a' ends before the trigger map does"] == [(5, 8)]

    def test_at_the_end_of_a_stream_that_later_events_do_not_need(self, tmp_path: Path) -> None:
        rare = [None, [{"constraint": 1}], *[None] * 3, [{"constraint": 5}], *[None] * 994]
        body = one_part(rare=rare, often=constrained(*range(1000)))
        report = replay(Echo, Gather, write_run(tmp_path, {"rare": [1], "often": range(1000)}, body))
        assert list(seen(report)) == [event for event in range(1000) if event != 5]
        assert [list(events) for _, events in report.losses] == [[(5, 6)]]

    def test_while_another_stream_waits_for_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inline, "IngesterSettings", partial(IngesterSettings, retention_bytes=50))
        body = one_part(a=constrained(*range(3000)), b=constrained(*range(3000)))
        report = replay(Echo, Gather, write_run(tmp_path, {"a": range(100), "b": range(3000)}, body))
        assert (report.counts.reduced, report.counts.lost) == (100, 2900)

    def test_everything(self, tmp_path: Path) -> None:
        files = write_run(tmp_path, {"a": [9]}, one_part(a=constrained(0, 1, 2)))
        report = replay(Echo, Gather, files)
        assert report.counts.lost == 3
        assert [remark.partition(":")[0] for remark in report.remarks] == ["1 packet of stream 'a' left out"]


def test_a_stateful_analysis_gives_what_a_plain_loop_gives(tmp_path: Path) -> None:
    events = 60
    cells = constrained(*(event // 4 for event in range(events)))
    report = replay(
        Differences, Ordered, write_run(tmp_path, {"a": range(events)}, one_part(a=cells)), workers=3
    )

    for results in report.publish.values():
        for event, difference in results:
            # Each constraint begins anew, on whichever worker.
            before = 0 if event % 4 == 0 else str(event - 1).encode()[-1]
            assert difference == str(event).encode()[-1] - before
    assert sorted(event for results in report.publish.values() for event, _ in results) == list(range(events))


def recorded_streams(events: list[PlainEvent]) -> dict[str, list[int]]:
    streams: dict[str, list[int]] = {}
    for number, event in enumerate(events):
        for stream, cell in event.cells.items():
            if cell is not None:
                streams.setdefault(stream, []).append(number)
    return streams


@settings(max_examples=60)
@given(body=bodies(), read_limit=st.sampled_from([None, 1, 3]))
def test_whatever_the_map_each_event_reaches_whom_it_should(
    body: dict[str, Any], read_limit: int | None
) -> None:
    """The reference is a plain loop over the events, which knows no scheduler."""
    # A tag that all workers have: who only looks gives no results to compare.
    body = json.loads(json.dumps(body).replace('"debug"', '"slow"'))
    events = plain_events(body, all_wrap=False)
    streams = recorded_streams(events)
    if not streams:
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if read_limit is not None:
            take = SharedFeed.take
            patch.setattr(SharedFeed, "take", lambda feed, stream, limit: take(feed, stream, read_limit))
        report = replay(Echo, Gather, write_run(Path(folder), streams, body), workers=12)

    assert report.counts.reduced == report.counts.total == len(events)
    got: dict[int, dict[str, set[str]]] = {number: {} for number in range(len(events))}
    for number, worker, payload in deliveries(report):
        assert set(payload.values()) == {str(number).encode()}
        assert worker not in got[number]
        got[number][worker] = set(payload)
    may_hold: dict[tuple[int, int], set[str]] = {}
    for number, event in enumerate(events):
        assert set().union(*got[number].values()) == {stream for stream, cell in event.cells.items() if cell}
        for tags in event.broadcasts():
            assert len(got[number]) == 12
            assert all(set(event.streams_of_broadcast(tags)) <= some for some in got[number].values())
        for group in event.groups():
            needed = set(event.streams_of_group(group))
            holders = {worker for worker, some in got[number].items() if needed <= some}
            may_hold[group] = may_hold.get(group, holders) & holders
            assert may_hold[group], f"constraint {group} changed its worker at event {number}"
