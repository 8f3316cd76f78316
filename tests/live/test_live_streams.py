"""What devices do wrongly costs the events that it hits, and no other."""

from __future__ import annotations

import random
from typing import Any

import pytest

from beamloom.devices import generator
from live.conftest import CAMERAS
from live.pipelines import Bench, Live, running, wait_until
from live.series import Message, pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 40
BAD = [b'{"htype": "image", "frame": ', b"\0\0\0\0"]


def run(live: Live, cameras: Bench, front: list[Message]) -> dict[str, Any]:
    """A run of EVENTS pictures in which the side camera does everything right; returns the progress at its end."""
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", front)
    cameras.play("side", pictures(EVENTS))
    return live.finished()


def check_pairs(live: Live, lost: set[int]) -> None:
    """Each event but the lost ones was reduced once, from the pictures of its own number."""
    tree = live.published()
    events = set(range(1, EVENTS + 1)) - lost
    pairs = {event: {"front": event - 1, "side": event - 1} for event in events}
    assert {event: pair for event, pair in tree["pictures"].items() if 0 < event <= EVENTS} == pairs
    assert all(tree["times"][event] == 1 for event in events)


def test_all_is_reduced_when_nothing_is_wrong(live: Live, cameras: Bench) -> None:
    end = run(live, cameras, pictures(EVENTS))
    assert (end["reduced"], end["failed"], end["lost"], end["total_events"]) == (EVENTS + 2, 0, 0, EVENTS + 2)
    check_pairs(live, lost=set())
    tree = live.published()
    assert tree["times"][0] == tree["times"][EVENTS + 1] == 2, "both workers see the start and the end"
    assert tree["finished"] == {"called": 1}


def test_a_trace_counts_every_packet_that_was_read(live: Live, cameras: Bench) -> None:
    live.post("trace?spans=100000")
    end = run(live, cameras, pictures(EVENTS))
    read: dict[str, int] = {}
    for bar in live.get("trace")["traceEvents"]:
        if bar["name"] == "read":
            stream = bar["args"]["stream"]
            read[stream] = read.get(stream, 0) + bar["args"]["packets"]
    assert read == dict.fromkeys(CAMERAS, end["total_events"])


def test_a_skipped_frame_costs_its_event(live: Live, cameras: Bench) -> None:
    front = pictures(EVENTS)
    del front[17]
    end = run(live, cameras, front)
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 0, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "17"
    assert "'front' skipped frame numbers" in loss["cause"]
    check_pairs(live, lost={17})
    assert live.get("streams")["front"]["gaps"] == 1


def test_a_frame_that_comes_twice_is_counted_and_taken_once(live: Live, cameras: Bench) -> None:
    front = pictures(EVENTS)
    front.insert(17, front[17])
    end = run(live, cameras, front)
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_pairs(live, lost=set())
    assert live.get("streams")["front"]["duplicates"] == 1


def test_frames_that_come_in_another_order_cost_nothing(live: Live, cameras: Bench) -> None:
    front = pictures(EVENTS)
    front[1:20] = random.Random(1).sample(front[1:20], 19)
    front[39:41] = reversed(front[39:41])
    end = run(live, cameras, front)
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_pairs(live, lost=set())
    counts = live.get("streams")["front"]
    assert (counts["late"], counts["gaps"], counts["duplicates"]) == (0, 0, 0)
    assert counts["reordered"] > 10


def test_a_frame_that_comes_too_late_is_counted_and_its_event_is_lost_for_that(
    live: Live, cameras: Bench
) -> None:
    front = pictures(EVENTS)
    late = front.pop(17)
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", front[:23])
    cameras.play("side", pictures(EVENTS))
    wait_until(lambda: live.completed(24), "what is behind the gap")
    cameras.play("front", [late, *front[23:]])
    end = live.finished()
    assert (end["reduced"], end["lost"]) == (EVENTS + 1, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "17"
    assert (
        "'front' sent the packet out of order: it came 6 packets late, outside the window of" in loss["cause"]
    )
    check_pairs(live, lost={17})
    assert live.get("streams")["front"]["late"] == 1


def test_items_of_a_generator_that_change_places_are_all_reduced() -> None:
    with Bench({"camera": ("generator", "tcp://127.0.0.1:*")}) as bench:
        streams = {"camera": {"device": "generator", "url": bench.url("camera")}}
        with running(streams, worker="items:Worker", reducer="items:Reducer") as live:
            live.arm(uniform_map(["camera"], 500))
            bench.play("camera", generator.generate(kind="encoder", items=500, reorder=0.3))
            end = live.finished()
            assert (end["reduced"], end["failed"], end["lost"]) == (502, 0, 0)
            assert live.published()["items"] == {event: event - 1 for event in range(1, 501)}
            assert live.get("streams")["camera"]["reordered"] > 100


def test_an_unreadable_packet_costs_its_event(live: Live, cameras: Bench) -> None:
    front = pictures(EVENTS)
    front[17] = BAD
    end = run(live, cameras, front)
    assert (end["reduced"], end["lost"]) == (EVENTS + 1, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "17"
    assert "'front' sent a malformed packet: the first frame is no JSON header" in loss["cause"]
    check_pairs(live, lost={17})
    assert live.get("streams")["front"]["malformed"] == 1


def test_an_unreadable_packet_beside_the_others_costs_nothing(live: Live, cameras: Bench) -> None:
    front = pictures(EVENTS)
    front.insert(17, BAD)
    end = run(live, cameras, front)
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_pairs(live, lost=set())
    assert live.get("streams")["front"]["malformed"] == 1


def test_junk_before_the_header_costs_nothing(live: Live, cameras: Bench) -> None:
    # What is left of an earlier series, and what no camera would send.
    junk = [*pictures(9)[7:], [b"\x80\x02}q\x00."], [b""], BAD]
    end = run(live, cameras, junk + pictures(EVENTS))
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_pairs(live, lost=set())


def test_a_series_that_ends_early_costs_what_it_did_not_send(live: Live, cameras: Bench) -> None:
    whole = pictures(EVENTS)
    early = [*whole[:31], pictures(30)[-1]]
    end = run(live, cameras, early)
    assert (end["reduced"], end["lost"]) == (32, 10)
    (loss,) = end["losses"]
    assert loss["events"] == "31-40"
    assert "'front' ended early" in loss["cause"]
    check_pairs(live, lost=set(range(31, 41)))
    assert live.published()["times"][EVENTS + 1] == 2, "the end is still seen by both workers"


def test_a_series_that_is_begun_anew_fills_the_events_that_were_not_there_and_shifts_none(
    live: Live, cameras: Bench
) -> None:
    anew = pictures(EVENTS)
    del anew[25]
    end = run(live, cameras, pictures(EVENTS)[:13] + anew)
    assert (end["reduced"], end["lost"]) == (EVENTS + 1, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "25"
    assert "'front' began its series anew after 13 packets" in loss["cause"]
    check_pairs(live, lost={25})
    front = live.get("streams")["front"]
    assert (front["restarts"], front["duplicates"], front["surplus"]) == (1, 12, 0)


def test_frames_beyond_the_map_are_counted_and_left_out(live: Live, cameras: Bench) -> None:
    end = run(live, cameras, pictures(EVENTS + 5))
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_pairs(live, lost=set())
    assert live.get("streams")["front"]["surplus"] == 5


def test_a_stream_that_falls_silent_costs_what_it_did_not_send(live: Live, cameras: Bench) -> None:
    end = run(live, cameras, pictures(EVENTS)[:31])
    assert (end["reduced"], end["lost"]) == (31, 11)
    (loss,) = end["losses"]
    assert loss["events"] == "31-41"
    assert "'front' fell silent" in loss["cause"]
    check_pairs(live, lost=set(range(31, 41)))
