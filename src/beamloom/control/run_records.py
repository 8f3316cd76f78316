"""Finding the run that somebody asks about, among the one that goes on and those that have ended."""

from __future__ import annotations

from typing import Any

from beamloom.errors import UserError


class NoSuchEvent(UserError):
    """There is no such run, or it has no such event."""


def record_of(controller: Any, run_id: str) -> Any:
    """The run whose id begins so; empty or ``last``: the one that goes on, or the last one. Raises NoSuchEvent."""
    records = [*([] if controller.active is None else [controller.active]), *reversed(controller.past)]
    if not records:
        raise NoSuchEvent("no run has been armed yet; arm one, then ask again")
    if run_id in ("", "last"):
        return records[0]
    found = [record for record in records if record.digest.run.startswith(run_id)]
    if len(found) != 1:
        why = "no run" if not found else "more than one run"
        raise NoSuchEvent(
            f"there is {why} whose id begins with {run_id!r}; /api/v1/runs lists them, and 'last' is the last one"
        )
    return found[0]
