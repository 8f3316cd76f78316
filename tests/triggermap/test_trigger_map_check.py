"""What a pipeline must have to run a map."""

from __future__ import annotations

import re
from typing import Any

import pytest

from beamloom.triggermap import TriggerMap, TriggerMapError, batched, open_ended, overlapping, uniform

GENERIC = ["generic"]


def c(number: int, *tags: str) -> dict[str, Any]:
    return {"constraint": number, "tags": list(tags or GENERIC)}


def test_a_pipeline_that_has_everything_is_accepted() -> None:
    uniform(["orca", "eiger"], 10).check({"orca", "eiger", "slow"}, [GENERIC])
    open_ended(["orca"]).check(["orca"], [["generic", "debug"]])
    overlapping(["orca"], 100).check(["orca"], [GENERIC, GENERIC])
    TriggerMap.from_mapping({"orca": [None, []]}).check(["orca"], [])


@pytest.mark.parametrize(
    ("trigger_map", "streams", "says"),
    [
        (
            uniform(["orcaa"], 3),
            ["pilatus", "orca"],
            "'orcaa' not available.*are 'orca', 'pilatus'; did you mean 'orca'",
        ),
        (
            uniform(["x", "y", "orca"], 3),
            ["orca"],
            "streams 'x', 'y' not available: the streams here are 'orca';",
        ),
        (uniform(["x"], 3), [], "'x' not available: no stream is here"),
    ],
)
def test_a_stream_that_nobody_ingests_is_refused(
    trigger_map: TriggerMap, streams: list[str], says: str
) -> None:
    with pytest.raises(TriggerMapError, match=says):
        trigger_map.check(streams, [GENERIC])


@pytest.mark.parametrize(
    ("cells", "workers", "says"),
    [
        (
            [None, [c(0)], [c(0)], [c(1, "generic", "debug")], [c(2, "debug", "generic")]],
            [GENERIC, GENERIC, ["other"]],
            "event 3 of part 'main' wants a worker with tags debug, generic, "
            "but the workers here have generic (2 workers) and other (1 worker)",
        ),
        ([[c(0)], [{"tags": ["debug"]}]], [GENERIC], "event 1 of part 'main' wants a worker with tag debug"),
        ([[], [c(0)]], [], "event 1 of part 'main' wants a worker with tag generic, but no worker is here"),
        ([[c(0, "a"), c(1, "b")]], [["a"], ["b", "c"], []], None),
        ([[{"tags": [], "constraint": 0}]], [["whatever"]], None),
        ([[{"tags": [], "constraint": 0}]], [], "wants a worker with any tags"),
    ],
)
def test_a_tag_that_nobody_has_is_refused(
    cells: list[Any], workers: list[list[str]], says: str | None
) -> None:
    trigger_map = TriggerMap.from_mapping({"orca": cells})
    if says is None:
        trigger_map.check(["orca"], workers)
        return
    with pytest.raises(TriggerMapError, match=re.escape(says)):
        trigger_map.check(["orca"], workers)


@pytest.mark.parametrize(
    ("cells", "workers", "says"),
    [
        (
            [[c(0)], [c(1), c(2), c(1)]],
            [GENERIC],
            "event 1 of part 'main' needs 2 different workers with tag generic",
        ),
        ([[c(1), c(2), c(1), c(2)]], [GENERIC, GENERIC], None),
        ([[c(1), c(2)]], [GENERIC, ["debug"]], "but only 1 of them is available"),
        ([[c(1, "a"), c(2, "b")]], [["a", "b"]], "2 different workers with tag a or with tag b, but only 1"),
        ([[c(1, "a"), c(2, "b")]], [["a", "b"], ["a"]], None),
    ],
)
def test_more_constraints_in_an_event_than_workers_for_them_are_refused(
    cells: list[Any], workers: list[list[str]], says: str | None
) -> None:
    trigger_map = TriggerMap.from_mapping({"orca": cells}, all_wrap=False)
    if says is None:
        trigger_map.check(["orca"], workers)
        return
    with pytest.raises(TriggerMapError, match=says):
        trigger_map.check(["orca"], workers)


def test_the_same_constraint_in_several_streams_needs_one_worker() -> None:
    batched(["a", "b", "c"], 100, 7).check(["a", "b", "c"], [GENERIC])
    with pytest.raises(TriggerMapError, match=r"event 0 of part 'main' needs 2 different workers"):
        TriggerMap.from_mapping({"a": [[c(0)]], "b": [[c(1)]]}).check(["a", "b"], [GENERIC])


def test_a_part_that_is_not_in_the_sequence_asks_for_no_workers() -> None:
    body = {"parts": {"a": {"s": [[c(0)]]}, "b": {"s": [[c(0), c(1)]]}}, "sequence": ["a"]}
    TriggerMap.from_json(body).check(["s"], [GENERIC])
