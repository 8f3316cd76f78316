"""A run that goes on, reduced again from event 0, and shown in the place of the live result once it has caught up.

Policy: nothing of the live run is touched. The recording is followed from its first event to its last, with what is changed holding for
all of them, so that the new result never depends on what the pipeline has made of an event before: none is missing and none counts
twice. It has caught up when it has come to where the live run was a few seconds ago, which is how long packets take through the
disk. From then on it is handed to the reducer again and again, whole each time, and shown by it for as long as that goes on. When this
process dies, or falls silent, the live result is shown again. So it is when parameters are changed once more, as the events before and
after would not be alike.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from beamloom.errors import PipelineError, UserError
from beamloom.replay import Audience, NothingRecorded, ReplayReport, Standing
from beamloom.reprocessing.again import Again, Wish
from beamloom.reprocessing.found import RecordedRun, files_of
from beamloom.reprocessing.publishing import Publisher

LOOK_EVERY = 0.5
"""Seconds between two looks at the live run."""
BEHIND = 4.0
"""Seconds by which it may be behind the live run: ingesters hand on what they record each second."""
RENEW_EVERY = 1.0
"""Seconds between two results that are handed in, at least."""
SHARE_OF_TIME = 0.1
"""Most of the time that goes into handing in."""
FIRST_PACKETS_SECONDS = 60.0
"""How long each stream may take to be in the recording."""


def made_ready(recorded: RecordedRun, wish: Wish, **more: Any) -> Again:
    """A live run as soon as a packet of each stream is recorded. Raises UserError where it cannot be followed."""
    deadline = time.monotonic() + FIRST_PACKETS_SECONDS
    while True:
        recorded, problem = files_of(recorded), "nothing is recorded yet"
        if recorded.files:
            try:
                return Again(recorded, wish, live=True, **more)
            except NothingRecorded as error:
                problem = str(error)
        if time.monotonic() > deadline:
            raise UserError(
                f"run {recorded.run} cannot be followed: {problem}; look whether its devices send"
            )
        time.sleep(LOOK_EVERY)


class Superseded(UserError):
    """The parameters of the live run were changed again."""


class Follower(Audience):
    """Hands in what there is, as soon as it has caught up, again and again."""

    def __init__(
        self,
        again: Again,
        publisher: Publisher,
        say: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``say`` is told, in words, what changes for people."""
        self.done = 0
        self.shown = False
        """Whether its result is what the reducer shows."""
        self.problem: str | None = None
        """Why the last result was not taken."""
        self._again = again
        self._publisher = publisher
        self._say = say
        self._clock = clock
        self._live: deque[tuple[float, int]] = deque()
        """When we looked, and how many events of the live run were settled then."""
        self._values = self._values_now()
        self._next_look = 0.0
        self._next_renewal = 0.0

    def begun(self) -> None:
        """A worker begins with an event."""
        self._publisher.tell(self._again.told(self.done))

    def stands(self, standing: Standing) -> None:
        """Look how far both are, and hand in what there is."""
        self.done = standing.settled
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            self._look(now)
            self._publisher.tell(self._again.told(self.done))
        if (self.shown or self._has_caught_up(now)) and now >= self._next_renewal:
            self._hand_in(standing, now)

    def _look(self, now: float) -> None:
        try:
            progress = self._publisher.controller.get("/api/v1/progress", dict[str, Any])
        except PipelineError as error:
            self.problem = str(error)
            return
        if (values := self._values_now()) and self._values and values != self._values:
            raise Superseded(
                "the parameters were changed again; the live result is shown, and made again with 'beamloom params set ... --again'"
            )
        if progress.get("run") == self._again.recorded.run:
            self._live.append((now, int(progress["completed_events"])))

    def _values_now(self) -> dict[str, Any]:
        """The parameters of the live run; empty while nobody tells."""
        try:
            told: dict[str, Any] = self._publisher.controller.get("/api/v1/epochs?last=1", dict[str, Any])
        except PipelineError:
            return {}
        values: dict[str, Any] = told["values"]
        return values

    def _has_caught_up(self, now: float) -> bool:
        while len(self._live) > 1 and now - self._live[1][0] > BEHIND:
            self._live.popleft()
        return bool(self._live) and self.done > 0 and self.done >= self._live[0][1]

    def _hand_in(self, standing: Standing, now: float) -> None:
        record = self._again.record(standing)
        try:
            self._publisher.hand_in(record, standing.publish, instead=self._again.recorded.run, last=False)
        except PipelineError as error:
            # A reducer that was started again is given the next one.
            self.problem = str(error)
        else:
            if not self.shown:
                self._say(
                    f"caught up at event {self.done}; shown in the place of the live result from now on"
                )
            self.shown, self.problem = True, None
        cost = self._clock() - now
        self._next_renewal = self._clock() + max(RENEW_EVERY, cost * (1 / SHARE_OF_TIME - 1))


def finished(again: Again, publisher: Publisher, report: ReplayReport) -> str:
    """The run is over: the whole result stays in the place of the live one; returns the address of it. Raises PipelineError."""
    record = again.record(report)
    where = publisher.hand_in(record, report.publish, instead=again.recorded.run)
    publisher.conclude(again.told(report.counts.total or 0, report))
    return where
