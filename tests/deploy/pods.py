"""The pods of a chart as processes of this machine: each with an address of its own on the loopback network, and its variables as they are.

What a cluster would do is done here: names of services lead to the address of a pod, secrets and fields become variables, ``$(NAME)`` is
filled in, folders of volumes are folders of the test. Commands, variables and ports are those of the chart.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.helm_engine import Installed
from support.patience import STARTING
from support.waiting import until


@dataclass
class Pod:
    """One container of one pod."""

    name: str
    address: str
    container: dict[str, Any]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def probe(self, which: str) -> tuple[int, str]:
        """What a kubelet would be told; status 0 where nobody answers."""
        asked = self.container[which]["httpGet"]
        try:
            answer = requests.get(f"http://{self.address}:{asked['port']}{asked['path']}", timeout=STARTING)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    def end(self, *, kill: bool = False) -> int:
        """Tell it to end, or kill it; returns its exit status."""
        assert self.process is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        return self.process.wait(STARTING)


class Cluster:
    """All pods of an install."""

    def __init__(self, made: Installed, folder: Path, analysis: Path) -> None:
        self._made = made
        self._folder = folder
        self._analysis = analysis
        self._next = 10
        self._services: dict[str, str] = {}
        self.pods: list[Pod] = []
        for one in made.objects:
            if one["kind"] in ("Deployment", "StatefulSet"):
                self._schedule(one)

    def _schedule(self, workload: dict[str, Any]) -> None:
        name, spec = workload["metadata"]["name"], workload["spec"]
        for replica in range(spec["replicas"]):
            # Not those of another run of the tests on this machine.
            address = f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}.{self._next}"
            self._next += 1
            self._services.setdefault(name, address)
            for container in spec["template"]["spec"]["containers"]:
                pod = f"{name}-{replica}"
                log = self._folder / f"{pod}-{container['name']}.log"
                self.pods.append(Pod(pod, address, copy.deepcopy(container), log))

    def of(self, beginning: str) -> list[Pod]:
        """The pods whose names begin so."""
        return [pod for pod in self.pods if pod.name.startswith(beginning)]

    def start(self, pod: Pod) -> None:
        pod.variables = self._variables(pod)
        words = [self._led(word) for word in pod.container["command"]]
        if words[0] == "beamloom":
            words = [sys.executable, "-m", *words]
        state = self._folder / pod.name
        state.mkdir(exist_ok=True)
        words = [word.replace("/data", str(state)) for word in words]
        with pod.log.open("ab") as said:
            pod.process = subprocess.Popen(
                words, cwd=self._analysis, env=pod.variables, stdout=said, stderr=said
            )

    def close(self) -> None:
        for pod in self.pods:
            if pod.process is not None and pod.process.poll() is None:
                pod.end()

    def told(self) -> str:
        """The last lines of each log."""
        return "\n".join(
            f"{pod.log.name}: {line}"
            for pod in self.pods
            if pod.log.exists()
            for line in pod.log.read_text().splitlines()[-5:]
        )

    def ready(self, pod: Pod) -> None:
        """Wait until it takes part."""
        until(lambda: pod.probe("readinessProbe")[0] == 200, f"{pod.name} is ready", STARTING)

    def _variables(self, pod: Pod) -> dict[str, str]:
        fields = {"status.podIP": pod.address, "metadata.name": pod.name}
        secrets = self._made.secrets()
        # Of this machine: where programs are, and the sources that are tested.

        given = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        for one in pod.container["env"]:
            if "value" in one:
                value = re.sub(r"\$\((\w+)\)", lambda name: given[name[1]], one["value"])
            elif "fieldRef" in one["valueFrom"]:
                value = fields[one["valueFrom"]["fieldRef"]["fieldPath"]]
            else:
                source = one["valueFrom"]["secretKeyRef"]
                value = secrets[source["name"]][source["key"]]
            given[one["name"]] = self._led(value)
        folder = self._folder / pod.name
        return {**given, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)}

    def _led(self, text: str) -> str:
        """Names of services as addresses, where they stand in an address."""
        for name, address in self._services.items():
            text = re.sub(rf"(//|@){re.escape(name)}:", rf"\g<1>{address}:", text)
        return text.replace("valkey-server", _server()) if "valkey-server" in text else text


def _server() -> str:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("needs a Redis or Valkey server; on Debian and Ubuntu it is the package redis-server")
    return program
