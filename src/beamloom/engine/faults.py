"""The failures of a run, grouped: one entry for each kind of failure, with all events that it hit.

Invariant: every failed event is in at least one group; the number of groups, and so the memory, is bounded.
"""

from __future__ import annotations

import msgspec

from beamloom.engine.ranges import RangeSet

MOST_GROUPS = 256


class Failure(msgspec.Struct, frozen=True):
    """One failure of user code, or of the process that ran it."""

    where: str
    """The hook that failed, such as ``process_event``; ``process`` when the process died."""
    error: str
    """Name of the exception's class."""
    message: str
    traceback: str = ""


class Death(msgspec.Struct, frozen=True):
    """What is known of a worker's death."""

    event: int | None
    """The event that its user code worked on; None when it was not at work."""
    failure: Failure


def poison_failure(event: int, worker: str, death: Death | None) -> Failure:
    """Why an event is put aside that has cost two workers, with the evidence of the second."""
    alone = f"event {event} was alone on {worker} when it died, the second worker to do so"
    if death is None:
        return Failure("process", "WorkerDied", alone)
    return Failure(
        "process", death.failure.error, f"{death.failure.message}; {alone}", death.failure.traceback
    )


class FailureGroup:
    """All events that failed in the same way."""

    def __init__(self, failure: Failure, worker: str) -> None:
        self.failure = failure
        """The first failure of the group."""
        self.worker = worker
        """Who met it first."""
        self.events = RangeSet()
        self.count = 0


class Faults:
    """What failed in a run."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], FailureGroup] = {}
        self.count = 0

    def add(self, failure: Failure, worker: str, event: int | None) -> None:
        """A failure happened; ``event`` None: outside of any event."""
        self.count += 1
        last_line = failure.traceback.strip().rsplit("\n", 2)[-2:-1]
        key = (failure.where, failure.error, last_line[0] if last_line else failure.message)
        if key not in self._groups and len(self._groups) >= MOST_GROUPS:
            key = (failure.where, "other errors", "")
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = FailureGroup(failure, worker)
        group.count += 1
        if event is not None:
            group.events.add(event, event + 1)

    @property
    def groups(self) -> list[FailureGroup]:
        """The groups, in the order in which they first appeared."""
        return list(self._groups.values())
