"""What an event costs, as far as it can be counted: a regression fails here on any machine, however slow or busy, without a timed test.

A bound is a fifth or so above what is counted today, or where it depends on how large the batches happen to become, a few times that.
Who makes something dearer on purpose raises the bound, and says why; who makes it cheaper lowers it.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from beamloom.events import Event
from guard.counting import Counting, Counts, per_event
from guard.real import small_pipeline, system_calls

BOUNDS = {
    # Counted: 0.02 messages, 23 to 27 calls, up to 0.02 blocks and 140 bytes.
    1: Counts(messages=0.04, calls=33, blocks=0.1, peak_bytes=500),
    # Counted: 0.03 messages, 38 to 47 calls, up to 0.02 blocks and 310 bytes. More streams are more packets, not more leases.
    3: Counts(messages=0.05, calls=55, blocks=0.1, peak_bytes=1000),
}
REASONS = {
    "messages": "packets, results, leases and acknowledgements travel in batches; a message for each event costs 20 us and more",
    "calls": "each call is 50 to 500 ns in the process that makes it; look for one that has come into a loop over events",
    "blocks": "the account of a run is kept as ranges, and does not grow with its events",
    "peak_bytes": "what waits is bounded by the look-ahead, not by the number of events",
}
"""Why each of them is bounded."""
MESSAGES_LIVE = 0.5
"""Counted: 0.03 to 0.1, in all processes; how many share a message depends on how busy the machine is."""
SYSTEM_CALLS = 6.0
"""Counted: 1.2 to 3.1, in all processes; with a message for each event there are 20 and more."""


@pytest.mark.skipif(
    sys.getprofile() is not None or sys.gettrace() is not None, reason="something else is profiling already"
)
@pytest.mark.timeout(120)
@pytest.mark.parametrize("streams", BOUNDS)
def test_one_event_more_costs_no_more_than_it_did(streams: int) -> None:
    counted = per_event(streams)
    risen = [
        f"{name} have risen to {number:.3g} for each event of {streams} streams, where {bound:g} are allowed: {REASONS[name]}"
        for name, number, bound in zip(Counts._fields, counted, BOUNDS[streams], strict=True)
        if number > bound
    ]
    assert not risen, "\n".join(risen)


class Chatty(Counting):
    """Does ten calls more for each event, and keeps something of each."""

    kept: ClassVar[list[bytes]] = []

    def process_event(self, event: Event) -> int:
        for _ in range(9):
            self.kept.append(bytes(100))
        return super().process_event(event)


@pytest.mark.timeout(120)
def test_what_an_event_costs_more_is_seen() -> None:
    plain, chatty = per_event(1), per_event(1, Chatty)
    Chatty.kept.clear()
    # How many calls a message takes depends on how many events share it.
    assert chatty.calls > plain.calls + 4
    assert chatty.blocks > plain.blocks + 8
    assert chatty.peak_bytes > plain.peak_bytes + 9 * 100


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_real_processes_share_messages_and_system_calls_among_events(tmp_path: Path) -> None:
    with small_pipeline(tmp_path) as pipeline:
        pipeline.run(2)
        run = pipeline.run(10)
        messages = sum(one.messages for one in run.processes) / run.events
        assert messages < MESSAGES_LIVE, (
            f"{messages:.3g} messages for each event: what shared one does so no more"
        )
        # In the first run all that happens once is counted, too, and where others want the processors each turn has less to do.
        fewest = math.inf
        for _ in range(5):
            try:
                counted, calls = system_calls(pipeline, 10)
            except RuntimeError as reason:
                pytest.skip(f"system calls cannot be counted here: {reason}")
            each = {name: number / counted.events for name, number in calls.items()}
            fewest = min(fewest, sum(each.values()))
            if fewest < SYSTEM_CALLS:
                break
    assert fewest < SYSTEM_CALLS, (
        f"{fewest:.1f} system calls for each event, where {SYSTEM_CALLS:g} are allowed; in the last round {each}"
    )
