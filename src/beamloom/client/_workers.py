"""More workers or fewer, of a pipeline whose supervisor can start and stop them."""

from __future__ import annotations

import urllib.parse
from typing import Any

import msgspec

from beamloom.client._http import Service
from beamloom.errors import RequestRefused, UsageError

AT_ONCE = 64
"""Workers that one request may ask for."""
ALIVE = ("waiting", "running", "restarting")
"""States of workers that take part, or soon will."""


class WorkersChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to have so many workers."""

    started: tuple[str, ...] = ()
    """Names of those that were started; they take part some seconds later."""
    stopping: tuple[str, ...] = ()
    """Names of those that were told to end, which they do after the event that they are in."""

    def __str__(self) -> str:
        """A sentence."""
        told = []
        if self.started:
            told.append(f"started: {', '.join(self.started)}")
        if self.stopping:
            told.append(f"told to end after the event that they are in: {', '.join(self.stopping)}")
        return "; ".join(told) or "there are that many workers already"


def have_workers(controller: Service, count: int, kind: int | None) -> WorkersChanged:
    """Have so many workers of a kind; those started last are stopped first.

    Raises RequestRefused where nobody can start or stop them, or the run needs more; UsageError for a count or a kind that cannot be.
    """
    told = controller.get("/api/v1/workers", dict[str, Any])
    if not told["can_start"]:
        raise RequestRefused(str(told["why_not"]), 409)
    chosen = _chosen([str(one["class"]) for one in told["kinds"]], kind)
    if count < 1:
        raise UsageError(f"a pipeline has one worker or more, not {count}")
    names = [
        str(one["name"]) for one in told["workers"] if one.get("kind", 0) == chosen and one["state"] in ALIVE
    ]
    started: list[str] = []
    while (missing := count - len(names) - len(started)) > 0:
        body = msgspec.json.encode({"count": min(missing, AT_ONCE), "kind": chosen})
        started += controller.post("/api/v1/workers", body, dict[str, Any])["started"]
    stopping = names[count:][::-1]
    for name in stopping:
        controller.post(f"/api/v1/workers/{urllib.parse.quote(name, safe='')}/stop", b"", dict[str, Any])
    return WorkersChanged(started=tuple(started), stopping=tuple(stopping))


def _chosen(kinds: list[str], kind: int | None) -> int:
    if kind is None and len(kinds) > 1:
        listed = ", ".join(f"{number}: {name}" for number, name in enumerate(kinds))
        raise UsageError(f"the pipeline has workers of {len(kinds)} kinds; say which by its number: {listed}")
    if not 0 <= (kind or 0) < len(kinds):
        raise UsageError(f"there is no kind {kind} of workers; they are numbered from 0 to {len(kinds) - 1}")
    return kind or 0
