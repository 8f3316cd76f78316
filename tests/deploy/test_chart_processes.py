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
from support.ports import quiet_port
from support.waiting import until

pytestmark = [pytest.mark.installs, pytest.mark.processes, pytest.mark.timeout(300)]

EVENTS = 300
STARTS = 120.0


@pytest.fixture
def camera() -> Iterator[Bench]:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as bench:
        yield bench


@contextmanager
def cluster(helm: Helm, values: dict[str, Any], folder: Path) -> Iterator[Cluster]:
    """The pods of the chart, all of them started; controllers first, so that it is known which one leads."""
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
        until(lambda: "Ready to accept" in valkey.log.read_text(), "the store answers", STARTS)
        leader, *others = pods.of("xrd-controller")
        pods.start(leader)
        pods.ready(leader)
        for pod in [*others, *(one for one in pods.pods if one.process is None and one not in others)]:
            pods.start(pod)
        for pod in pods.pods:
            if pod is not valkey and pod not in others:
                pods.ready(pod)
        yield pods
    finally:
        pods.close()


def test_a_run_passes_through_the_pods_and_another_controller_goes_on(
    helm: Helm, camera: Bench, tmp_path: Path
) -> None:
    values = {
        "workers": 2,
        "worker": {"class": "pictures:Worker"},
        "reducer": {"class": "pictures:Reducer"},
        "ingesters": {"camera": {"upstream_url": camera.url("camera"), "workers": 1}},
        "controller": {"replicas": 2},
        "settings": {"heartbeat_timeout": 10},
    }
    with cluster(helm, values, tmp_path) as pods:
        leader, second = pods.of("xrd-controller")
        address = f"{leader.address}:{leader.container['ports'][0]['containerPort']}"
        control = leader.variables["BEAMLOOM_HTTP_CONTROL_TOKEN"]
        assert requests.get(f"http://{address}/api/v1/progress", timeout=30).status_code == 401
        with connect(address, token=control) as pipeline:
            pipeline.arm(["camera"], EVENTS)
            camera.play("camera", pictures(EVENTS))
            end = pipeline.wait(timeout=60)
            assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), pods.told()
            known = pipeline.processes()
            names = {
                process["name"] for process in [*known["workers"], *known["ingesters"], known["reducer"]]
            }
            workers = {"xrd-worker-0", "xrd-worker-1", "camera-worker-1", "debugworker"}
            assert names == {"camera-ingester", "reducer", *workers}
        read = leader.variables["BEAMLOOM_HTTP_READ_TOKEN"]
        check_figures(
            requests.get(
                f"http://{address}/metrics", headers={"Authorization": f"Bearer {read}"}, timeout=30
            ).text
        )
        status, sentence = second.probe("readinessProbe")
        assert (status, second.probe("livenessProbe")[0]) == (503, 200), sentence
        leader.end(kill=True)
        pods.ready(second)
        with connect(f"{second.address}:{address.partition(':')[2]}", token=control) as pipeline:
            until(lambda: not pipeline.problems(), f"another run could be armed\n{pods.told()}")
            pipeline.arm(["camera"], EVENTS)
            camera.play("camera", pictures(EVENTS))
            end = pipeline.wait(timeout=60)
            assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), pods.told()
        # A pod that is to go ends by itself when it is told to.
        for pod in [*pods.of("xrd-worker"), *pods.of("xrd-ingester"), *pods.of("xrd-reducer"), second]:
            assert pod.end() == 0, pods.told()


def check_figures(page: str) -> None:
    """What the Grafana dashboard and the scaling ask for is there."""
    names = {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if line[:1] != "#"}
    asked = (CHART / "dashboards" / "beamloom.json").read_text()
    asked += (CHART / "templates" / "autoscaling.yaml").read_text()
    wanted = set(re.findall(r"beamloom_\w+", asked))
    assert len(wanted) > 8
    assert wanted <= names
