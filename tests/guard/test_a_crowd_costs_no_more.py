"""What the controller does for a lease stays the same however many workers there are, counted in steps of the interpreter.

Who was found by a look at every worker costs a thousand looks for each lease where a thousand take part.
"""

from __future__ import annotations

import sys

import pytest

from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.shares import Share
from beamloom.triggermap import batched
from guard.crowd import BATCH, Operations, operations_per_lease

FLAT = 1.1
"""Counted: 1.00 for ten times and for a hundred times as many workers."""
MOST = 3000
"""Counted: 2130, with one stream and ten leases in a step; 42 for each stream more."""
FEW, MANY = 10, 1000
ONCE = 4.0
"""Counted: 2.3 for a hundred times as many leases, which are gone through once for all ranges, and 200 where they are for each."""
RANGES = 200


untraced = pytest.mark.skipif(
    sys.getprofile() is not None or sys.gettrace() is not None, reason="something else is tracing already"
)


@untraced
@pytest.mark.timeout(120)
def test_a_lease_costs_the_controller_the_same_with_ten_workers_and_with_a_thousand() -> None:
    # Once round all of them, so that each has had a lease and given it back.
    few = operations_per_lease(FEW, streams=1, warm=20, steps=10)
    many = operations_per_lease(MANY, streams=1, warm=120, steps=10)
    assert few < MOST
    assert many < FLAT * few, (
        f"{many:.0f} steps for each lease among {MANY} workers, {few:.0f} among {FEW}: look for what goes through all of them in each turn"
    )


@untraced
def test_a_share_of_a_stream_goes_through_its_leases_once_for_all_that_is_settled() -> None:
    few, many = _operations_per_range(FEW), _operations_per_range(MANY)
    assert many < ONCE * few, f"{many:.0f} steps for each range among {MANY} leases, {few:.0f} among {FEW}"


def _operations_per_range(leases: int) -> float:
    layout = stream_layout(batched(["camera"], MANY * BATCH, BATCH, all_wrap=False), "camera")
    router = StreamRouter("camera", layout, Retention(1 << 30), share=Share(0, 2, in_turn=True))
    router.assign([Span(BATCH * number, BATCH, f"worker{number}") for number in range(leases)])
    operations = Operations()
    operations(lambda: router.release_all([(BATCH * number, BATCH * number + 2) for number in range(RANGES)]))
    return operations.count / RANGES
