"""The largest rate that a pipeline keeps up with, and who ends first, by halving what is not known again and again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from simulation.costs import Costs
from simulation.scenario import Outcome, Scenario, Simulation

LOWEST, HIGHEST = 500.0, 2e6
"""Events per second between which it is looked for."""
STEPS = 6
"""Halvings of the logarithm: the answer is within 14 %."""
AT_LEAST = 0.15
"""Seconds of packets."""
ROUNDS = 2.5
"""Times that each worker works off a batch, besides."""
FEWEST, MOST = 1_000, 60_000
"""Events of one simulation."""


class Largest(msgspec.Struct, frozen=True):
    """What was found."""

    scenario: Scenario
    """At the largest rate."""
    outcome: Outcome
    ends_first: str
    """The role that had no time left at the rate above."""


def largest_rate(
    scenario: Scenario, costs: Costs, say: Callable[[str], None] = lambda text: None
) -> Largest | None:
    """The largest rate of this pipeline; None where it keeps up with none."""
    low, high, found, ends = LOWEST, HIGHEST, None, ""
    for _ in range(STEPS):
        rate = (low * high) ** 0.5
        tried = at_rate(scenario, rate)
        outcome = Simulation(tried, costs).run()
        say(f"{rate:,.0f} events/s: {'kept up' if outcome.sustained else outcome.ends_first + ' ends'}")
        if outcome.sustained:
            low, found = rate, (tried, outcome)
        else:
            high, ends = rate, outcome.ends_first
    return None if found is None else Largest(*found, ends or found[1].ends_first)


def at_rate(scenario: Scenario, rate: float) -> Scenario:
    """The same at another rate, for as long as it takes until every worker has had several batches."""
    a_batch = (
        0.5 * scenario.batch * scenario.workers / rate
        if scenario.analysis is None
        else scenario.batch * scenario.analysis
    )
    events = min(max(rate * (AT_LEAST + ROUNDS * a_batch), FEWEST), MOST)
    return msgspec.structs.replace(scenario, rate=rate, seconds=events / rate)
