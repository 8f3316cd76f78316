"""How far ahead of the data events are leased: what one look-ahead time brings, so that what a person changes counts soon."""

from __future__ import annotations

import itertools
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.scheduling.workforce import FIRST_CREDIT
from beamloom.triggermap import open_ended

LOOKAHEAD = 0.02
"""Seconds."""
TURN = 0.001
"""Seconds between two turns of the controller."""
WORKERS = 2
SLOW = 200.0
"""Frames per second after a burst."""
MOST_AT_THE_BEGINNING = 4 * WORKERS * FIRST_CREDIT
"""Credits double from results that came at once: at the slowest detector this is what is leased at the most."""


class Detector:
    """A detector that sets the pace: its events are reduced when their frames have come, and new ones are leased every turn."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(open_ended(["camera"]).instances(), lookahead=LOOKAHEAD)
        for index in range(WORKERS):
            self.scheduler.add_worker(f"w{index}", frozenset({"generic"}), 0.0)
        self.now = 0.0
        self.reduced = 0
        self._frames = 0.0
        self._leased: deque[tuple[str, int, int, int]] = deque()

    def run(self, rate: float, seconds: float) -> int:
        """Frames come at ``rate`` per second; returns the most events that were leased and not reduced after any turn."""
        most = 0
        for _ in range(round(seconds / TURN)):
            spans, _ = self.scheduler.assign(self.now)
            self._leased.extend((span.worker, span.slot, span.first, span.stop) for span in spans)
            self.now += TURN
            self._frames += rate * TURN
            self._reduce(int(self._frames))
            most = max(most, self.ahead)
        return most

    def _reduce(self, frames: int) -> None:
        for worker, slot, first, stop in list(itertools.takewhile(lambda one: one[2] < frames, self._leased)):
            self._leased.popleft()
            came = min(stop, frames)
            if came < stop:
                self._leased.appendleft((worker, slot, came, stop))
            self.scheduler.done(worker, slot, first, came, self.now)
            self.reduced = came
        self._frames = min(self._frames, self.scheduler.cursor)

    @property
    def ahead(self) -> int:
        return self.scheduler.cursor - self.reduced


def most_ahead(rate: float) -> float:
    return max(MOST_AT_THE_BEGINNING, 2 * LOOKAHEAD * rate)


@given(st.floats(10.0, 200_000.0))
def test_no_more_is_leased_ahead_than_comes_in_a_look_ahead_time(rate: float) -> None:
    assert Detector().run(rate, 1.0) <= most_ahead(rate)


@given(st.floats(1_000.0, 20_000.0))
def test_after_a_burst_what_it_had_leased_is_reduced_before_more_is_leased(burst: float) -> None:
    detector = Detector()
    detector.run(burst, 0.5)
    assert detector.run(SLOW, 0.5) <= most_ahead(burst)
    detector.run(SLOW, 4 * detector.ahead / SLOW)
    assert detector.ahead <= MOST_AT_THE_BEGINNING
