"""What a pipeline would sustain with other numbers of workers and processors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beamloom.benching.capacity import efficiency, enough_workers, forecast, numbers_told
from beamloom.benching.costs import LiveRun, UserCosts
from beamloom.benching.predicting import from_running
from beamloom.cli import main
from beamloom.errors import UserError
from benching import bench_analysis
from benching.test_benching import write
from benching.test_costs import MICRO, process, run

FOLDER = str(Path(bench_analysis.__file__).parent)
USER = UserCosts(900 * MICRO, 1 * MICRO)


def slow_analysis() -> LiveRun:
    """One worker, of whose millisecond the analysis takes nine tenths; the reducer carries 20,000 events/s."""
    return run(
        process("controller", "controller", 5),
        process("camera-ingester", "ingester", 10),
        process("worker-1", "worker", 1000),
        process("reducer", "reducer", 50),
        workers=1,
    )


def test_workers_share_their_part_until_another_process_has_no_time_left() -> None:
    probe = slow_analysis()
    few, many = forecast(probe, USER, 4, 64), forecast(probe, USER, 40, 64)
    assert (round(few.rate), few.ends_first, round(few.user_share, 2)) == (4000, "workers", 0.9)
    assert (round(many.rate), many.ends_first) == (20_000, "reducer")
    assert enough_workers(probe, USER, 64) == 20


def test_all_processes_share_the_processors() -> None:
    probe = slow_analysis()
    here = forecast(probe, USER, 40, 2)
    assert (round(here.rate), here.ends_first) == (round(2 / (1065 * MICRO)), "machine")
    assert enough_workers(probe, USER, 2) == 2


def test_what_a_run_had_less_than_its_costs_allow_others_have_less_too_unless_something_else_was_at_work() -> (
    None
):
    probe = slow_analysis()
    costs = 1000.0
    nearly, hardly = (LiveRun(900, 900 / (part * costs), 1, 8, 0, 0, probe.processes) for part in (0.9, 0.3))
    scaled = [
        LiveRun(one.events, one.seconds, 1, 8, 0, 0, [_for(900, process) for process in probe.processes])
        for one in (nearly, hardly)
    ]
    assert efficiency(scaled[0], USER) == pytest.approx(0.9)
    assert efficiency(scaled[1], USER) == 1.0


def _for(events: int, one: Any) -> Any:
    """The same cost of each event, of fewer events than 1000."""
    return process(one.name, one.role, one.busy / 1000 / MICRO, events=events)


def test_numbers_of_workers_are_doubled_up_to_what_is_enough() -> None:
    assert numbers_told([], 1) == [1]
    assert numbers_told([3], 10) == [1, 2, 3, 4, 8, 10]
    assert numbers_told([32], 8) == [1, 2, 4, 8, 32]


def told(role: str, events: int, busy: float, user: float = 0.0, watched: float = 10.0) -> dict[str, Any]:
    """What a process says of itself."""
    return {
        "role": role,
        "events": events,
        "seconds": watched,
        "stages": {"waiting": watched - busy, "user": user, "other": busy - user},
        "cpu_seconds": busy,
        "loop_cpu_seconds": busy,
        "queued_seconds": 0.0,
        "messages": {"messages_received": 1},
    }


def test_a_pipeline_that_runs_is_asked_for_the_costs_of_its_run() -> None:
    load = {
        "controller": told("controller", 1000, 0.1),
        "camera-ingester": told("ingester", 1000, 0.2),
        "worker-1": told("worker", 600, 6.0, user=5.4),
        "worker-2": told("worker", 400, 4.0, user=3.6),
        "reducer": told("reducer", 1000, 0.5, user=0.1),
    }
    found = from_running(lambda: load, [4], 64, None)
    (four,) = (one for one in found.forecasts if one.workers == 4)
    assert (round(four.rate), four.ends_first, round(four.user_share, 2)) == (400, "workers", 0.9)
    assert (found.probe.workers, found.probe.events, found.enough) == (2, 1000, 20)
    assert found.remarks == [
        "controller, camera-ingester had next to nothing to do, and what they could carry is not known"
    ]


def test_what_is_watched_is_what_came_meanwhile() -> None:
    before = {"worker-1": told("worker", 1000, 9.0), "camera-ingester": told("ingester", 0, 9.0)}
    after = {
        "worker-1": told("worker", 1500, 9.5, watched=20.0),
        # It was started again by then.
        "camera-ingester": told("ingester", 0, 1.0, watched=5.0),
    }
    looks = iter((before, after))
    found = from_running(lambda: next(looks), [1], 8, 1e-9)
    assert found.probe.events == 500
    assert found.probe.each("worker") == pytest.approx(0.5 / 500)
    assert found.probe.each("ingester") == pytest.approx(1.0 / 500)
    assert "may carry more" in found.remarks[0]


def test_a_pipeline_that_has_next_to_nothing_to_do_says_nothing_of_what_it_could() -> None:
    with pytest.raises(UserError, match=r"work for 2\.0 % of the time at most.*events come faster"):
        from_running(lambda: {"worker-1": told("worker", 300, 0.2)}, [], 8, None)


def test_a_pipeline_without_events_has_nothing_to_tell() -> None:
    with pytest.raises(UserError, match="ask while a run goes on"):
        from_running(lambda: {"worker-1": told("worker", 3, 0.1)}, [], 8, None)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pipeline.yaml"], "name a recording with -f"),
        (["-f", "r.cbors"], "a recording is of use with a pipeline file"),
        (["--verify"], "--verify runs a pipeline here"),
        (["--workers", "2", "0"], "--workers takes numbers from 1 on, not 0"),
        (["--hosts", "0"], "--hosts takes numbers from 1 on"),
        (["--cores", "-2"], "--cores takes numbers from 1 on"),
        (["--seconds", "0"], "--seconds takes more than 0"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_to_do(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["capacity", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(180)
def test_what_a_pipeline_of_real_processes_would_sustain_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    file = str(write(tmp_path / "r.cbors", {"a": range(101)}))
    to = tmp_path / "capacity.json"
    words = ["capacity", "-w", "bench_analysis:Worker", "-r", "bench_analysis:Reducer", "-f", file]
    assert main([*words, "-n", "3", "--cores", "64", "--seconds", "0.2", "--verify", "--json", str(to)]) == 0
    found = json.loads(to.read_text())
    assert found["probe"]["workers"] == 1
    three = next(one for one in found["forecasts"] if one["workers"] == 3)
    assert three["rate"] > 0
    assert three["measured"] > 0
    assert found["enough"] >= 1
    printed = capsys.readouterr().out
    assert "ends first" in printed
    assert "more than" in printed
