"""What a reducer waits for, and what it knows of one event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beamloom.engine.ranges import Range
from beamloom.services.reducer.reducing import Reducing
from beamloom.services.shell.waits import NO_RUN, Waiting


def of_reducer(run: str | None, reducing: Reducing, *, taking_up: bool) -> Iterator[Waiting]:
    """What it waits for; may be called in any thread, while another one goes on."""
    since = reducing.working_since
    if since is not None:
        event = reducing.last_event
        yield Waiting("user code", str(event), f"process_result has event {event}", since)
    elif taking_up:
        yield Waiting("journal", "", "it goes through the journal of a run that another life has begun")
    elif run is None:
        yield Waiting("run", "", NO_RUN)
    else:
        yield Waiting("results", "", f"results of the workers; the last was of event {reducing.last_event}")


def reducer_knows(event: int, taken: Mapping[int, Sequence[Range]]) -> dict[str, Any]:
    """What a reducer knows of an event: which of its deliveries it has taken."""
    slots = [slot for slot, ranges in taken.items() if any(first <= event < stop for first, stop in ranges)]
    if not slots:
        return {"taken": []}
    which = "" if slots == [0] else f" (deliveries {', '.join(map(str, sorted(slots)))})"
    return {"taken": sorted(slots), "state": f"it has taken the result{which}"}
