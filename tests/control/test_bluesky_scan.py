"""What is known of a Bluesky run from its documents alone; no RunEngine, no pipeline."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("bluesky", reason="needs Bluesky: pip install 'beamloom[bluesky]'")

from beamloom.client import Feedback
from beamloom.control.bluesky import position_of
from beamloom.control.bluesky.scan import Document, Scan
from beamloom.devices.bluesky.documents import written


def document(kind: str, /, **content: Any) -> Document:
    return Document(kind, written(content))


def run_of(uid: str, stream: str, rows: int) -> list[Document]:
    return [
        document("start", uid=uid),
        document("descriptor", uid=f"{uid}-d", run_start=uid, name=stream, data_keys={}),
        *(document("event", descriptor=f"{uid}-d", seq_num=n + 1, data={}) for n in range(rows)),
        document("stop", run_start=uid, num_events={stream: rows}),
    ]


def taken(scan: Scan, documents: list[Document]) -> list[bool]:
    """Whether the scan has ended after each document."""
    ended = []
    for one in documents:
        assert scan.take(one) is None
        ended.append(scan.ended)
    return ended


def test_a_scan_ends_with_its_run_and_knows_its_rows() -> None:
    scan = Scan("primary")
    documents = run_of("a", "primary", 3)
    assert taken(scan, documents) == [False] * 5 + [True]
    assert (scan.uid, scan.rows, scan.documents) == ("a", 3, tuple(documents))


def test_of_runs_inside_each_other_that_with_the_stream_counts() -> None:
    outer, inner = run_of("outer", "monitor", 1), run_of("inner", "primary", 2)
    scan = Scan("primary")
    assert taken(scan, [*outer[:2], *inner]) == [False] * 6 + [True]
    assert (scan.uid, scan.rows) == ("outer", 2)


def test_runs_without_the_stream_are_over_when_all_have_stopped() -> None:
    outer, inner = run_of("outer", "monitor", 0), run_of("inner", "baseline", 0)
    assert taken(Scan("primary"), [outer[0], *inner, *outer[1:]])[-1:] == [True]
    assert taken(Scan("primary"), [outer[0], *inner]) == [False] * 4


def test_a_scan_for_which_there_is_no_room_goes_on_and_cannot_be_sent_anew() -> None:
    documents = run_of("a", "primary", 50)
    scan = Scan("primary", room=sum(len(one.raw) for one in documents) // 2)
    assert taken(scan, documents)[-1]
    assert (scan.whole, scan.documents, scan.rows) == (False, (), 50)


def test_a_document_that_cannot_be_is_said_and_passed_over() -> None:
    scan = Scan("primary")
    scan.take(document("start", uid="a"))
    assert "did not come before it" in str(scan.take(document("event", descriptor="x", seq_num=1)))
    assert "no documents of the kind 'nonsense'" in str(scan.take(document("nonsense")))
    assert taken(scan, run_of("a", "primary", 1)[1:])[-1]


@pytest.mark.parametrize(
    ("payload", "names", "position"),
    [
        (1.5, ["x"], {"x": 1.5}),
        (2, ["x"], {"x": 2.0}),
        ({"position": 3}, ["x"], {"x": 3.0}),
        ({"x": 4, "reason": "there"}, ["x", "y"], {"x": 4.0}),
        ({"position": {"x": 5, "y": -1, "z": 0}}, ["x", "y"], {"x": 5.0, "y": -1.0}),
        (1.5, ["x", "y"], None),
        (True, ["x"], None),
        ({"x": None}, ["x"], None),
        ({"x": True}, ["x"], None),
        ({"other": 1}, ["x"], None),
        ("left", ["x"], None),
        (None, ["x"], None),
    ],
)
def test_a_position_is_a_number_or_numbers_by_names_of_motors(
    payload: Any, names: list[str], position: dict[str, float] | None
) -> None:
    said = Feedback("run", 1, "next_position", payload, None, "reducer", 0.0)
    assert position_of(said, names) == position
