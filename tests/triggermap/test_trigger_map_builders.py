"""Maps for the usual scans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.triggermap import (
    CellKind,
    TriggerMap,
    TriggerMapError,
    VirtualWorker,
    batched,
    burst,
    open_ended,
    overlapping,
    sparse,
    uniform,
)

counts = st.one_of(st.integers(1, 40), st.integers(990, 1010), st.integers(1, 4000))


def single_of(trigger_map: TriggerMap) -> list[int]:
    """For each event the number of its group over the whole run; -2 where nobody wants it."""
    groups: list[int] = []
    before = 0
    for _, part in trigger_map.instances():
        assert (part.single != -1).all()
        groups.extend(np.where(part.single >= 0, part.single + before, part.single).tolist())
        before += part.group_count
    return groups


def kinds_of(trigger_map: TriggerMap, stream: str) -> list[int]:
    return [int(kind) for _, part in trigger_map.instances() for kind in part.kinds[stream]]


@given(counts, st.integers(1, 50))
def test_batches_are_consecutive_events_of_the_same_worker(n: int, size: int) -> None:
    trigger_map = batched(["a", "b"], n, size, all_wrap=False)
    assert trigger_map.total_events == n
    assert single_of(trigger_map) == [i // size for i in range(n)]
    assert kinds_of(trigger_map, "a") == kinds_of(trigger_map, "b") == [CellKind.WANTED] * n


@given(counts, st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_slow_streams_send_with_the_last_of_their_events(n: int, size: int, slow: int, slower: int) -> None:
    trigger_map = sparse(["det", "x", "y"], n, {"x": slow, "y": slower}, size=size, all_wrap=False)
    assert trigger_map.total_events == n
    assert single_of(trigger_map) == [i // size for i in range(n)]
    for stream, every in (("det", 1), ("x", slow), ("y", slower)):
        expected = [CellKind.WANTED if (i + 1) % every == 0 else CellKind.NONE for i in range(n)]
        assert kinds_of(trigger_map, stream) == expected


@given(counts, st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_one_in_so_many_events_is_for_the_debug_workers_and_nothing_else_changes(
    n: int, size: int, slow: int, debug_every: int
) -> None:
    plain = sparse(["det", "x"], n, {"x": slow}, size=size, all_wrap=False)
    sampled = sparse(["det", "x"], n, {"x": slow}, size=size, debug_every=debug_every, all_wrap=False)
    debug = VirtualWorker(("debug",))
    for event in {*range(min(n, 50)), *range(max(0, n - 50), n)}:
        for stream in ("det", "x"):
            before, now = plain.cell(stream, event), sampled.cell(stream, event)
            chosen = (event + 1) % debug_every == 0 and before is not None
            others = [one for one in now or () if one != debug]
            assert len(others) == len(before or ())
            if n <= 500:  # longer maps repeat a part, whose length depends on debug_every
                assert others == list(before or ())
            assert (debug in (now or ())) is chosen
    endless = open_ended(["det", "x"], batch=size, every={"x": slow}, debug_every=debug_every)
    assert [debug in (endless.cell("det", 1 + event) or ()) for event in range(3 * debug_every)] == 3 * [
        *[False] * (debug_every - 1),
        True,
    ]


def test_events_in_which_every_stream_is_slow_have_nobody() -> None:
    assert single_of(sparse(["x"], 5, {"x": 2}, all_wrap=False)) == [-2, 0, -2, 1, -2]


def test_a_uniform_map_as_long_as_a_fly_scan_is_kept_as_a_thousand_events() -> None:
    trigger_map = uniform(["a"], 10_000_001)
    assert trigger_map.total_events == 10_000_003
    assert sum(part.length for part in trigger_map.parts.values()) <= 1002


@given(st.integers(1, 30), st.integers(1, 6))
def test_the_scan_software_sends_one_record_at_the_last_frame_of_each_burst(points: int, frames: int) -> None:
    trigger_map = burst(["orca", "sardana"], points, frames, ["sardana"], all_wrap=False)
    assert trigger_map.total_events == points * frames
    at = [i for i, kind in enumerate(kinds_of(trigger_map, "sardana")) if kind == CellKind.WANTED]
    assert at == [frames * point + frames - 1 for point in range(points)]
    assert CellKind.NONE not in kinds_of(trigger_map, "orca")


def test_a_whole_burst_can_go_to_one_worker() -> None:
    assert single_of(burst(["orca", "s"], 3, 2, ["s"], size=2, all_wrap=False)) == [0, 0, 1, 1, 2, 2]


@given(st.integers(1, 4), st.integers(1, 30))
def test_each_window_of_an_overlapping_map_is_seen_whole_by_one_worker(share: int, windows: int) -> None:
    n = share + windows
    trigger_map = overlapping(["a", "b"], n, share, all_wrap=False)
    assert trigger_map.total_events == n
    (part,) = (instance.part for instance in trigger_map.instances())
    frames_of_group = [[i for i in range(n) if group in part.groups(i)] for group in range(part.group_count)]
    assert frames_of_group == [list(range(first, first + share + 1)) for first in range(windows)]
    assert all(part.streams_of_group(i, g) == ("a", "b") for i in range(n) for g in part.groups(i))


def test_consecutive_frames_are_paired_for_temporal_differences() -> None:
    cells = list(overlapping(["a"], 4).parts["main"].cells("a"))
    assert [[w.constraint for w in cell or ()] for cell in cells] == [[1], [1, 2], [2, 3], [3]]


def test_an_open_ended_map_repeats_its_batch() -> None:
    trigger_map = open_ended(["a"], batch=4)
    assert trigger_map.total_events is None
    assert trigger_map.cell("a", 1) == trigger_map.cell("a", 4001) == (VirtualWorker(constraint=0),)


def test_the_map_of_a_real_tomography_scan_has_a_packet_wherever_the_recording_has_one(
    shared_data: Path,
) -> None:
    recorded: dict[str, list[int]] = {}
    for path in sorted((shared_data / "recordings").glob("*.cbors")):
        with path.open("rb") as file:
            while file.peek(1):
                message: Any = cbor2.load(file)
                for stream in message.value[1]:
                    recorded.setdefault(stream, []).append(message.value[0])
    frames = len(recorded["orca"]) - 2
    trigger_map = uniform(sorted(recorded), frames)
    for stream, events in recorded.items():
        assert [
            i for i, kind in enumerate(kinds_of(trigger_map, stream)) if kind == CellKind.WANTED
        ] == events


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: uniform([], 3), "no streams"),
        (lambda: uniform("orca", 3), r"write \['orca'\]"),
        (lambda: uniform(["a"], 0), "n is 0; it must be at least 1"),
        (lambda: batched(["a"], 3, 0), "size is 0"),
        (lambda: sparse(["a"], 3, {"b": 2}), "'b', which is not among the streams a"),
        (lambda: sparse(["a"], 3, {"a": 0}), r"every\['a'\] is 0"),
        (lambda: burst(["a", "s"], 3, 0, ["s"]), "frames is 0"),
        (lambda: burst(["a"], 3, 2, ["s"]), "'s', which is not among"),
        (lambda: overlapping(["a"], 2, 2), "no window of 3 consecutive frames"),
        (lambda: overlapping(["a"], 2, 0), "share is 0"),
        (lambda: open_ended(["a"], batch=0), "batch is 0"),
        (lambda: open_ended(["a"], debug_every=0), "debug_every is 0"),
        (lambda: sparse(["a"], 9, {}, debug_every=-1), "debug_every is -1"),
    ],
)
def test_numbers_that_make_no_scan_are_refused(build: Any, says: str) -> None:
    with pytest.raises(TriggerMapError, match=says):
        build()


def test_slow_streams_of_an_open_ended_map_come_at_their_intervals() -> None:
    made = open_ended(["fast", "slow"], batch=2, every={"slow": 3})
    assert made.total_events is None
    assert [made.cell("slow", event) is None for event in range(1, 13)] == [True, True, False] * 4
    with pytest.raises(TriggerMapError, match="not among the streams"):
        open_ended(["fast"], every={"slow": 3})
