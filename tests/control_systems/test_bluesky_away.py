"""A RunEngine whose pipeline is away, comes late, loses its processes, or is not where it is looked for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bluesky", reason="needs Bluesky: pip install 'beamloom[bluesky]'")
pytest.importorskip("ophyd_async", reason="needs ophyd-async")

import bluesky.plans as bp

from beamloom.control.bluesky import LiveAnalysis, live_analysis_wrapper, next_feedback, steered_scan
from beamloom.errors import NotReachable, PipelineError, TimedOut, UsageError
from control_systems.bluesky_scans import Documents, Plan, analysed, pipeline_of, stepping
from devices.bluesky_engine import Hutch
from live.pipelines import Live, wait_until
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes


def away() -> LiveAnalysis:
    return LiveAnalysis(f"http://{quiet_address()}", publish="tcp://127.0.0.1:0")


def test_without_a_pipeline_a_plan_goes_on_and_one_line_says_why(
    made: Hutch, caplog: pytest.LogCaptureFixture
) -> None:
    with away() as live:
        made.engine.subscribe(live)  # type: ignore[no-untyped-call]
        made.scan(3)
        made.engine(live_analysis_wrapper(bp.scan([], made.motor, 0, 2, 3), live, time_limit=0.1))
    said = [record.message for record in caplog.records if record.name.startswith("beamloom.control")]
    # A connection that is refused at another moment of its making has another number.
    assert all("start one with 'beamloom up PIPELINE_FILE'" in line for line in said if "tried again" in line)
    assert sum("tried again" in line for line in said) == 1, said
    assert (
        sum(line.endswith("was not analysed: no run could be armed for it in time") for line in said) == 2
    ), said


def test_a_plan_may_refuse_to_begin_without_a_pipeline(made: Hutch, documents: Documents) -> None:
    plan = bp.scan([], made.motor, 0, 2, 3)
    with (
        away() as live,
        pytest.raises(NotReachable, match="cannot be analysed: no run could be armed: no pipe"),
    ):
        made.engine(live_analysis_wrapper(plan, live, time_limit=5.0, when_late="fail"))
    assert documents == []


def test_a_plan_that_asks_without_a_run_is_told_what_is_missing(made: Hutch) -> None:
    def asking() -> Plan:
        yield from stepping(made, 1, {})
        yield from next_feedback(live, time_limit=0.1, when_late="fail")

    with (
        away() as live,
        pytest.raises(TimedOut, match=r"no run .* is armed .* is the LiveAnalysis subscribed"),
    ):
        made.engine(asking())


@pytest.mark.parametrize("wrong", ["http://", "tcp://127.0.0.1:5000"])
def test_what_is_no_address_of_a_pipeline_is_said_at_once(wrong: str) -> None:
    with pytest.raises(PipelineError, match="write that of its controller, like http://127"):
        LiveAnalysis(wrong, publish="tcp://127.0.0.1:0")


def test_a_choice_that_is_none_is_said_before_anything_moves(made: Hutch, documents: Documents) -> None:
    wrong: Any = "goon"
    with away() as live:
        for plan in (
            steered_scan([], made.motor, [1], live=live, when_late=wrong),
            live_analysis_wrapper(bp.scan([], made.motor, 0, 1, 2), live, when_late=wrong),
            next_feedback(live, when_late=wrong),
        ):
            with pytest.raises(UsageError, match=r"did you mean 'go_on'\?\); it is one of 'go_on'"):
                made.engine(plan)
    assert documents == []


def test_an_address_that_is_taken_is_said_with_what_to_do() -> None:
    with LiveAnalysis(publish="tcp://127.0.0.1:0") as first:
        with pytest.raises(UsageError, match=r"Address already in use.* Name a free address as publish="):
            LiveAnalysis(publish=first.publish)


def kill(pipeline: Live, name: str) -> None:
    """Kill a process, and wait for the next one of this name."""
    before = pipeline.kill(name)
    wait_until(lambda: pipeline.pid(name) not in (None, before), f"the next {name}")


@pytest.mark.long
@pytest.mark.timeout(150)
def test_processes_that_are_killed_in_the_middle_of_a_scan_cost_nothing(made: Hutch, tmp_path: Path) -> None:
    publish = f"ipc://{tmp_path}/documents"
    with (
        pipeline_of(publish) as pipeline,
        LiveAnalysis(pipeline.placement.controller_url, publish=publish) as live,
    ):
        made.engine.subscribe(live)  # type: ignore[no-untyped-call]

        def kill_when_settled(name: str, events: int) -> None:
            wait_until(lambda: pipeline.completed(events), "the rows", pipeline.state)
            kill(pipeline, name)

        acts = {
            2: lambda: kill_when_settled("scan-ingester", 3),
            4: lambda: kill_when_settled("controller", 5),
        }
        made.engine(stepping(made, 6, acts))
        assert sorted(analysed(live, pipeline)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.long
@pytest.mark.timeout(150)
def test_a_pipeline_that_comes_late_or_is_started_anew_gets_the_whole_scan(
    made: Hutch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "beamloom.control.bluesky")
    addresses = {"http": quiet_address(), "mailbox": quiet_address()}
    up: list[tuple[Any, Live]] = []

    def start() -> None:
        entered = pipeline_of(f"ipc://{tmp_path}/documents", controller=addresses)
        up.append((entered, entered.__enter__()))

    def settled() -> bool:
        _, pipeline = up[-1]
        return pipeline.completed(4)

    def restart() -> None:
        wait_until(settled, "three rows")
        stop()
        start()

    def stop() -> None:
        entered, _ = up.pop()
        entered.__exit__(None, None, None)

    with LiveAnalysis(f"http://{addresses['http']}", publish=f"ipc://{tmp_path}/documents") as live:
        made.engine.subscribe(live)  # type: ignore[no-untyped-call]
        try:
            made.engine(stepping(made, 6, {2: start, 4: restart}))
            assert live.wait(PATIENCE)
            _, pipeline = up[-1]
            assert sorted(analysed(live, pipeline)) == [1, 2, 3, 4, 5, 6]
        finally:
            while up:
                stop()
    said = [record.message for record in caplog.records if record.name.startswith("beamloom.control")]
    assert [line for line in said if "there is no pipeline" in line or "has lost run" in line]
