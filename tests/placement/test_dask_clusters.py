"""Which cluster a pipeline file means, what its jobs ask the queue for, how many there are, and why a process waits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from beamloom.cli import main
from beamloom.dask_clusters import ClusterRefused, Job, job_cluster
from beamloom.errors import UsageError
from beamloom.located_yaml import FileError
from beamloom.pipeline_file import Dask, parse_pipeline
from beamloom.placement.commands import Spread
from beamloom.placement.layout import layout_of

pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
from beamloom.placement.dask import DaskSite, layout_on
from beamloom.placement.dask.rooms import has_room, why_waiting
from beamloom.placement.dask.sizing import idle_jobs
from beamloom.placement.dask.which import Where, cluster_of, jobs_for, room_of

PIPELINE = """
streams: {camera: {device: stins, url: "tcp://127.0.0.1:1"}}
workers: {class: "spectra:Worker", count: 2}
reducer: {class: "spectra:Reducer"}
"""
JOB = {"cores": 16, "memory": "64GB", "gpus": 2, "queue": "gpu", "account": "p1", "walltime": "08:00:00"}


def section(folder: Path, dask: str) -> Dask:
    """What the section of a pipeline file is read as."""
    (folder / "spectra.py").write_text("class Worker: ...\nclass Reducer: ...\n")
    read = parse_pipeline(f"{PIPELINE}dask: {dask}\n", folder=folder).dask
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("dask", "says"),
    [
        ("{}", "give either a 'scheduler' that runs, or a 'cluster'"),
        ("{cluster: local, scheduler: 'tcp://a:1'}", "give either"),
        ("{cluster: slurm}", "needs a 'job'"),
        ("{scheduler: 'tcp://a:1', job: {cores: 1}}", "not of a 'scheduler' that runs"),
        ("{cluster: lsf}", "takes one of local, slurm, pbs"),
        ("{cluster: local, place: [controller]}", "one of debugworker, ingesters, reducer, workers"),
        ("{cluster: local, job: {cores: 0}}", "'cores'"),
    ],
)
def test_what_cannot_be_is_said_at_its_line(tmp_path: Path, dask: str, says: str) -> None:
    with pytest.raises(FileError, match=f"(?s)pipeline.yaml:5.*{says}"):
        section(tmp_path, dask)


def test_a_scheduler_file_is_found_from_the_folder_of_the_pipeline_file(tmp_path: Path) -> None:
    assert section(tmp_path, "{scheduler: cluster.json}").scheduler == str(tmp_path / "cluster.json")


def test_what_is_no_address_and_what_is_no_queue_here_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(ClusterRefused, match="tcp://host:8786"):
        cluster_of(section(tmp_path, "{scheduler: node1}"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterRefused, match="the command sbatch is not here"):
        cluster_of(section(tmp_path, "{cluster: slurm, job: {cores: 4}}"))
    with pytest.raises(ClusterRefused, match="'much' is no amount of memory"):
        cluster_of(section(tmp_path, "{cluster: slurm, job: {cores: 4, memory: much}}"))


@pytest.mark.parametrize(
    ("system", "asked"),
    [
        ("slurm", ["#SBATCH -p gpu", "#SBATCH -A p1", "#SBATCH --cpus-per-task=16", "#SBATCH -t 08:00:00", "#SBATCH --gres=gpu:2"]),
        ("pbs", ["#PBS -q gpu", "#PBS -A p1", "#PBS -l select=1:ncpus=16:mem=64GB:ngpus=2", "#PBS -l walltime=08:00:00"]),
    ],
)  # fmt: skip
def test_a_job_asks_for_what_the_file_says_and_its_dask_worker_has_it(system: str, asked: list[str]) -> None:
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install 'beamloom[jobqueue]'")
    told: dict[str, Any] = {**JOB, "prologue": ("module load cuda",), "options": {"interface": "lo"}}
    cluster = job_cluster(system, Job(**told))()
    try:
        lines = cluster.job_script().splitlines()
    finally:
        cluster.close()
    assert set(asked) <= set(lines)
    assert lines[-2] == "module load cuda"
    assert "--nthreads 16" in lines[-1]
    assert "--resources cpu=16,memory=64000000000,gpu=2" in lines[-1]


def test_a_job_has_room_for_as_many_workers_as_it_has_of_what_they_need() -> None:
    job = Job(cores=16, memory="64GB", gpus=2)
    assert room_of(job, {}) == 16
    assert room_of(job, {"cpu": 4}) == 4
    assert room_of(job, {"cpu": 4, "gpu": 1}) == 2
    assert room_of(job, {"memory": 30e9}) == 2
    assert room_of(Job(cores=16, processes=4), {"cpu": 2}) == 8
    with pytest.raises(ClusterRefused, match="give 'job' more, or fewer 'processes'"):
        room_of(Job(cores=16, gpus=2, processes=4), {"gpu": 1})
    assert [jobs_for(count, 4) for count in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_only_a_job_of_which_no_worker_holds_anything_is_idle() -> None:
    jobs = {"job-0": {"group": ["-0", "-1"]}, "job-1": {"group": ["-0", "-1"]}, "job-2": {}}
    addresses = {"job-0-0": "a", "job-0-1": "b", "job-1-0": "c", "job-1-1": "d"}
    assert idle_jobs(jobs, addresses, {"b"}) == ["job-1", "job-2"]
    assert idle_jobs({0: {}, 1: {}}, {"0": "a", "1": "b"}, {"a"}) == [1]


def worker(threads: int, executing: int = 0, status: str = "running", **has: float) -> dict[str, Any]:
    """A Dask worker, as the scheduler tells of it."""
    counts = {"executing": executing}
    return {"nthreads": threads, "resources": has, "status": status, "metrics": {"task_counts": counts}}


def test_there_is_room_where_a_thread_is_free_and_what_is_needed_is_there() -> None:
    assert has_room({"a": worker(2, executing=1)}, {}, {})
    assert not has_room({"a": worker(2, executing=2)}, {}, {})
    assert not has_room({"a": worker(2)}, {"a": 2}, {})
    assert not has_room({"a": worker(2, status="closing_gracefully")}, {}, {})
    assert not has_room({"a": worker(4)}, {}, {"gpu": 1})
    assert has_room({"a": worker(4), "b": worker(4, gpu=1)}, {}, {"gpu": 1})
    assert not has_room({"b": worker(4, gpu=1)}, {"b": 1}, {"gpu": 1})


def test_why_a_process_waits_says_what_to_do() -> None:
    there = Where(lambda: None, "the Dask scheduler", 0, queued=False)  # type: ignore[arg-type, return-value]
    queue = Where(lambda: None, "jobs of slurm", 4, queued=True)  # type: ignore[arg-type, return-value]
    assert "start some: dask worker tcp://s:1" in why_waiting({}, there, "tcp://s:1", {})
    assert "have not started yet" in why_waiting({}, queue, "tcp://s:1", {})
    assert 'dask worker tcp://s:1 --resources "gpu=1"' in why_waiting(
        {"a": worker(2)}, there, "tcp://s:1", {"gpu": 1}
    )
    assert "have 2 threads in all" in why_waiting({"a": worker(2)}, there, "tcp://s:1", {})


def test_what_runs_elsewhere_is_told_this_machines_address_and_finds_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spectra.py").write_text("class Worker: ...\nclass Reducer: ...\n")
    monkeypatch.setenv("BEAMLOOM_EVENT_TIMEOUT", "7")
    pipeline = parse_pipeline(PIPELINE, folder=tmp_path)
    spread = Spread(ground="dask", host="127.0.0.2", places=frozenset({"workers", "reducer"}))
    specs = {spec.name: spec for spec in layout_of(pipeline, spread).processes}
    assert {name: spec.ground for name, spec in specs.items()} == {
        **dict.fromkeys(("controller", "camera-ingester"), ""),
        **dict.fromkeys(("worker-1", "worker-2", "reducer"), "dask"),
    }
    words = specs["worker-1"].argv
    assert "--bind={host}" in words
    assert any(word.startswith("--controller=tcp://127.0.0.2:") for word in words)
    assert not any(word.startswith("--die-with-parent") for word in words)
    assert specs["worker-1"].env["BEAMLOOM_EVENT_TIMEOUT"] == "7"
    assert {"--bind={host}", "--http-host={host}", "--http-port=5001"} <= set(specs["reducer"].argv)
    for name in ("controller", "camera-ingester"):
        assert "--bind=127.0.0.2" in specs[name].argv
    assert layout_of(pipeline, spread).reducer_url is None


def test_without_keys_nothing_is_started_that_strangers_could_reach(tmp_path: Path) -> None:
    (tmp_path / "spectra.py").write_text("class Worker: ...\nclass Reducer: ...\n")
    site = cast(DaskSite, SimpleNamespace(host="192.0.2.1", places=frozenset({"workers"})))
    with pytest.raises(UsageError, match="make keys with 'beamloom keys'"):
        layout_on(site, parse_pipeline(PIPELINE, folder=tmp_path))


@pytest.mark.parametrize(
    ("dask", "says"),
    [
        ("", "does not say which Dask cluster; add 'dask: {scheduler: tcp://node1:8786}'"),
        ("dask: {scheduler: nowhere.json}", "there is no scheduler file"),
        ("dask: {scheduler: node1}", "is no address of a Dask scheduler"),
    ],
)
def test_the_command_says_in_a_sentence_that_there_is_no_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dask: str, says: str
) -> None:
    (tmp_path / "spectra.py").write_text("class Worker: ...\nclass Reducer: ...\n")
    (tmp_path / "pipeline.yaml").write_text(f"{PIPELINE}{dask}\n")
    assert main(["up", str(tmp_path / "pipeline.yaml"), "--on", "dask"]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert shown.count("\n") == 1
