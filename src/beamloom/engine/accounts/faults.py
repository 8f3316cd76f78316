"""The failures of a run, grouped: one entry for each kind of failure, with all events that it hit.

Invariant: every failed event is in at least one group; the number of groups, and so the memory, is bounded.

A kind is a *signature*: the hook, the class of the exception, and the line that it was raised at. Messages are no part of it, as they
tell the values of one event; where no line is known, the message is, but for which event it was and on which worker.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from beamloom.engine.ranges import RangeSet

PROCESS = "process"
"""Where a failure is that has ended the process which ran user code."""
MOST_GROUPS = 256
MOST_WORKERS = 64
"""Workers that are named in one group."""
MOST_CAPSULES = 16
"""Capsules that are named in one group."""
OTHER = "other errors"
"""What the group of those is called that are beyond MOST_GROUPS kinds."""

_OF_ONE_EVENT = re.compile(r"\bevent \d+|\balone on \S+")
_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)(?:,)? in (\S+)')


class Failure(msgspec.Struct, frozen=True):
    """One failure of user code, or of the process that ran it."""

    where: str
    """The hook that failed, such as ``process_event``; PROCESS when the process died."""
    error: str
    """Name of the exception's class."""
    message: str
    traceback: str = ""
    capsule: str = ""
    """Name of the capsule that was made of the call; empty where there is none."""

    @property
    def place(self) -> str:
        """The line that it was raised at, as ``worker.py:17 in process_event``; empty where nothing is known of that."""
        found = _PLACE.findall(self.traceback)
        if not found:
            return ""
        # Python writes the latest call last; what the interpreter writes as it crashes has it first.
        file, line, function = found[-1] if self.traceback.lstrip().startswith("Traceback") else found[0]
        return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line} in {function}"

    @property
    def signature(self) -> str:
        """What tells this kind of failure from others: a short word that is the same in every process."""
        told = "\n".join((self.where, self.error, self.place or _OF_ONE_EVENT.sub("", self.message)))
        return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:10]


class Death(msgspec.Struct, frozen=True):
    """What is known of a worker's death."""

    event: int | None
    """The event that its user code worked on; None when it was not at work."""
    failure: Failure


def poison_failure(event: int, worker: str, death: Death | None) -> Failure:
    """Why an event is put aside that has cost two workers, with the evidence of the second."""
    alone = f"event {event} was alone on {worker} when it died, the second worker to do so"
    if death is None:
        return Failure(PROCESS, "WorkerDied", alone)
    return Failure(
        PROCESS,
        death.failure.error,
        f"{death.failure.message}; {alone}",
        death.failure.traceback,
        death.failure.capsule,
    )


class FailureGroup:
    """All events that failed in the same way."""

    def __init__(self, signature: str, failure: Failure, worker: str) -> None:
        self.signature = signature
        self.failure = failure
        """The first failure of the group."""
        self.worker = worker
        """Who met it first."""
        self.workers: dict[str, None] = {}
        """Who met it, in the order in which they did."""
        self.events = RangeSet()
        self.count = 0
        self.capsules: list[str] = []
        """Names of the capsules that were made of it, the first ones."""

    def add(self, failure: Failure, worker: str, event: int | None) -> None:
        """It happened once more."""
        self.count += 1
        if len(self.workers) < MOST_WORKERS:
            self.workers[worker] = None
        if event is not None:
            self.events.add(event, event + 1)
        capsule = failure.capsule
        if capsule and len(self.capsules) < MOST_CAPSULES and capsule not in self.capsules:
            self.capsules.append(capsule)


class Faults:
    """What failed in a run."""

    def __init__(self) -> None:
        self._groups: dict[str, FailureGroup] = {}
        self.count = 0
        self.quarantined = RangeSet()
        """The events that were put aside because of what they, or their results, did to processes."""

    def add(self, failure: Failure, worker: str, event: int | None) -> None:
        """A failure happened; ``event`` None: outside of any event."""
        self.count += 1
        if failure.where == PROCESS and event is not None:
            self.quarantined.add(event, event + 1)
        key = failure.signature
        if key not in self._groups and len(self._groups) >= MOST_GROUPS:
            key = OTHER
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = FailureGroup(key, failure, worker)
        group.add(failure, worker, event)

    @property
    def groups(self) -> list[FailureGroup]:
        """The groups, in the order in which they first appeared."""
        return list(self._groups.values())
