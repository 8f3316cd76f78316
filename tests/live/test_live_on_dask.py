"""A pipeline whose processes run on a Dask cluster of separate processes: the result is that of the inline pipeline, whatever dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.devices.device import Source
from beamloom.devices.stins import StinsReader
from beamloom.events import Malformed, Packet
from beamloom.pipeline_file import Pipeline
from beamloom.placement import LocalPlacement
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import TriggerMap
from chaos.oracle import Read
from live.pipelines import ANALYSES, Bench, Live, of_camera, running, wait_until
from live.series import pictures, uniform_map
from live.test_live_ingester_deaths import Pace
from support.dask_commands import DaskCommands

pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

PATIENCE = 90.0


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DaskCommands]:
    """Makes a cluster of a scheduler and a ``dask worker`` command with these options."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))

    def make(*options: str) -> DaskCommands:
        return DaskCommands(tmp_path / "dask", {"worker": options})

    return make


@contextmanager
def on_dask(pipeline: Pipeline) -> Iterator[LocalPlacement]:
    """The pipeline, on the cluster that its file names."""
    from beamloom.placement.dask import GROUND, DaskSite, layout_on

    assert pipeline.dask is not None
    with DaskSite(pipeline.dask) as site:
        layout = layout_on(site, pipeline)
        with LocalPlacement(layout, quiet=True, grounds={GROUND: site.ground}) as placement:
            yield placement


def oracle(events: int) -> dict[int, Any]:
    """What the analysis makes of the same messages in one process, where nothing is in between."""
    camera: list[Packet | Malformed] = []
    reader = StinsReader()
    for message in pictures(events):
        reader.take(list(message), camera)
    analysis = ReducerAnalysis(load_class("pictures:Reducer", str(ANALYSES)))
    worker = InlineWorker("worker", ("generic",), lambda: Map(load_class("pictures:Worker", str(ANALYSES))))
    made: dict[str, Callable[[], Source]] = {"camera": lambda: Read(camera)}
    with InlinePipeline(made, [worker], lambda: analysis) as pipeline:
        pipeline.play(TriggerMap.from_json(uniform_map(["camera"], events)))
        return dict(analysis.publish["pictures"])


def check(live: Live, events: int) -> None:
    """Every event was reduced, and the result is that of the oracle; events between start and end came once."""
    end = live.finished(PATIENCE)
    assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
    tree = live.published()
    assert tree["pictures"] == oracle(events)
    assert {tree["times"][event] for event in range(1, events + 1)} == {1}


def hosts(live: Live) -> dict[str, str]:
    """Where the processes run that do not run on their own here."""
    return {status.name: status.host for status in live.placement.status() if status.host}


def workers(live: Live) -> set[str]:
    """Those that take part."""
    return {str(worker["name"]) for worker in live.get("config")["workers"]}


def lives(live: Live) -> dict[str, tuple[int | None, str | None]]:
    """For each worker the process that it is, as the supervisor knows it, and its life, as the controller does."""
    return {one.name: (one.pid, live.peer(one.name)) for one in live.placement.status() if one.is_worker}


def replaced(
    before: dict[str, tuple[int | None, str | None]], now: dict[str, tuple[int | None, str | None]]
) -> bool:
    """Some were killed; in place of each there is another one, of which both know."""
    pids = {pid for pid, _ in now.values()}
    return (
        pids != {pid for pid, _ in before.values()}
        and all(pid is not None and Path(f"/proc/{pid}").exists() for pid in pids)
        and all(
            peer and (pid == before[name][0] or peer != before[name][1]) for name, (pid, peer) in now.items()
        )
    )


def run_on(
    live: Live, camera: Bench, events: int, disturbances: list[Callable[[], None]], takes: float = 0.002
) -> None:
    """A run; each disturbance comes when its share of the events is reduced, and the camera waits for that."""
    live.set(takes=takes)
    live.arm(uniform_map(["camera"], events))
    step = events // (len(disturbances) + 1)
    with Pace() as pace:
        camera.play("camera", pace.of(pictures(events)))
        for number, disturb in enumerate(disturbances, 1):
            pace.let(number * step)
            enough = number * step - step // 2
            wait_until(lambda: live.completed(enough), f"{enough} events", live.state, PATIENCE)  # noqa: B023
            disturb()
        pace.let(events + 10)
        check(live, events)


@pytest.mark.long
def test_a_run_on_dask_survives_the_death_of_a_worker_process_and_grows(
    camera: Bench, commands: Callable[..., DaskCommands]
) -> None:
    with commands("--no-nanny", "--nthreads=2") as cluster:
        cluster.wait_for_workers(1)
        dask = {"scheduler": cluster.scheduler_address}
        with running(of_camera(camera), count=1, dask=dask, place=on_dask) as live:
            assert set(hosts(live)) == {"worker-1"}

            def kill() -> None:
                killed = live.placement.kill("worker-1")
                live.placement.wait_until(lambda now: now["worker-1"].pid not in (None, killed), PATIENCE)

            def grow() -> None:
                assert live.post("workers", json={"count": 1}).json() == {"started": ["worker-2"]}
                wait_until(lambda: "worker-2" in workers(live), "worker-2", live.state, PATIENCE)

            run_on(live, camera, 300, [kill, grow])
            assert set(hosts(live)) == {"worker-1", "worker-2"}


@pytest.mark.long
def test_whatever_of_dask_is_killed_the_result_is_that_of_the_oracle(
    camera: Bench, commands: Callable[..., DaskCommands]
) -> None:
    with commands("--nworkers=2", "--nthreads=2") as cluster:
        cluster.wait_for_workers(2)
        dask = {"scheduler": cluster.scheduler_address}
        with running(of_camera(camera), count=3, dask=dask, place=on_dask) as live:

            def after(kill: Callable[[], Any]) -> None:
                before = lives(live)
                kill()
                wait_until(lambda: replaced(before, lives(live)), "new lives", live.state, PATIENCE)

            def shrink() -> None:
                assert live.post("workers/worker-2/stop").status_code == 200
                wait_until(lambda: "worker-2" not in hosts(live), "worker-2 to go", live.state, PATIENCE)

            run_on(
                live,
                camera,
                4000,
                [
                    partial(after, cluster.kill_a_worker),
                    partial(after, lambda: live.placement.kill("worker-3")),
                    partial(after, lambda: cluster.kill("scheduler")),
                    shrink,
                ],
            )


@pytest.mark.long
def test_a_scheduler_that_stands_still_does_not_hold_a_run_up(
    camera: Bench, commands: Callable[..., DaskCommands]
) -> None:
    with commands("--no-nanny", "--nthreads=1") as cluster:
        cluster.wait_for_workers(1)
        dask = {"scheduler": cluster.scheduler_address}
        with running(of_camera(camera), count=1, dask=dask, place=on_dask) as live:
            before = lives(live)
            os.kill(cluster.pid("scheduler"), signal.SIGSTOP)
            try:
                # Longer than the supervisor waits for one answer of the scheduler.
                run_on(live, camera, 400, [], takes=0.02)
                assert lives(live) == before
            finally:
                os.kill(cluster.pid("scheduler"), signal.SIGCONT)
            live.placement.kill("worker-1")
            wait_until(lambda: replaced(before, lives(live)), "a new life", live.state, PATIENCE)


@pytest.mark.long
def test_ingesters_and_the_reducer_run_there_as_well_and_nothing_is_left(
    camera: Bench, commands: Callable[..., DaskCommands], tmp_path: Path
) -> None:
    with commands("--nworkers=2", "--nthreads=2") as cluster:
        cluster.wait_for_workers(2)
        dask = {"scheduler": cluster.scheduler_address, "place": ["workers", "ingesters", "reducer"]}
        settings = {"state_dir": str(tmp_path / "state")}
        with running(of_camera(camera), dask=dask, place=on_dask, settings=settings) as live:
            assert set(hosts(live)) == {"worker-1", "worker-2", "camera-ingester", "reducer"}

            def kill() -> None:
                killed = live.placement.kill("reducer")
                live.placement.wait_until(lambda now: now["reducer"].pid not in (None, killed), PATIENCE)
                wait_until(lambda: live.get("config")["reducer"], "the reducer", live.state, PATIENCE)

            run_on(live, camera, 2000, [kill])
            assert any("takes part" in str(line) for line in live.get("logs"))
