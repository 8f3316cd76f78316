"""What the controller does for a lease stays the same however many workers there are, counted in steps of the interpreter.

Who was found by a look at every worker costs a thousand looks for each lease where a thousand take part.
"""

from __future__ import annotations

import sys

import pytest

from guard.crowd import operations_per_lease

FLAT = 1.1
"""Counted: 1.00 for ten times and for a hundred times as many workers."""
MOST = 3000
"""Counted: 2130, with one stream and ten leases in a step; 42 for each stream more."""
FEW, MANY = 10, 1000


@pytest.mark.skipif(
    sys.getprofile() is not None or sys.gettrace() is not None, reason="something else is tracing already"
)
@pytest.mark.timeout(120)
def test_a_lease_costs_the_controller_the_same_with_ten_workers_and_with_a_thousand() -> None:
    # Once round all of them, so that each has had a lease and given it back.
    few = operations_per_lease(FEW, streams=1, warm=20, steps=10)
    many = operations_per_lease(MANY, streams=1, warm=120, steps=10)
    assert few < MOST
    assert many < FLAT * few, (
        f"{many:.0f} steps for each lease among {MANY} workers, {few:.0f} among {FEW}: look for what goes through all of them in each turn"
    )
