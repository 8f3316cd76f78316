"""The commands of the chart's pods, with the variables that they would have in a cluster, as real processes: a run passes through them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from beamloom import connect
from deploy.helm_engine import CHART, Helm
from deploy.pods import Cluster
from live.pipelines import ANALYSES, Bench
from live.series import pictures
from support.patience import STARTING
from support.ports import quiet_port
from support.waiting import until

pytestmark = [pytest.mark.installs, pytest.mark.processes, pytest.mark.timeout(600)]

EVENTS = 300


@pytest.fixture
def camera() -> Iterator[Bench]:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as bench:
        yield bench


@contextmanager
def cluster(helm: Helm, values: dict[str, Any], folder: Path) -> Iterator[Cluster]:
    """The pods of the chart, with the store started."""
    pytest.importorskip("redis")
    ports = {name: quiet_port() for name in ("controller", "reducer", "debugworker", "mailbox", "health")}
    made = helm.install({"ports": ports, **values})
    assert made.invalid == []
    pods = Cluster(made, folder, ANALYSES)
    try:
        (valkey,) = pods.of("xrd-valkey")
        port = str(quiet_port())  # its own may be taken on this machine
        for one in pods.pods:
            for variable in one.container["env"]:
                if "value" in variable:
                    variable["value"] = variable["value"].replace(":6379/", f":{port}/")
        valkey.container["command"] = [word.replace("6379", port) for word in valkey.container["command"]]
        pods.start(valkey)
        until(lambda: "Ready to accept" in valkey.log.read_text(), "the store answers", STARTING)
        yield pods
    finally:
        pods.close()


def run_one(address: str, token: str, camera: Bench, pods: Cluster) -> dict[str, Any]:
    """A run of the pipeline whose controller is there, which loses nothing; returns the processes that took part."""
    with connect(address, token=token) as pipeline:
        until(lambda: not pipeline.problems(), "a run could be armed", STARTING)
        pipeline.arm(["camera"], EVENTS)
        camera.play("camera", pictures(EVENTS))
        end = pipeline.wait(timeout=STARTING)
        assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), pods.told()
        return pipeline.processes()


def test_a_run_passes_through_the_pods_and_another_controller_goes_on(
    helm: Helm, camera: Bench, tmp_path: Path
) -> None:
    values = {
        "workers": 2,
        "worker": {"class": "pictures:Worker"},
        "reducer": {"class": "pictures:Reducer"},
        "ingesters": {"camera": {"upstream_url": camera.url("camera"), "workers": 1}},
        "controller": {"replicas": 2, "settings": {"arm_timeout": 60, "straggler_timeout": 60}},
        "settings": {"heartbeat_timeout": 15},
    }
    with cluster(helm, values, tmp_path) as pods:
        leader, second = pods.of("xrd-controller")
        members = [pod for pod in pods.pods if pod not in (leader, second, *pods.of("xrd-valkey"))]
        for pod in (leader, *members):
            pods.start(pod)
        for pod in (leader, *members):
            pods.ready(pod)
        port = leader.container["ports"][0]["containerPort"]
        address = f"{leader.address}:{port}"
        control = leader.variables["BEAMLOOM_HTTP_CONTROL_TOKEN"]
        assert requests.get(f"http://{address}/api/v1/progress", timeout=STARTING).status_code == 401
        known = run_one(address, control, camera, pods)
        names = {process["name"] for process in [*known["workers"], *known["ingesters"], known["reducer"]]}
        workers = {"xrd-worker-0", "xrd-worker-1", "camera-worker-1", "debugworker"}
        assert names == {"camera-ingester", "reducer", *workers}
        check_figures(f"http://{address}/metrics", leader.variables["BEAMLOOM_HTTP_READ_TOKEN"])
        pods.start(second)
        until(lambda: "stands by" in second.log.read_text(), "another controller stands by", STARTING)
        assert second.probe("livenessProbe")[0] == 200
        leader.end(kill=True)
        pods.ready(second)
        run_one(f"{second.address}:{port}", control, camera, pods)
        # A pod that is to go ends by itself when it is told to.
        for pod in (*members, second):
            assert pod.end() == 0, pods.told()


def check_figures(url: str, token: str) -> None:
    """What the Grafana dashboard and the scaling ask for is there, for those who may read."""
    asked = (CHART / "dashboards" / "beamloom.json").read_text()
    asked += (CHART / "templates" / "autoscaling.yaml").read_text()
    wanted = set(re.findall(r"beamloom_\w+", asked))
    assert len(wanted) > 8

    def missing() -> set[str]:
        answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=STARTING)
        lines = [line for line in answer.text.splitlines() if line[:1] != "#"]
        return wanted - {re.split(r"[{ ]", line)[0] for line in lines}

    until(lambda: not missing(), "every figure that is asked for is told", STARTING)
