"""Which of several pipelines at one address is meant."""

from __future__ import annotations

from typing import Any

from beamloom.access.clients import Credentials
from beamloom.client._http import Service
from beamloom.errors import PipelineError, RequestRefused, did_you_mean

PIPELINES = "/pipelines"


def pipelines_at(url: str, timeout: float, credentials: Credentials) -> list[dict[str, Any]]:
    """The pipelines that are reached at an address, in their order: ``name``, ``path``, ``problem`` and ``progress`` of each.

    One alone where no front stands there, or where a reducer does, or a service of rules: then it is nameless.
    """
    service = Service(url, "pipeline", timeout, credentials)
    try:
        return service.get(PIPELINES, list[dict[str, Any]])
    except RequestRefused as refusal:
        if refusal.status != 404:
            raise
        return [{"name": "", "path": "", "problem": None, "progress": None}]
    finally:
        service.close()


def address_of(url: str, name: str, timeout: float, credentials: Credentials) -> str:
    """Where the pipeline of that name is found, of those at ``url``. Raises PipelineError where there is none."""
    found = {line["name"]: line["path"] for line in pipelines_at(url, timeout, credentials) if line["name"]}
    if name not in found:
        there = (
            f"there are {', '.join(found)}" if found else "whoever answers there knows no pipelines by name"
        )
        raise PipelineError(f"there is no pipeline {name!r} at {url}{did_you_mean(name, found)}; {there}")
    return f"{url}{found[name]}"


def parts_of(url: str) -> tuple[str, str]:
    """The address of a front and the name of the pipeline behind it that ``url`` means; without a name where it means none."""
    front, found, name = url.rpartition(f"{PIPELINES}/")
    return (front, name) if found and name and "/" not in name else (url, "")
