"""A RunEngine with simulated devices of ophyd-async, and a pipeline of real processes that analyses its scans while they go on."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bluesky", reason="needs Bluesky: pip install 'beamloom[bluesky]'")
pytest.importorskip("ophyd_async", reason="needs ophyd-async")

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky.utils import Msg, RunEngineInterrupted

from beamloom.control.bluesky import (
    LiveAnalysis,
    Steered,
    live_analysis_decorator,
    live_analysis_wrapper,
    next_feedback,
    steered_scan,
)
from beamloom.errors import TimedOut, UsageError
from beamloom.triggermap import open_ended
from control_systems.bluesky_scans import Documents, Plan, analysed, of_kind, pipeline_of, stepping
from devices.bluesky_engine import Hutch
from live.pipelines import Live, wait_until
from support.patience import PATIENCE

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def publish(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where documents are published."""
    return f"ipc://{tmp_path_factory.mktemp('documents') / 'bluesky'}"


@pytest.fixture(scope="module")
def pipeline(publish: str) -> Iterator[Live]:
    with pipeline_of(publish) as live:
        yield live


@pytest.fixture
def live(pipeline: Live, publish: str) -> Iterator[LiveAnalysis]:
    pipeline.set(script="{}", gate="", gated="")
    with LiveAnalysis(pipeline.placement.controller_url, publish=publish) as live:
        yield live


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


# ---- plans that the analysis steers ---------------------------------------------------------------------------------------


def steered(made: Hutch, *args: Any, **more: Any) -> Steered:
    """Scan at 0, 1, 2, 3, 4."""
    result: Steered = result_of(
        made, steered_scan([], made.motor, range(5), ready_within=PATIENCE, when_late="fail", **more)
    )
    return result


def result_of(made: Hutch, plan: Plan) -> Any:
    """What a plan returns."""
    found: list[Any] = []

    def keeping() -> Plan:
        found.append((yield from plan))

    made.engine(keeping())
    return found[0]


def positions(rows: dict[int, Any]) -> list[float]:
    return [rows[event]["data"]["motor"] for event in sorted(rows)]


def script(pipeline: Live, **said: Any) -> None:
    """Have the reducer say these to events, such as ``event_2=[("stop", None)]``."""
    pipeline.set(script=json.dumps({name.removeprefix("event_"): told for name, told in said.items()}))


def test_a_scan_goes_where_the_analysis_says_and_takes_points_again(
    made: Hutch, live: LiveAnalysis, pipeline: Live
) -> None:
    script(
        pipeline,
        event_2=[("next_position", 7.5), ("warning", "thin"), ("next_position", {"motor": 8, "x": 1})],
        event_3=[("repeat", None)],
        event_5=[("next_position", {"position": {"other": 1}}), ("quality_reached", {"error": 0.01})],
    )
    went = steered(made, live=live, time_limit=PATIENCE)
    assert positions(analysed(live, pipeline)) == [0, 1, 7.5, 7.5, 8, 2, 3, 4]
    assert [(one.event, one.kind) for one in went.heard] == [
        (2, "next_position"),
        (2, "warning"),
        (2, "next_position"),
        (3, "repeat"),
        (5, "next_position"),
        (5, "quality_reached"),
    ]
    assert (went.points, went.stopped, went.late, went.moved_to) == (8, False, 0, {})


def test_a_scan_ends_where_the_analysis_says_and_goes_there(
    made: Hutch, live: LiveAnalysis, pipeline: Live, documents: Documents
) -> None:
    script(pipeline, event_3=[("stop", {"reason": "the peak is passed", "position": {"motor": 0.625}})])
    went = steered(made, live=live, time_limit=PATIENCE)
    assert positions(analysed(live, pipeline, stopped=True)) == [0, 1, 2]
    assert (went.points, went.stopped, went.moved_to) == (3, True, {"motor": 0.625})
    assert position(made) == 0.625
    assert of_kind(documents, "stop")[0]["exit_status"] == "success"
    assert "the peak is passed" in pipeline.progress()["stopped"]


def position(made: Hutch) -> float:
    return float(result_of(made, bps.rd(made.motor)))


def test_a_scan_that_is_sent_to_and_fro_for_ever_ends(
    made: Hutch, live: LiveAnalysis, pipeline: Live, caplog: pytest.LogCaptureFixture
) -> None:
    script(pipeline, **{f"event_{event}": [("repeat", None)] for event in range(1, 20)})
    assert steered(made, live=live, time_limit=PATIENCE, most_points=6).points == 6
    assert positions(analysed(live, pipeline)) == [0] * 6
    assert "most_points=... allows more" in caplog.text


@pytest.mark.parametrize("when_late", ["go_on", "stop", "fail"])
def test_what_a_scan_does_when_the_analysis_is_late_is_its_choice(
    when_late: Any, made: Hutch, live: LiveAnalysis, pipeline: Live, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    pipeline.set(gate=str(gate), gated="3")
    script(pipeline, event_3=[("next_position", 9)])
    went: list[Steered] = []

    def plan() -> Plan:
        scan = steered_scan(
            [], made.motor, range(5), live=live, ready_within=PATIENCE, time_limit=0.3, when_late=when_late
        )
        try:
            went.append((yield from scan))
        finally:
            gate.touch()

    if when_late == "fail":
        with pytest.raises(
            TimedOut, match=r"has not come to the last point within 0.3 s; look at the pipeline"
        ):
            made.engine(plan())
    else:
        made.engine(plan())
        # On a machine that is busy, it may have been late elsewhere, too.
        assert went[0].late >= 1
    points = len(analysed(live, pipeline))
    assert points == 5 if when_late == "go_on" else points <= 3


def test_a_plan_that_waits_for_the_analysis_can_be_paused_and_hears_it_when_it_is_resumed(
    made: Hutch, live: LiveAnalysis, pipeline: Live, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    pipeline.set(gate=str(gate), gated="2")
    script(pipeline, event_2=[("next_position", 5)])
    heard: list[Any] = []

    def pause(defer: bool) -> None:
        """From another thread, as a person does."""
        wait_until(lambda: made.engine.state == "running", "a plan that goes on")
        made.engine.request_pause(defer=defer)  # type: ignore[no-untyped-call]

    def plan() -> Plan:
        yield from stepping(made, 2, {}, close=False)
        threading.Thread(target=pause, args=(True,)).start()
        heard.append((yield from next_feedback(live, time_limit=PATIENCE, when_late="fail")))
        yield from bps.close_run()

    with pytest.raises(RunEngineInterrupted):
        made.engine(live_analysis_wrapper(plan(), live, time_limit=PATIENCE))
    assert made.engine.state == "paused"
    at_once = threading.Thread(target=pause, args=(False,))
    at_once.start()
    with pytest.raises(RunEngineInterrupted):
        made.engine.resume()  # type: ignore[no-untyped-call]
    at_once.join()
    assert (made.engine.state, heard) == ("paused", [])
    gate.touch()
    made.engine.resume()  # type: ignore[no-untyped-call]
    assert [(one.kind, one.payload, one.event) for one in heard] == [("next_position", 5, 2)]
    assert positions(analysed(live, pipeline)) == [0, 1]


def test_a_plan_that_waits_for_the_analysis_can_be_aborted(
    made: Hutch, live: LiveAnalysis, pipeline: Live, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    pipeline.set(gate=str(gate), gated="2")

    def plan() -> Plan:
        yield from stepping(made, 2, {}, close=False)
        threading.Thread(target=made.engine.abort).start()
        yield from next_feedback(live, time_limit=10 * PATIENCE)

    with pytest.raises(RunEngineInterrupted):
        made.engine(live_analysis_wrapper(plan(), live, time_limit=PATIENCE))
    wait_until(lambda: made.engine.state == "idle", "the end of the plan")
    gate.touch()
    assert positions(analysed(live, pipeline)) == [0, 1]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ((), "has motors and lists of points by turns"),
        (([1, 2], "motor"), "has motors and lists of points by turns"),
        (("motor", [1, 2], "other", [1]), "2, 1 points; all motors of a scan have as many"),
        (("motor", []), "has no points"),
    ],
)
def test_lists_that_are_no_scan_are_said_before_anything_moves(
    args: tuple[Any, ...], sentence: str, made: Hutch, live: LiveAnalysis, documents: Documents
) -> None:
    words = [made.motor if isinstance(word, str) else word for word in args]
    with pytest.raises(UsageError, match=sentence):
        made.engine(steered_scan([], *words, live=live))
    assert documents == []


def test_with_a_trigger_map_of_ones_own_only_feedback_or_the_limit_ends_the_waiting(
    made: Hutch, pipeline: Live, publish: str
) -> None:
    pipeline.set(gate="", gated="")
    script(pipeline, event_1=[("next_position", 4)])
    with LiveAnalysis(
        pipeline.placement.controller_url, publish=publish, streams=open_ended(["scan"])
    ) as live:
        heard: list[Any] = []

        @live_analysis_decorator(live, time_limit=PATIENCE, when_late="fail")  # type: ignore[untyped-decorator]
        def plan() -> Plan:
            yield from stepping(made, 1, {}, close=False)
            heard.append((yield from next_feedback(live, time_limit=PATIENCE, when_late="fail")))
            heard.append((yield from next_feedback(live, time_limit=0.3)))
            with pytest.raises(TimedOut, match=r"has not come to the last point within 0\.1 s"):
                yield from next_feedback(live, time_limit=0.1, when_late="fail")
            yield from bps.close_run()

        made.engine(plan())
        assert [one and one.payload for one in heard] == [4, None]
        assert positions(analysed(live, pipeline)) == [0]


def test_what_the_page_says_is_so(
    made: Hutch, pipeline: Live, publish: str, repository: Path, documents: Documents
) -> None:
    pipeline.set(gate="", gated="")
    script(pipeline, event_2=[("next_position", 1.5)], event_3=[("quality_reached", {"error": 0.01})])
    text = (repository / "docs/how-to/bluesky.md").read_text()
    for here, there in (
        ("http://127.0.0.1:5000", pipeline.placement.controller_url),
        ("tcp://127.0.0.1:5578", publish),
    ):
        assert here in text
        text = text.replace(here, there)
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"RE": made.engine, "det": made.det, "motor": made.motor}
    names |= {"bp": bp, "bps": bps, "bpp": bpp}
    try:
        for block in blocks:
            exec(block, names)
        rows = analysed(names["live"], pipeline)
    finally:
        if "live" in names:
            names["live"].close()
    # The last plan goes where the analysis says, and ends when that says that it is good.
    assert positions(rows)[:3] == [0, 0, 1.5]
    assert len(of_kind(documents, "start")) == 4
