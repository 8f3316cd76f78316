"""Capsules over HTTP: those that lie in the folder that the controller shares with the processes that made them.

A worker on another host without a common folder keeps its capsules to itself: a process whose user code fails should not have to serve
files besides. The answer then says on which host to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from beamloom.capsules import find_capsule
from beamloom.openapi import Told


def capsule_route(path: str, folder: Path | None, hosts: Callable[[], Awaitable[Mapping[str, str]]]) -> Told:
    """The route at ``path``, which ends in the parameter ``name``, for the capsules in ``folder``.

    ``hosts``: where the processes are that take part, by their names.
    """

    async def capsule(request: Request) -> Response:
        """A call that failed, as it was kept."""
        name = request.path_params["name"]
        found = await asyncio.to_thread(find_capsule, folder, name)
        if found is None:
            there = await hosts()
            makers = sorted((one for one in there if f"-{one}-" in name), key=len)
            whose = f"{makers[-1]} on the host {there[makers[-1]]}" if makers else "the process that made it"
            detail = (
                f"there is no capsule {name!r} in the controller's folder; it is in capsule_dir of {whose}, "
                "unless newer runs have taken its place: copy it from there, or give all processes one folder as capsule_dir"
            )
            return Response(msgspec.json.encode({"detail": detail}), 404, media_type="application/json")
        return FileResponse(found, media_type="application/cbor", filename=found.name)

    return Told(path, capsule, answers="application/cbor")
