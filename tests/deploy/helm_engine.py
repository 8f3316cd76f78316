"""Helm's own engine, without a cluster: what an install of the chart would make, and whether Kubernetes would take it.

It runs in an environment of its own, since its library needs Python 3.12.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.environments import environment

HERE = Path(__file__).parent
CHART = HERE.parent.parent / "deploy" / "helm" / "beamloom"


@dataclass(frozen=True)
class Installed:
    """What an install has made."""

    objects: list[dict[str, Any]]
    invalid: list[str]
    """What Kubernetes would say against them."""
    notes: str
    again: list[dict[str, Any]]
    """The objects after an upgrade with the same values; none where that was not asked for."""

    def __getitem__(self, name: str) -> dict[str, Any]:
        """The object that is called Kind/name."""
        (found,) = (one for one in self.objects if f"{one['kind']}/{one['metadata']['name']}" == name)
        return found

    @property
    def names(self) -> set[str]:
        """All of them, as Kind/name."""
        return {f"{one['kind']}/{one['metadata']['name']}" for one in self.objects}

    def pods(self) -> dict[str, dict[str, Any]]:
        """The specifications of the pods of each Deployment and StatefulSet, by its name."""
        return {
            one["metadata"]["name"]: one["spec"]["template"]["spec"]
            for one in self.objects
            if one["kind"] in ("Deployment", "StatefulSet")
        }

    def secrets(self) -> dict[str, dict[str, str]]:
        """What secrets hold, by their name."""
        return {
            one["metadata"]["name"]: {
                key: base64.b64decode(value).decode() for key, value in one["data"].items()
            }
            for one in self.objects
            if one["kind"] == "Secret"
        }


def environment_of(container: dict[str, Any]) -> dict[str, str]:
    """The variables of a container that are texts."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


class Refused(Exception):
    """Helm does not install this; the sentence is what a person sees."""


class Helm:
    """The engine, which is asked again and again."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), "-P", str(HERE / "render.py"), str(CHART)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Helm is to keep what it has installed for itself, and to look for nothing of the user's.
            env={"PATH": os.environ["PATH"], "HOME": str(python.parent.parent), "HELM_DRIVER": "memory"},
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def install(
        self,
        values: dict[str, Any] | None = None,
        release: str = "xrd",
        namespace: str = "lab",
        *,
        upgrade: bool = False,
    ) -> Installed:
        """Install the chart with these values. Raises Refused."""
        wanted = {"release": release, "namespace": namespace, "values": values or {}, "upgrade": upgrade}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the engine has ended"
        told = json.loads(line)
        if "error" in told:
            raise Refused(told["error"])
        return Installed(**told)


def python_for_helm(repository: Path) -> Path:
    """The Python of an environment with the engine; skips the test where there is none."""
    words = ["--no-deps", "--requirement", str(HERE / "requirements.txt")]
    return environment(repository / "out" / "helm", _python_3_12(), words)


def _python_3_12() -> str:
    """The engine's library needs 3.12 or newer."""
    known = [sys.executable, *(shutil.which(f"python3.{minor}") for minor in (12, 13))]
    versions = sorted((Path.home() / ".pyenv" / "versions").glob("3.1[23].*/bin/python"))
    code = "import ensurepip, sys; sys.exit(sys.version_info < (3, 12))"
    for one in [*filter(None, known), *map(str, versions)]:
        if subprocess.run([one, "-c", code], capture_output=True).returncode == 0:
            return one
    pytest.skip("Helm's engine needs Python 3.12 or newer, and none was found")
