"""A RunEngine with simulated devices of ophyd-async, and a pipeline of real processes that analyses its scans while they go on."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bluesky", reason="needs Bluesky: pip install 'beamloom[bluesky]'")
pytest.importorskip("ophyd_async", reason="needs ophyd-async")

import bluesky.plan_stubs as bps
import bluesky.plans as bp
from bluesky.utils import Msg

from beamloom.control.bluesky import LiveAnalysis, live_analysis_decorator, live_analysis_wrapper
from beamloom.errors import NotReachable, UsageError
from devices.bluesky_engine import Hutch, hutch
from live.pipelines import Live, running, wait_until
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes
ANALYSES = Path(__file__).parent / "analyses"
Plan = Iterator[Msg]
Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where documents are published."""
    return f"ipc://{tmp_path_factory.mktemp('documents') / 'bluesky'}"


def pipeline_of(publish: str, **more: Any) -> Any:
    streams = {"scan": {"device": "bluesky", "url": publish}}
    return running(streams, worker="rows:Worker", reducer="rows:Reducer", analysis=ANALYSES, **more)


@pytest.fixture(scope="module")
def pipeline(publish: str) -> Iterator[Live]:
    with pipeline_of(publish) as live:
        yield live


@pytest.fixture
def live(pipeline: Live, publish: str) -> Iterator[LiveAnalysis]:
    with LiveAnalysis(pipeline.placement.controller_url, publish=publish) as live:
        yield live


@pytest.fixture
def documents() -> Documents:
    """All that the engine of ``made`` emits."""
    return []


@pytest.fixture
def made(tmp_path: Path, documents: Documents) -> Iterator[Hutch]:
    with hutch(tmp_path, lambda name, document: documents.append((name, document))) as made:
        yield made


def analysed(live: LiveAnalysis, pipeline: Live) -> dict[int, Any]:
    """Wait for the end of the run; returns its rows by event."""
    assert live.wait(PATIENCE), pipeline.state()
    progress = pipeline.progress()
    assert (progress["run"], progress["finished"], progress["failed"], progress["lost"]) == (
        live.run,
        True,
        0,
        0,
    )
    rows: dict[int, Any] = pipeline.published()["rows"]
    return rows


def of_kind(documents: Documents, kind: str) -> list[dict[str, Any]]:
    return [document for name, document in documents if name == kind]


def primary(documents: Documents) -> dict[str, Any]:
    (found,) = [one for one in of_kind(documents, "descriptor") if one["name"] == "primary"]
    return found


# ---- documents become events ----------------------------------------------------------------------------------------------


def test_the_events_of_a_step_scan_are_its_documents_to_the_value(
    made: Hutch, live: LiveAnalysis, pipeline: Live, documents: Documents
) -> None:
    made.engine.subscribe(live)  # type: ignore[no-untyped-call]
    made.scan(5)
    rows = analysed(live, pipeline)
    described = primary(documents)
    events = [one for one in of_kind(documents, "event") if one["descriptor"] == described["uid"]]
    assert sorted(rows) == [1, 2, 3, 4, 5] == [one["seq_num"] for one in events]
    for one in events:
        row = rows[one["seq_num"]]
        told = {name: row[name] for name in ("uid", "descriptor", "seq_num", "time", "data", "timestamps")}
        assert told == {name: one[name] for name in told}
        assert row["described"] == described
    assert_files_are_those_of_the_datums(rows, documents)


def test_the_events_of_a_fly_scan_are_its_stream_datums_to_the_value(
    made: Hutch, live: LiveAnalysis, pipeline: Live, documents: Documents
) -> None:
    made.engine.subscribe(live)  # type: ignore[no-untyped-call]
    made.fly(6)
    rows = analysed(live, pipeline)
    assert len(rows) >= 6
    assert sorted(rows) == list(range(1, of_kind(documents, "stop")[0]["num_events"]["primary"] + 1))
    assert all(row["data"] == {} for row in rows.values())
    assert_files_are_those_of_the_datums(rows, documents)


def assert_files_are_those_of_the_datums(rows: dict[int, Any], documents: Documents) -> None:
    """Each row names, for each key, the file and the index that a stream datum has for it."""
    resources = {one["uid"]: one for one in of_kind(documents, "stream_resource")}
    told: dict[int, dict[str, Any]] = {number: {} for number in rows}
    for datum in of_kind(documents, "stream_datum"):
        resource = resources[datum["stream_resource"]]
        same = {name: plain(resource[name]) for name in ("uri", "mimetype", "parameters")}
        for number in range(datum["seq_nums"]["start"], datum["seq_nums"]["stop"]):
            index = datum["indices"]["start"] + number - datum["seq_nums"]["start"]
            told[number][resource["data_key"]] = {**same, "resource": resource["uid"], "index": index}
    assert all(told.values())
    assert {number: row["files"] for number, row in rows.items()} == told


def plain(value: Any) -> Any:
    """As it is in a file of Bluesky's: JSON knows no tuples."""
    return json.loads(json.dumps(value))


def test_scan_after_scan_is_run_after_run(made: Hutch, live: LiveAnalysis, pipeline: Live) -> None:
    made.engine.subscribe(live)  # type: ignore[no-untyped-call]
    known = len(pipeline.get("runs"))
    for points in (2, 1, 3):
        made.scan(points)
    assert sorted(analysed(live, pipeline)) == [1, 2, 3]
    runs = pipeline.get("runs")
    assert [(one["reduced"], one["outcome"]) for one in reversed(runs[: len(runs) - known])] == [
        (4, "complete"),
        (3, "complete"),
        (5, "complete"),
    ]


def test_a_scan_that_is_aborted_ends_its_run(made: Hutch, live: LiveAnalysis, pipeline: Live) -> None:
    made.engine.subscribe(live)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="the shutter is closed"):
        made.engine(stepping(made, 4, {2: lambda: fail("the shutter is closed")}, close=False))
    assert sorted(analysed(live, pipeline)) == [1, 2]


def fail(why: str) -> None:
    raise RuntimeError(why)


def stepping(made: Hutch, points: int, acts: dict[int, Callable[[], None]], *, close: bool = True) -> Plan:
    """A scan of the motor; before point n, ``acts[n]`` is called."""
    yield from bps.open_run()
    for point in range(points):
        acts.get(point, lambda: None)()
        yield from bps.mv(made.motor, point)
        yield from bps.trigger_and_read([made.motor])
    if close:
        yield from bps.close_run()


# ---- plans ----------------------------------------------------------------------------------------------------------------


def test_a_plan_opens_its_run_when_the_pipeline_is_ready_and_names_that_run(
    made: Hutch, live: LiveAnalysis, pipeline: Live, documents: Documents
) -> None:
    armed: list[Any] = []

    @live_analysis_decorator(live, time_limit=PATIENCE, when_late="fail")  # type: ignore[untyped-decorator]
    def two_scans() -> Plan:
        for points in (2, 3):
            yield from stepping(made, points, {0: lambda: armed.append(pipeline.progress()["run"])})

    made.engine(two_scans(), sample="copper")
    assert sorted(analysed(live, pipeline)) == [1, 2, 3]
    starts = of_kind(documents, "start")
    assert [one["beamloom"]["run"] for one in starts] == armed
    assert armed[-1] == live.run
    assert [one["sample"] for one in starts] == ["copper", "copper"]


def test_a_plan_that_is_subscribed_twice_is_analysed_once(
    made: Hutch, live: LiveAnalysis, pipeline: Live
) -> None:
    made.engine.subscribe(live)  # type: ignore[no-untyped-call]
    made.engine(live_analysis_wrapper(bp.scan([], made.motor, 0, 2, 3), live, time_limit=PATIENCE))
    assert sorted(analysed(live, pipeline)) == [1, 2, 3]
    assert pipeline.get("streams")["scan"]["duplicates"] == 0


def test_a_plan_without_its_stop_document_ends_its_run_when_it_is_left(
    made: Hutch, live: LiveAnalysis, pipeline: Live
) -> None:
    made.engine(live_analysis_wrapper(stepping(made, 3, {}, close=False), live, time_limit=PATIENCE))
    assert sorted(analysed(live, pipeline)) == [1, 2, 3]


def test_a_plan_that_fails_before_it_opens_a_run_leaves_none_behind(
    made: Hutch, live: LiveAnalysis, pipeline: Live
) -> None:
    def plan() -> Plan:
        yield Msg("open_run", None, scan_id=object())  # type: ignore[no-untyped-call]

    with pytest.raises(Exception):  # noqa: B017, PT011  whatever Bluesky raises for a document that cannot be
        made.engine(live_analysis_wrapper(plan(), live, time_limit=PATIENCE))
    assert live.wait(PATIENCE)
    assert pipeline.progress()["finished"]


# ---- a pipeline that is away ----------------------------------------------------------------------------------------------


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


def test_an_address_that_is_taken_is_said_with_what_to_do(live: LiveAnalysis) -> None:
    with LiveAnalysis(publish="tcp://127.0.0.1:0") as first:
        with pytest.raises(UsageError, match=r"Address already in use.* Name a free address as publish="):
            LiveAnalysis(publish=first.publish)


def kill(pipeline: Live, name: str) -> None:
    """Kill a process, and wait for the next one of this name."""

    def pid() -> int | None:
        return next(one.pid for one in pipeline.placement.status() if one.name == name)

    before = pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pid() not in (None, before), f"the next {name}")


@pytest.mark.timeout(120)
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
