"""Finding the run that somebody asks about, among the one that goes on and those that have ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beamloom.errors import UserError


class NoSuchEvent(UserError):
    """There is no such run, or it has no such event."""


def records_of(controller: Any) -> list[Any]:
    """All runs that the controller remembers, the latest last."""
    return [*controller.past, *([] if controller.active is None else [controller.active])]


def record_with_id(records: Iterable[Any], run_id: str | None) -> Any:
    """The run with this id, and no other. Raises NoSuchEvent."""
    for record in records:
        if record.run_id == run_id:
            return record
    raise NoSuchEvent(f"there is no run {run_id!r}; /api/v1/runs lists those that there are")


def record_of(controller: Any, run_id: str) -> Any:
    """The run whose id begins so; empty or ``last``: the one that goes on, or the last one. Raises NoSuchEvent."""
    records = records_of(controller)
    if not records:
        raise NoSuchEvent("no run has been armed yet; arm one, then ask again")
    if run_id in ("", "last"):
        return records[-1]
    found = [record for record in records if record.run_id.startswith(run_id)]
    if len(found) != 1:
        why = "no run" if not found else "more than one run"
        raise NoSuchEvent(
            f"there is {why} whose id begins with {run_id!r}; /api/v1/runs lists them, and 'last' is the last one"
        )
    return found[0]
