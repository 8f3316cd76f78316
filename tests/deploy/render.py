"""Install a chart into a cluster that is not one, and say what Helm would have made there. Runs in an environment with Helm's own engine.

Reads a line of JSON on standard input for each install, {"release", "namespace", "values", "upgrade"}, and answers each with one:
{"objects", "invalid", "notes", "again"} or {"error"}. ``again``: the objects of an upgrade with the same values, where that is wanted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import helm_sdkpy  # type: ignore[import-not-found]
import kubernetes_validate  # type: ignore[import-not-found]
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from fake_api_server import api_server  # type: ignore[import-not-found]

VERSION = "1.31"
NOT_KUBERNETES = ("keda.sh/", "monitoring.coreos.com/")
"""Kinds of others, whose schemas are not those of Kubernetes."""


async def main(chart: str) -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(await answer(chart, json.loads(line))) + "\n")
        sys.stdout.flush()


async def answer(chart: str, wanted: dict[str, Any]) -> dict[str, Any]:
    with api_server() as server, tempfile.NamedTemporaryFile("w", suffix=".json") as way:
        way.write(server.kubeconfig)
        way.flush()
        config = helm_sdkpy.Configuration(namespace=wanted["namespace"], kubeconfig=way.name)
        names = wanted["release"], chart
        try:
            made = await helm_sdkpy.Install(config).run(*names, values=wanted["values"], wait=False)
            again = {"manifest": ""}
            if wanted["upgrade"]:
                upgrade = helm_sdkpy.Upgrade(config)
                again = await upgrade.run(
                    *names, values=wanted["values"], wait=False, server_side_apply=False
                )
        except helm_sdkpy.HelmError as error:
            return {"error": str(error)}
        objects = [one for one in yaml.safe_load_all(made["manifest"]) if one]
        return {
            "objects": objects,
            "invalid": [sentence for one in objects for sentence in invalid(one)],
            "notes": made["info"]["notes"],
            "again": [one for one in yaml.safe_load_all(again["manifest"]) if one],
        }


def invalid(one: dict[str, Any]) -> list[str]:
    if one["apiVersion"].startswith(NOT_KUBERNETES):
        return []
    try:
        kubernetes_validate.validate(one, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{one['kind']} {one['metadata']['name']}: {'.'.join(map(str, error.path))}: {error.message}"]
    return []


asyncio.run(main(sys.argv[1]))
