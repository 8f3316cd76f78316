"""What is written for containers, read as Docker reads it, as far as the tests follow it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass
class Stage:
    """One stage of a Dockerfile."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Instruction and the rest of its line, variables filled in."""


def stages_of(text: str, arguments: Mapping[str, str]) -> list[Stage]:
    """The stages of a Dockerfile; ``arguments`` win over what ARG says."""
    known: dict[str, str] = {}
    stages: list[Stage] = []
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        rest = re.sub(r"\$\{(\w+)\}", lambda name: known[name[1]], rest)
        if instruction == "ARG":
            name, _, value = rest.partition("=")
            known[name] = arguments.get(name, value)
        elif instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        else:
            stages[-1].steps.append((instruction, rest))
    return stages


def copied(rest: str) -> tuple[list[str], str]:
    """What a COPY takes, and where it goes."""
    *sources, target = shlex.split(rest)
    return sources, target


def services_of(text: str, environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services of a compose file, ``${NAME:-default}`` filled in."""

    def filled(found: re.Match[str]) -> str:
        return environment.get(found[1]) or found[2]

    document = yaml.safe_load(re.sub(r"\$\{(\w+):-([^}]*)\}", filled, text))
    services: dict[str, dict[str, Any]] = document["services"]
    return services


def as_workloads(services: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Services as if they were Deployments of Kubernetes, with what both have."""
    return [
        {
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": int(one.get("deploy", {}).get("replicas", 1)),
                "template": {"spec": {"containers": [_container(name, one)]}},
            },
        }
        for name, one in services.items()
    ]


def _container(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    env = [{"name": key, "value": value or ""} for key, value in one.get("environment", {}).items()]
    return {"name": name, "command": list(one["command"]), "env": env}
