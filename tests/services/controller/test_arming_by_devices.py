"""A device that begins a series while no run is armed arms one, and loses nothing of what it sent before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.events import Malformed, Packet, PacketKind
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import Bench, Feed, Gathering, counts, end, frame, series, start

pytestmark = pytest.mark.usefixtures("frames_count_alone")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench({}) as made:
        yield made


def camera(bench: Bench, stream: str = "camera", **more: Any) -> Feed:
    """A device that arms runs, connected."""
    feed = Feed()
    bench.add_ingester(stream, feed, arms=True, **more)
    bench.until(bench.everyone_known)
    bench.step()
    return feed


def runs(bench: Bench) -> list[tuple[int, int, int]]:
    """The counts of all runs that have ended, in order."""
    active = bench.controller.active
    records = [*bench.controller.past, *([] if active is None else [active])]
    return [counts(record) for record in records if record.finished]


def doubles(bench: Bench) -> dict[int, int]:
    """What the run made of each of its events."""
    return {event: result["double"] for event, result in bench.published["results"].items()}


def test_scan_after_scan_becomes_run_after_run_with_nobody_arming(bench: Bench) -> None:
    feed = camera(bench)
    for frames in (5, 7, 1):
        feed.send(series(frames))
        bench.until(lambda n=frames: runs(bench)[-1:] == [(n + 2, 0, 0)])  # type: ignore[misc]
        assert doubles(bench) == {event: 2 * event for event in range(frames + 2)}
    assert runs(bench) == [(7, 0, 0), (9, 0, 0), (3, 0, 0)]
    assert (feed.opened, feed.closed) == (1, 0)


def test_series_that_come_at_once_are_still_a_run_each(bench: Bench) -> None:
    feed = camera(bench)
    feed.send([*series(3), *series(4), *series(5)])
    bench.until(lambda: len(runs(bench)) == 3)
    assert runs(bench) == [(5, 0, 0), (6, 0, 0), (7, 0, 0)]


def test_series_that_count_on_from_one_to_the_next_begin_at_the_first_event_of_their_run(
    bench: Bench,
) -> None:
    feed = camera(bench)
    for header in (0, 40, 80):
        feed.send([Packet("test", [b"0"], header, PacketKind.START), frame(1), frame(2), end(3)])
        bench.until(lambda n=header: len(runs(bench)) == n // 40 + 1)  # type: ignore[misc]
    assert runs(bench) == [(4, 0, 0)] * 3


def test_a_series_in_the_middle_of_which_the_pipeline_was_started_arms_nothing(bench: Bench) -> None:
    feed = camera(bench)
    feed.send([frame(7), Malformed("torn", [b"x"]), frame(8), end(9)])
    bench.steps(50)
    assert bench.controller.active is None
    feed.send(series(2))
    bench.until(lambda: runs(bench) == [(4, 0, 0)])


def test_what_came_before_the_first_worker_is_kept_and_the_reason_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with Bench({}, workers=()) as bench:
        feed = camera(bench)
        feed.send([start(), frame(1), frame(2)])
        bench.steps(500)
        told = bench.controller.self_arming.view()
        assert told["waiting"] == ["camera"]
        assert "worker" in told["problem"]
        assert len([record for record in caplog.records if "a series waits on" in record.message]) == 1
        feed.send([frame(3), end(4)])
        bench.add_worker("worker-1")
        bench.until(lambda: runs(bench) == [(5, 0, 0)])
        assert doubles(bench) == {event: 2 * event for event in range(5)}
        assert bench.controller.self_arming.view() == {"waiting": [], "problem": None}


def test_a_refused_arming_is_tried_again_once_a_second_at_most() -> None:
    with Bench({}, workers=()) as bench:
        tried: list[float] = []
        arm = bench.controller.arm

        def counted(
            trigger_map: Any, reply: Any, now: float, budget: Any = None, idle_limit: float | None = None
        ) -> None:
            tried.append(now)
            arm(trigger_map, reply, now, budget, idle_limit)

        bench.controller.arm = counted  # type: ignore[method-assign]
        camera(bench).send([start()])
        bench.steps(1000)
    assert 8 <= len(tried) <= 11


def test_a_start_while_a_run_goes_on_does_nothing_and_its_series_is_the_next_run(bench: Bench) -> None:
    feed = camera(bench)
    other = Feed()
    bench.add_ingester("other", other)
    bench.until(bench.everyone_known)
    going_on = bench.arm(uniform(["other"], 3))
    feed.send(series(2))
    other.send(series(3)[:3])
    bench.steps(300)
    assert bench.active is going_on
    bench.controller.self_arming = type(bench.controller.self_arming)(None, ["camera"])
    other.send(series(3)[3:])
    bench.until(lambda: runs(bench) == [(5, 0, 0), (4, 0, 0)])


def test_a_run_that_a_person_arms_takes_what_was_kept() -> None:
    with Bench({}, workers=()) as bench:
        feed = camera(bench)
        feed.send(series(4))
        bench.steps(20)
        bench.add_worker("worker-1", tags=("mine",))
        bench.until(bench.everyone_known)
        bench.steps(20)
        assert bench.controller.active is None, "the runs that devices arm ask for the tag generic"
        cells = [[{"tags": ["mine"], "constraint": event}] for event in range(4)]
        bench.arm(TriggerMap.from_json({"parts": {"main": {"camera": cells}}, "sequence": ["main"]}))
        assert bench.controller.self_arming.view() == {"waiting": [], "problem": None}
        bench.until(lambda: bench.active.finished)
        assert (counts(bench.active)[2], bench.active.run.ledger.total) == (0, 6)


def test_an_arming_that_is_refused_in_the_end_gives_back_what_was_read(bench: Bench) -> None:
    feed, absent = camera(bench), Feed()
    absent.problem = "nothing listens there"
    bench.add_ingester("absent", absent)
    bench.until(bench.everyone_known)
    feed.send(series(3))
    bench.until(lambda: bench.controller.self_arming.problem is not None)
    assert "nothing listens there" in str(bench.controller.self_arming.problem)
    absent.problem = None
    bench.until(lambda: absent.opened >= 2)
    absent.send(series(3))
    bench.until(lambda: runs(bench) == [(5, 0, 0)])
    assert doubles(bench) == {event: 2 * event for event in range(5)}


def test_all_streams_that_arm_begin_with_their_first_packets_whoever_comes_first(bench: Bench) -> None:
    front, side = camera(bench, "front"), camera(bench, "side")
    for _ in range(3):
        front.send(series(4)[:3])
        bench.steps(10)
        side.send(series(4))
        front.send(series(4)[3:])
        bench.until(lambda: bench.active.finished)
    assert runs(bench) == [(6, 0, 0)] * 3


def test_the_rest_of_a_series_whose_run_was_stopped_is_for_nobody(bench: Bench) -> None:
    feed = camera(bench)
    feed.send([start(), frame(1)])
    bench.until(lambda: bench.controller.active is not None and bench.reduced() == 2)
    bench.controller.stop("enough")
    bench.until(lambda: bench.active.finished)
    feed.send([frame(2), frame(3), end(4), *series(2)])
    bench.until(lambda: len(runs(bench)) == 2)
    bench.steps(50)
    assert runs(bench)[1:] == [(4, 0, 0)]


def test_what_waits_is_bounded_and_the_device_is_read_on_when_a_run_is_armed() -> None:
    with Bench({}, workers=()) as bench:
        feed = camera(bench, retention_bytes=10)
        feed.send([start(), *(frame(number) for number in range(1, 2001)), end(2001)])
        bench.steps(200)
        assert len(feed.arrivals) > 1000
        bench.add_worker("worker-1")
        bench.until(lambda: runs(bench) == [(2002, 0, 0)])


def test_the_map_of_such_runs_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_bytes(uniform(["camera"], 3).encode())
    with Bench({}, settings=ControllerSettings(arming_map=str(file))) as bench:
        feed = camera(bench)
        feed.send([start(), frame(1), frame(3), end(4)])
        bench.until(lambda: bool(runs(bench)))
        assert runs(bench) == [(4, 0, 1)]
        file.unlink()
        feed.send(series(3))
        bench.until(lambda: bench.controller.self_arming.problem is not None)
        assert str(file) in str(bench.controller.self_arming.problem)
        file.write_bytes(uniform(["other"], 3).encode())
        bench.until(lambda: "arms: true" in str(bench.controller.self_arming.problem))
        file.write_bytes(open_ended(["camera"]).encode())
        bench.until(lambda: len(runs(bench)) == 2)
        assert runs(bench)[1] == (5, 0, 0)


def test_an_ingester_that_is_gone_with_its_series_is_not_waited_for() -> None:
    with Bench({}, workers=()) as bench:
        camera(bench).send([start()])
        bench.until(lambda: bench.controller.self_arming.problem is not None)
        bench.kill("camera-ingester")
        bench.until(lambda: bench.controller.self_arming.view() == {"waiting": [], "problem": None})


def test_without_a_reducer_nothing_is_lost_until_there_is_one() -> None:
    with Bench({}, reducer=None) as bench:
        feed = camera(bench)
        feed.send(series(3))
        bench.until(lambda: "reducer" in str(bench.controller.self_arming.problem))
        bench.add_reducer(Gathering)
        bench.until(lambda: runs(bench) == [(5, 0, 0)])


class EndlessFeed(Feed):
    """A device whose source makes the START and the END itself."""

    def expect(self, items: int | None) -> None:
        self.items = items


def test_a_device_that_opens_no_series_cannot_arm_and_its_ingester_says_so(bench: Bench) -> None:
    bench.add_ingester("camera", EndlessFeed(), arms=True)
    bench.until(bench.everyone_known)
    fault = bench.member("camera-ingester").register.fault
    assert "stream 'camera'" in fault
    assert "leave 'arms' out" in fault
    outcome = bench.try_to_arm(uniform(["camera"], 3))
    assert "leave 'arms' out" in str(outcome)


def test_the_announcement_travels() -> None:
    from beamloom.transport.messages import Announce, decode, encode

    assert decode(encode("a", Announce("camera"))) == ("a", Announce("camera"))
    assert msgspec.msgpack.decode(encode("a", Announce("camera")))[1]["type"] == "announce"


def test_an_ingester_that_cannot_take_up_a_run_arms_the_next_one(bench: Bench) -> None:
    camera(bench).send([start(), frame(1)])
    bench.until(lambda: bench.controller.active is not None and bench.reduced() == 2)
    bench.kill("camera-ingester")
    feed = camera(bench)
    bench.until(lambda: len(runs(bench)) == 1)
    feed.send(series(3))
    bench.until(lambda: len(runs(bench)) == 2)
    assert runs(bench)[-1] == (5, 0, 0)
