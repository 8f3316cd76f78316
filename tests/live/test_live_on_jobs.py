"""Clusters that are made for a pipeline: as large as it needs, and gone with it. Each test is long; the shorter ones are those of Dask."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beamloom.cli import main
from live.pipelines import ANALYSES, Bench, of_camera, running, wait_until
from live.series import pictures, uniform_map
from live.test_live_ingester_deaths import Pace
from live.test_live_on_dask import PATIENCE, check, hosts, on_dask, workers
from support.dask_commands import DaskCommands
from support.patience import STARTING
from support.ports import quiet_address
from support.slurm_stand_in import SlurmStandIn
from support.waiting import until

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", autouse=True)
def offloading() -> None:
    """The library keeps the thread that its scheduler unpacks tasks in for ever: it is started before the tests."""
    asyncio.run(distributed.utils.offload(int))


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested is importable where jobs run, too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def test_there_are_as_many_jobs_as_workers_need_also_in_the_middle_of_a_run(
    camera: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install 'beamloom[jobqueue]'")
    slurm, events = SlurmStandIn(tmp_path / "bin"), 900
    monkeypatch.setenv("PATH", slurm.path)
    job = {"cores": 2, "memory": "1GB", "queue": "live", "options": {"interface": "lo"}}
    dask = {"cluster": "slurm", "job": job}
    with running(of_camera(camera), count=2, dask=dask, place=on_dask) as live:
        assert slurm.going() == 1
        assert "#SBATCH -p live" in slurm.scripts()[0]
        url = live.placement.controller_url
        live.set(takes=0.002)
        live.arm(uniform_map(["camera"], events))
        with Pace() as pace:
            camera.play("camera", pace.of(pictures(events)))
            pace.let(300)
            wait_until(lambda: live.completed(200), "200 events", live.state, PATIENCE)
            assert main(["scale", "workers=4", "--url", url]) == 0
            wait_until(lambda: len(workers(live)) == 4, "four workers", live.state, PATIENCE)
            assert slurm.going() == 2
            pace.let(600)
            wait_until(lambda: live.completed(500), "500 events", live.state, PATIENCE)
            assert main(["scale", "workers=1", "--url", url]) == 0
            wait_until(lambda: set(hosts(live)) == {"worker-1"}, "one worker", live.state, PATIENCE)
            wait_until(lambda: slurm.going() == 1, "one job", live.state, PATIENCE)
            pace.let(events + 10)
            check(live, events)
    until(lambda: slurm.going() == 0, "no job is left")


def test_a_worker_that_waits_goes_where_room_comes_to_be(camera: Bench, tmp_path: Path) -> None:
    common = ("--no-nanny", "--nthreads=1")
    with DaskCommands(tmp_path / "dask", {"first": common}) as cluster:
        cluster.wait_for_workers(1)
        dask = {"scheduler": cluster.scheduler_address}
        with running(of_camera(camera), count=1, dask=dask, place=on_dask) as live:
            assert live.post("workers", json={"count": 1}).status_code == 200
            waits = "worker-2 waits: the Dask workers have 1 threads in all"
            live.placement.wait_until(lambda now: now["worker-2"].message.startswith(waits), PATIENCE)
            cluster.add("second", common)
            wait_until(lambda: len(workers(live)) == 2, "two workers", live.state, PATIENCE)


def test_the_command_makes_a_local_cluster_and_leaves_nothing_behind(tmp_path: Path) -> None:
    address = quiet_address()
    (tmp_path / "pipeline.yaml").write_text(
        f"""
streams: {{camera: {{device: stins, url: "tcp://127.0.0.1:1"}}}}
workers: {{class: "tally:Worker", count: 2}}
reducer: {{class: "tally:Reducer", http: "127.0.0.1:0"}}
controller: {{http: "{address}"}}
analysis: {ANALYSES}
dask: {{cluster: local, job: {{cores: 2}}}}
"""
    )
    command = [sys.executable, "-m", "beamloom", "up", str(tmp_path / "pipeline.yaml"), "--on", "dask"]
    shown = tmp_path / "shown"
    with shown.open("wb") as output:
        up = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: "ready: pipeline" in shown.read_text(), "the pipeline is ready", STARTING)
        # As a terminal does it: everybody in the foreground hears Ctrl-C.
        os.killpg(up.pid, signal.SIGINT)
        assert up.wait(PATIENCE) == 0
    finally:
        up.kill()
        up.wait()
    text = shown.read_text()
    assert "worker-1 runs on 127.0.0.1 as process" in text
    assert "worker-2 ended" in text
    assert "Traceback" not in text
