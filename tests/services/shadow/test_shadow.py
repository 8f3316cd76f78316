"""A shadow worker sees a sample of the events of a run, makes its own result of them, and changes nothing in the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from beamloom.engine.sampling import Sample
from beamloom.events import Event, Result
from beamloom.parameters import IntParameter, ParameterSet
from beamloom.services.worker.copying import COPIES_UNDER_WAY
from beamloom.transport.channel import Received
from beamloom.transport.messages import Copied, LastCopy
from beamloom.triggermap import TriggerMap, batched, uniform
from services.bench import Bench, Died, Doubling, Feed, counts, frame, series, start
from services.controller.test_controller_restarts import Restarting
from services.ingester.test_shared_frames import EXPECTED, FRAMES, Reading, bench_with, images, lent, play
from services.shadow.shadowing import add_shadow, oracle, published, told

EVENTS = 300
ALL = EVENTS + 2
"""With the start event and the last one."""


class Tripling:
    """The newer class: another number, a parameter of its own, and one event that it fails at."""

    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="offset", default=5, min=0, max=100)]

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int]:
        number = int(event.streams["eiger"].frames[0])
        return {"triple": 3 * number + int(parameters["offset"])}


class Summing:
    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"sum": 0, "events": [], "finished": 0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += result.payload["triple"]
        self.publish["events"].append(result.event_number)

    def finish(self) -> None:
        self.publish["finished"] += 1


class Raising(Tripling):
    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int]:
        if event.event_number % 2:
            raise ValueError("an odd event")
        return super().process_event(event, parameters)


class Dying(Tripling):
    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int]:
        if event.event_number > 50:
            raise Died
        return super().process_event(event, parameters)


class Stateful(Tripling):
    stateful = True


def undisturbed(trigger_map: TriggerMap, workers: Sequence[str] = ("worker-1", "worker-2")) -> dict[Any, Any]:
    """What the run publishes where there is no shadow."""
    with Bench({"eiger": Feed(series(EVENTS))}, workers=workers) as bench:
        bench.play(trigger_map)
        return bench.published


def in_order(publish: dict[str, Any]) -> dict[str, Any]:
    return {**publish, "events": sorted(publish["events"])}


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("trigger_map", [uniform(["eiger"], EVENTS), batched(["eiger"], EVENTS, 7)])
def test_its_result_is_that_of_an_inline_pipeline_over_the_sample_and_the_run_is_what_it_was(
    trigger_map: TriggerMap, share: float
) -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        shadow = add_shadow(bench, Tripling, Summing, sample=share)
        active = bench.play(trigger_map)
        bench.until(lambda: told(shadow, bench)["over"])
        assert counts(active) == (ALL, 0, 0)
        assert bench.published == undisturbed(trigger_map)
        expected = oracle(
            {"eiger": lambda: series(EVENTS)},
            trigger_map,
            Tripling,
            Summing,
            events=ALL,
            sample=Sample(share),
        )
        assert in_order(published(shadow)) == in_order(expected)
        assert expected["finished"] == 1
        assert told(shadow, bench)["lost"] == 0
        # It is in no account of the run, and its parameters are not those of the pipeline.
        assert "shadow" not in {one.partition("@")[0] for one in active.run.workers}
        assert "offset" not in bench.controller.parameters.current


def test_what_fails_in_it_is_its_own() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        shadow = add_shadow(bench, Raising, Summing, sample=1.0)
        active = bench.play(uniform(["eiger"], EVENTS))
        bench.until(lambda: told(shadow, bench)["over"])
        assert counts(active) == (ALL, 0, 0)
        assert not active.run.faults.groups
        said = told(shadow, bench)
        assert (said["copies"], said["reduced"], said["failed"]) == (ALL, ALL // 2, ALL // 2)
        assert [(one["message"], one["count"]) for one in said["failures"]] == [("an odd event", ALL // 2)]


def test_one_that_dies_takes_nothing_with_it() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        add_shadow(bench, Dying, Summing, sample=1.0)
        active = bench.play(uniform(["eiger"], EVENTS))
        assert "shadow" not in bench.services
        assert counts(active) == (ALL, 0, 0)
        assert bench.published == undisturbed(uniform(["eiger"], EVENTS))
        assert active.run.redelivered == 0


def test_one_that_hangs_loses_copies_and_says_how_many() -> None:
    feed = Feed(series(EVENTS)[:1])
    with Bench({"eiger": feed}, workers=("worker-1",)) as bench:
        shadow = add_shadow(bench, Tripling, Summing, sample=1.0)
        active = bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 1)
        bench.still.add("shadow")
        feed.send(series(EVENTS)[1:])
        bench.until(lambda: active.finished)
        assert counts(active) == (ALL, 0, 0)
        assert bench.published == undisturbed(uniform(["eiger"], EVENTS), ["worker-1"])
        # It wakes up: what was under way is there, and the rest is lost and counted.
        bench.still.discard("shadow")
        bench.until(lambda: told(shadow, bench)["over"])
        said = told(shadow, bench)
        assert said["copies"] + said["lost"] == ALL
        assert COPIES_UNDER_WAY <= said["copies"] <= COPIES_UNDER_WAY + 1
        assert bench.member("worker-1").figures["copies_lost"] == said["lost"]


def test_one_that_comes_in_the_middle_of_a_run_gets_the_start_event_and_what_is_worked_on_from_then_on() -> (
    None
):
    feed = Feed([start(), *map(frame, range(1, 101))])
    with Bench({"eiger": feed}) as bench:
        bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() == 101)
        shadow = add_shadow(bench, Tripling, Summing, sample=1.0)
        feed.send(series(EVENTS)[101:])
        bench.until(lambda: bench.active.finished)
        bench.until(lambda: told(shadow, bench)["over"])
        assert sorted(published(shadow)["events"]) == [0, *range(101, ALL)]
        assert told(shadow, bench)["first_event"] == 101


def test_it_goes_on_with_the_next_run_and_with_parameters_that_change() -> None:
    feed = Feed(series(EVENTS))
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        shadow = add_shadow(bench, Doubling, sample=1.0)
        for gain in (2, 3):
            bench.controller.set_parameters({"gain": str(gain).encode()})
            bench.play(uniform(["eiger"], EVENTS))
            bench.until(lambda: told(shadow, bench)["over"])
            assert published(shadow) == bench.published
            assert {one["gain"] for one in bench.published["results"].values()} == {gain}
            feed.send(series(EVENTS))


def test_copies_that_come_late_when_the_next_run_has_begun_hold_up_none_of_its() -> None:
    feed = Feed(series(EVENTS))
    late: list[Received] = []
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        shadow = add_shadow(bench, Tripling, Summing, sample=1.0)

        def hold(name: str, received: Received) -> bool:
            held = name == "shadow" and isinstance(received.message, Copied | LastCopy)
            late.extend([received] * held)
            return not held

        bench.tap = hold
        bench.play(uniform(["eiger"], EVENTS))
        assert late
        bench.arm(uniform(["eiger"], EVENTS))
        bench.steps(5)
        bench.tap = lambda name, received: True
        for received in late:
            shadow.receive(received, bench.now)
        bench.steps(3)
        feed.send(series(EVENTS))
        bench.until(lambda: bench.active.finished)
        bench.until(lambda: told(shadow, bench)["over"])
        said = told(shadow, bench)
        assert (said["copies"], said["lost"]) == (ALL, 0)


def test_a_delivery_that_comes_from_two_workers_is_taken_once() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        shadow = add_shadow(bench, Tripling, Summing, sample=1.0)
        bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: bench.reduced() > 40)
        bench.kill("worker-1")
        bench.until(lambda: bench.active.finished)
        bench.until(lambda: told(shadow, bench)["over"])
        events = published(shadow)["events"]
        assert len(events) == len(set(events))
        assert bench.reduced() == ALL


def test_another_one_takes_its_place() -> None:
    feed = Feed(series(EVENTS)[:100])
    with Bench({"eiger": feed}) as bench:
        first = add_shadow(bench, Tripling, Summing, sample=1.0)
        bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: told(first, bench).get("reduced") == 100)
        bench.end("shadow")
        second = add_shadow(bench, Raising, Summing, sample=1.0)
        feed.send(series(EVENTS)[100:])
        bench.until(lambda: bench.active.finished)
        bench.until(lambda: told(second, bench)["over"])
        assert told(second, bench)["copies"] == 1 + ALL - 100
        assert counts(bench.active) == (ALL, 0, 0)


@pytest.mark.expects_errors
def test_one_that_cannot_work_gets_no_copies_and_says_why() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        stateful = add_shadow(bench, Stateful)
        assert stateful.fault is not None
        assert "beamloom reprocess" in stateful.fault
        missing = add_shadow(bench, Tripling, name="missing", problem="no module 'spectra'")
        assert missing.fault == "no module 'spectra'"
        active = bench.play(uniform(["eiger"], EVENTS))
        assert counts(active) == (ALL, 0, 0)
        assert "copies_sent" not in bench.member("worker-1").figures


def test_workers_without_its_tags_send_it_nothing() -> None:
    with Bench({"eiger": Feed(series(EVENTS))}) as bench:
        add_shadow(bench, Tripling, tags=("fast",), sample=1.0)
        bench.play(uniform(["eiger"], EVENTS))
        assert "copies_sent" not in bench.member("worker-1").figures


def test_frames_in_shared_memory_are_copied_before_they_are_replaced() -> None:
    feed = Feed()
    # There is room for some of the frames only, so that each place is written to again and again.
    with bench_with(feed) as bench:
        shadow = add_shadow(bench, Reading, sample=1.0)
        # Memory is offered with the first frame, and used when it is known to be read.
        for _ in range(2):
            play(bench, feed, images())
            bench.until(lambda: told(shadow, bench)["over"])
            seen = published(shadow)["results"]
            assert {event: found["number"] for event, found in seen.items() if found} == EXPECTED
            assert not any(found["lent"] for found in seen.values() if found)
        assert lent(bench) == FRAMES


def test_another_controller_goes_on_with_it(tmp_path: Path) -> None:
    feed = Feed(series(EVENTS)[:100])
    restarting = Restarting(tmp_path, {"eiger": feed})
    bench = restarting.bench
    with bench:
        shadow = add_shadow(bench, Tripling, Summing, sample=1.0)
        bench.arm(uniform(["eiger"], EVENTS))
        bench.until(lambda: told(shadow, bench).get("reduced") == 100)
        restarting.kill()
        bench.until(lambda: bench.active.takeover is None)
        feed.send(series(EVENTS)[100:])
        bench.until(lambda: bench.active.finished)
        bench.until(lambda: told(shadow, bench)["over"])
        assert counts(bench.active) == (ALL, 0, 0)
        assert sorted(published(shadow)["events"]) == list(range(ALL))
