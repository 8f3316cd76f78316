"""Bluesky streams whose data are in files: rows by the indices of stream datums, of real fly scans and of all that may go wrong."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.bluesky import BlueskyEvent, parse
from beamloom.devices.bluesky.documents import DocumentReader, written
from beamloom.devices.bluesky.feed import DocumentFeed
from beamloom.devices.fields import MalformedPacket
from beamloom.events import Event, Malformed, Packet, PacketKind
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import open_ended
from devices.bluesky_engine import hutch
from devices.one_run import Outcome, run_through
from devices.reading import numbers

Document = tuple[str, dict[str, Any]]


def look(event: Event) -> Any:
    document = event.streams["scan"].parse()
    if not isinstance(document, BlueskyEvent):
        return None
    files = {key: (file["uri"], file["index"]) for key, file in document.files.items()}
    return document.seq_num, dict(document.data), files


def rows_of(outcome: Outcome) -> list[Any]:
    return [outcome.results[event] for event in sorted(outcome.results) if outcome.results[event] is not None]


def test_a_fly_scan_of_real_detectors_gives_an_event_for_each_frame_of_both(tmp_path: Path) -> None:
    feed = DocumentFeed()
    emitted: list[Document] = []
    with hutch(tmp_path, feed) as made:
        made.engine.subscribe(lambda name, document: emitted.append((name, document)))  # type: ignore[no-untyped-call]
        outcome = run_through({"scan": feed.source}, open_ended(["scan"]), look, lambda: made.fly(7))
    rows = rows_of(outcome)
    frames = len(rows)
    assert frames >= 7
    assert outcome.counts == (frames + 2, 0, 0)
    assert [number for number, _, _ in rows] == list(range(1, frames + 1))
    for number, data, files in rows:
        assert data == {}
        assert {key: index for key, (_, index) in files.items()} == dict.fromkeys(
            ["det", "det-sum", "other", "other-sum"], number - 1
        )
    assert emitted[-1][1]["num_events"]["primary"] == frames
    assert len(list(tmp_path.glob("*.h5"))) == 2


def test_a_step_scan_has_the_motor_from_its_events_and_the_detector_from_its_files(tmp_path: Path) -> None:
    feed = DocumentFeed()
    with hutch(tmp_path, feed) as made:
        outcome = run_through({"scan": feed.source}, open_ended(["scan"]), look, lambda: made.scan(4))
    rows = rows_of(outcome)
    assert outcome.counts == (6, 0, 0)
    assert [data for _, data, _ in rows] == [{"motor": float(n)} for n in range(4)]
    assert [files["det"][1] for _, _, files in rows] == [0, 1, 2, 3]


def test_a_step_scan_of_files_only_has_each_row_once(tmp_path: Path) -> None:
    feed = DocumentFeed()
    with hutch(tmp_path, feed) as made:
        outcome = run_through({"scan": feed.source}, open_ended(["scan"]), look, lambda: made.count(3))
    assert outcome.counts == (5, 0, 0)
    assert [(number, files["det"][1]) for number, _, files in rows_of(outcome)] == [(1, 0), (2, 1), (3, 2)]


def test_a_run_engine_in_the_same_process_arms_a_run_for_each_of_its_scans(tmp_path: Path) -> None:
    class Looking:
        def process_event(self, event: Event) -> Any:
            return look(event)

    feed = DocumentFeed()
    workers = [InlineWorker("worker", ("generic",), lambda: Map(Looking))]
    with (
        hutch(tmp_path, feed) as made,
        InlinePipeline({"scan": feed.source}, workers, lambda: None, arms=["scan"]) as pipeline,
    ):
        for points in (3, 5):
            made.scan(points)
            made.count(points)
        controller = pipeline.controller
        while len(controller.past) < 3 or controller.active is None or not controller.active.finished:
            pipeline.step()
        ledgers = [record.run.ledger.counts() for record in [*controller.past, controller.active]]
    assert [(each.reduced, each.failed, each.lost) for each in ledgers] == [
        (5, 0, 0),
        (5, 0, 0),
        (7, 0, 0),
        (7, 0, 0),
    ]


@pytest.mark.parametrize(("setting", "events"), [("primary", 0), ("flyer", 5), ("", 5), ("baseline", 2)])
def test_which_stream_becomes_events_is_a_setting(tmp_path: Path, setting: str, events: int) -> None:
    feed = DocumentFeed(stream_name=setting)
    with hutch(tmp_path, feed) as made:
        outcome = run_through({"scan": feed.source}, open_ended(["scan"]), look, lambda: made.fly(5, "flyer"))
    rows = rows_of(outcome)
    assert outcome.counts == (len(rows) + 2, 0, 0)
    assert len(rows) >= events if events > 2 else len(rows) == events


# ---- without an engine: orders and faults that it does not show ------------------------------------------------------------


def begin(*keys: str) -> list[Document]:
    described = {key: {"source": "s", "dtype": "array", "shape": [2], "external": "STREAM:"} for key in keys}
    return [
        ("start", {"uid": "run"}),
        ("descriptor", {"uid": "d", "run_start": "run", "name": "primary", "data_keys": described}),
        *(
            (
                "stream_resource",
                {"uid": f"r-{key}", "run_start": "run", "data_key": key, "uri": f"file:/{key}"},
            )
            for key in keys
        ),
    ]


def datum(key: str, start: int, stop: int, **more: Any) -> Document:
    document = {
        "uid": f"{key}/{start}",
        "descriptor": "d",
        "stream_resource": f"r-{key}",
        "indices": {"start": start, "stop": stop},
        "seq_nums": {"start": start + 1, "stop": stop + 1},
    }
    return "stream_datum", document | more


def stop(rows: int) -> Document:
    return "stop", {"run_start": "run", "num_events": {"primary": rows}, "exit_status": "success"}


def read(documents: list[Document], reader: DocumentReader | None = None) -> list[Packet | Malformed]:
    reader, items = reader or DocumentReader(), list[Packet | Malformed]()
    for name, document in documents:
        reader.take([b" ".join([b"", name.encode(), written(document)])], items)
    return items


def test_a_row_is_there_when_all_its_files_have_it() -> None:
    reader = DocumentReader()
    assert numbers(read([*begin("a", "b"), datum("a", 0, 4)], reader)) == [None]
    assert numbers(read([datum("b", 0, 1)], reader)) == [1]
    assert numbers(read([datum("b", 1, 3), datum("a", 4, 6)], reader)) == [2, 3]
    assert numbers(read([datum("b", 3, 6), stop(6)], reader)) == [4, 5, 6, 7]


def test_a_file_that_goes_on_where_another_run_left_off_is_numbered_by_its_rows() -> None:
    items = read([*begin("a"), datum("a", 40, 42, seq_nums={"start": 1, "stop": 3}), stop(2)])
    assert numbers(items) == [None, 1, 2, 3]
    row = parse(items[1])  # type: ignore[arg-type]
    assert isinstance(row, BlueskyEvent)
    assert (row.seq_num, row.time, row.files["a"]) == (
        1,
        None,
        {"uri": "file:/a", "resource": "r-a", "index": 40},
    )


def test_a_datum_without_row_numbers_is_numbered_by_its_indices() -> None:
    items = read([*begin("a"), datum("a", 0, 2, seq_nums={"start": 0, "stop": 0}), stop(2)])
    assert numbers(items) == [None, 1, 2, 3]


def test_a_datum_that_comes_twice_makes_its_rows_once() -> None:
    assert numbers(read([*begin("a"), datum("a", 0, 3), datum("a", 0, 3), datum("a", 2, 4)])) == [
        None,
        1,
        2,
        3,
        4,
    ]


def test_the_resources_of_one_run_are_unknown_in_the_next() -> None:
    items = read([*begin("a"), datum("a", 0, 1), stop(1), *begin("a")[:2], datum("a", 0, 1)])
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert "stream_resource 'r-a' did not come" in problem.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"indices": 4}, "no indices"),
        ({"indices": {"start": 3, "stop": 1}}, "3 to 1"),
        ({"indices": {"start": -1, "stop": 1}}, "-1 to 1"),
        ({"indices": {"start": "0", "stop": 1}}, "'0' to 1"),
        ({"indices": {"start": 0, "stop": 10**12}}, "at most 1000000"),
        ({"seq_nums": {"start": 1, "stop": 9}}, "for the rows"),
        ({"stream_resource": 7}, "'7' did not come"),
        ({"descriptor": "other"}, "descriptor 'other' did not come"),
    ],
)
def test_a_datum_that_cannot_be_is_malformed_and_shifts_nothing(change: dict[str, Any], reason: str) -> None:
    items = read([*begin("a"), datum("a", 0, 2), datum("a", 2, 3, **change), datum("a", 3, 4), stop(4)])
    (problem,) = [item for item in items if isinstance(item, Malformed)]
    assert reason in problem.reason
    assert numbers(items) == [None, 1, 2, 4, 5]


@pytest.mark.parametrize("change", [{"uid": 4}, {"data_key": None}])
def test_a_resource_without_a_name_is_malformed(change: dict[str, Any]) -> None:
    documents = begin("a")
    documents[2][1].update(change)
    assert [type(item) for item in read(documents)] == [Packet, Malformed]


@given(st.data())
def test_whatever_the_blocks_and_their_order_each_row_comes_once_with_its_indices(
    data: st.DataObject,
) -> None:
    keys = ["a", "b", "c"][: data.draw(st.integers(1, 3))]
    rows = data.draw(st.integers(1, 30))
    blocks: list[Document] = []
    for key in keys:
        cuts = sorted({0, rows, *data.draw(st.lists(st.integers(1, rows), max_size=5))})
        blocks += [datum(key, a, b) for a, b in itertools.pairwise(cuts)]
    items = read([*begin(*keys), *data.draw(st.permutations(blocks)), stop(rows)])
    packets = [item for item in items if isinstance(item, Packet)]
    assert len(packets) == len(items) == rows + 2
    assert sorted(packet.number or 0 for packet in packets[1:-1]) == list(range(1, rows + 1))
    for packet in packets[1:-1]:
        assert packet.kind is PacketKind.DATA
        parsed = parse(packet)
        assert isinstance(parsed, BlueskyEvent)
        assert {key: file["index"] for key, file in parsed.files.items()} == dict.fromkeys(
            keys, parsed.seq_num - 1
        )


def test_what_is_told_of_files_may_be_broken() -> None:
    with pytest.raises(MalformedPacket):
        parse(Packet("bluesky", [b"event", written({"seq_num": 1}), written({}), b"\xff"], 1))
