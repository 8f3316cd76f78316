"""What is asked of a queueing system: the script of a job, and of wrong questions a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.rules import RuleRefused
from beamloom.rules.executors.dask_jobs import jobs

pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install 'beamloom[jobqueue]'")

JOB: dict[str, Any] = {
    "cores": 8,
    "memory": "32GB",
    "most": 4,
    "gpus": 2,
    "processes": 2,
    "queue": "gpu",
    "account": "p1",
    "walltime": "01:00:00",
    "prologue": ["module load cuda"],
    "interface": "lo",
}


def script(system: str, **changed: Any) -> str:
    cluster = jobs(system, **{**JOB, **changed})()
    try:
        return str(cluster.job_script())
    finally:
        cluster.close()


def test_a_job_of_slurm_asks_for_what_its_workers_then_offer() -> None:
    lines = script("slurm", directives=["--constraint=a100"]).splitlines()
    for asked in (
        *("-p gpu", "-A p1", "--cpus-per-task=8", "--mem=30G", "-t 01:00:00", "--gres=gpu:2"),
        "--constraint=a100",
    ):
        assert f"#SBATCH {asked}" in lines
    assert lines[-2] == "module load cuda"
    assert "--resources cpu=4,memory=16000000000,gpu=1" in lines[-1]
    assert "--nworkers 2 --nanny" in lines[-1]


def test_a_job_of_pbs_asks_for_what_its_workers_then_offer() -> None:
    lines = script("pbs").splitlines()
    assert "#PBS -l select=1:ncpus=8:mem=32GB:ngpus=2" in lines
    assert "#PBS -l walltime=01:00:00" in lines
    assert "--resources cpu=4,memory=16000000000,gpu=1" in lines[-1]


def test_a_job_without_graphics_processors_asks_for_none() -> None:
    for system in ("slurm", "pbs"):
        told = script(system, gpus=0)
        assert "gpu:" not in told
        assert "--resources cpu=4,memory=16000000000 " in told


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"most": 0}, "give most >= least"),
        ({"least": 5}, "give most >= least"),
        ({"processes": 9}, "as many cores as processes"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RuleRefused, match=sentence):
        jobs("slurm", **{**JOB, **wrong})


def test_an_unknown_system_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(RuleRefused, match="slurm, pbs"):
        jobs("loadleveler", **JOB)
