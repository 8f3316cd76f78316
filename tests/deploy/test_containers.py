"""The image and the compose file: the steps of the one are done, and the services of the other are started, without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from beamloom import connect
from beamloom.version import VERSION
from deploy.helm_engine import Installed
from deploy.images import as_workloads, copied, services_of, stages_of
from deploy.pods import Cluster, Pod
from support.patience import STARTING
from support.ports import quiet_port
from support.waiting import until

ANALYSIS = """
class Worker:
    def process_event(self, event):
        item = event.streams["camera"].parse()
        return getattr(item, "number", None)

class Reducer:
    def __init__(self):
        self.publish = {"numbers": []}

    def process_result(self, result):
        self.publish["numbers"].append(result.payload)
"""
EVENTS = 100


def test_the_image_is_made_of_what_the_build_may_see_and_runs_as_nobody_in_particular(
    repository: Path,
) -> None:
    build, final = stages_of((repository / "Dockerfile").read_text(), {})
    seen = (repository / ".dockerignore").read_text().splitlines()
    for instruction, rest in build.steps:
        if instruction == "COPY":
            for source in copied(rest)[0]:
                assert f"!{source}" in seen
                assert (repository / source).exists()
    assert build.base == final.base
    assert ("COPY", f"--from={build.name} /opt/beamloom /opt/beamloom") in final.steps
    assert ("USER", "10001:10001") in final.steps
    minor = ".".join(map(str, sys.version_info[:2]))
    assert build.base.startswith(f"python:{minor}-") or sys.version_info[:2] != (3, 11)


@pytest.mark.installs
@pytest.mark.timeout(600)
def test_the_steps_of_the_image_make_a_beamloom_that_starts(repository: Path, tmp_path: Path) -> None:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the image has Python 3.11, for which constraints.txt is made")
    build, _ = stages_of((repository / "Dockerfile").read_text(), {"EXTRAS": "redis"})
    source, opt = tmp_path / "source", tmp_path / "beamloom"
    source.mkdir()
    kept = {name: os.environ[name] for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE") if name in os.environ}
    environment = {
        **kept,
        "HOME": os.environ["HOME"],
        "PATH": f"{opt}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    environment |= {
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }  # to save time
    for instruction, rest in build.steps:
        if instruction == "COPY":
            for one in copied(rest)[0]:
                ignored = shutil.ignore_patterns("__pycache__", "*.so")
                if (repository / one).is_dir():
                    shutil.copytree(repository / one, source / one, ignore=ignored)
                else:
                    shutil.copy(repository / one, source)
        elif instruction == "RUN" and not rest.startswith("apt-get"):
            words = rest.replace("/opt/beamloom", str(opt))
            done = subprocess.run(
                ["sh", "-c", words], cwd=source, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{words}\n{done.stderr}"
    shutil.rmtree(source)
    says = subprocess.run(
        [f"{opt}/bin/beamloom", "--version"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert VERSION in says.stdout, says.stderr
    has = "import redis, beamloom.native as n, pathlib; print(len(list(pathlib.Path(n.__file__).parent.glob('*.so'))))"
    found = subprocess.run(
        [f"{opt}/bin/python", "-c", has], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert found.stdout.strip() == "1", found.stderr
    assert not (opt / "bin" / "hatchling").exists()


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_run_passes_through_the_services_of_the_compose_file(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("redis")
    given = {"WORKER_CLASS": "analysis:Worker", "REDUCER_CLASS": "analysis:Reducer", "WORKERS": "3"}
    services = services_of((repository / "deploy" / "compose.yaml").read_text(), given)
    analysis = tmp_path / "analysis"
    analysis.mkdir()
    (analysis / "analysis.py").write_text(ANALYSIS)
    pods = Cluster(Installed(as_workloads(services), [], "", []), tmp_path, analysis)
    store = str(quiet_port())
    try:
        for pod in pods.pods:
            adapt(pod, repository / "deploy", store)
        for pod in pods.pods:
            pods.start(pod)
        controller = f"http://{pods.of('controller')[0].address}:5000"
        for pod in pods.pods:
            if pod.name != "store-0":
                until(partial(healthy, services, pod), f"{pod.name} is healthy", STARTING)
        with connect(controller) as pipeline:
            until(lambda: not pipeline.problems(), "a run could be armed", STARTING)
            assert len(pipeline.processes()["workers"]) == 3
            pipeline.arm(["camera"], EVENTS)
            end = pipeline.wait(timeout=STARTING)
            assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), pods.told()
    finally:
        pods.close()


def adapt(pod: Pod, deploy: Path, store: str) -> None:
    """What a container has for itself is shared here: all addresses of a container are its address, and the store's port is another."""
    if pod.name == "store-0":
        pod.container["command"] += ["--port", store, "--bind", pod.address, "--dir", "/data"]
    for variable in pod.container["env"]:
        value = variable["value"].replace("0.0.0.0", pod.address).replace(":6379/", f":{store}/")
        variable["value"] = value.replace("/etc/beamloom/", f"{deploy}/")
    # A machine that is busy with other tests is no reason to lose anything.
    patient = {"HEARTBEAT_TIMEOUT": "15", "ARM_TIMEOUT": "60", "STRAGGLER_TIMEOUT": "60"}
    pod.container["env"] += [{"name": f"BEAMLOOM_{name}", "value": value} for name, value in patient.items()]


def healthy(services: dict[str, dict[str, dict[str, list[str]]]], pod: Pod) -> bool:
    """What the health check of its service says, once there is somebody to ask."""
    try:
        requests.get(f"http://{pod.address}:8086/livez", timeout=STARTING)
    except requests.ConnectionError:
        return False
    _, _, *words = services[pod.container["name"]]["healthcheck"]["test"]
    words = [re.sub(r"//127\.0\.0\.1:", f"//{pod.address}:", word) for word in words]
    return subprocess.run([sys.executable, *words], capture_output=True).returncode == 0
