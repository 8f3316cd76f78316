"""The largest rate that a pipeline would sustain with other numbers of workers and processors, from what one run has cost its processes.

Policy: what an event costs each process stays what it was; the workers share their part, and all processes share the processors. What a run
had less than its costs allow, because processes wait for each other, others will have less, too. Nothing is said of a machine that was
busy with something else: then the costs alone are told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from beamloom.benching.costs import MACHINE, WORKERS, LiveRun, UserCosts, limits

TRUSTED = 0.7
"""A run with less than this part of the rate that its costs allow had not the machine for itself."""
IDLE = 0.05
"""Who has work for less of the time is mostly busy with looking around, which is not more when there are more events."""
FULL = 0.5
"""Who is busy for less of the time may do more in a message when there is more to do: then it costs less."""


class Forecast(msgspec.Struct, frozen=True):
    """What so many workers would give."""

    workers: int
    cores: int
    rate: float
    """Events per second."""
    ends_first: str
    """A process, ``workers`` or ``machine``."""
    user_share: float
    """The part of its time that goes into the analysis, from 0 to 1."""
    measured: float | None = None
    """Events per second, where it was tried."""

    @property
    def error(self) -> float | None:
        """By which part of what was measured the prediction is too high; None where it was not tried."""
        return None if self.measured is None else self.rate / self.measured - 1


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told."""

    version: str
    probe: LiveRun
    """The run that it follows from."""
    user: UserCosts
    bytes_each: float | None
    """Bytes of the packets of an event; None where that is not known."""
    forecasts: list[Forecast]
    enough: int
    """Workers beyond which more give nothing with these processors."""
    remarks: list[str] = []

    def to_json(self) -> bytes:
        """All of it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def efficiency(probe: LiveRun, user: UserCosts) -> float:
    """The part of what its costs allow that a run had which was fed as fast as it went, from 0 to 1; 1 where it had not the machine."""
    part = probe.rate / limits(probe, user, probe.workers)[0].rate
    return min(part, 1.0) if part >= TRUSTED else 1.0


def forecast(probe: LiveRun, user: UserCosts, workers: int, cores: int, had: float = 1.0) -> Forecast:
    """What ``workers`` on machines with ``cores`` in all would sustain; ``had``: the part of what costs allow that is really had."""
    lowest = limits(msgspec.structs.replace(probe, cores=cores), user, workers)[0]
    return Forecast(workers, cores, had * lowest.rate, lowest.what, lowest.user_share)


def enough_workers(probe: LiveRun, user: UserCosts, cores: int) -> int:
    """The fewest workers of which one more gives nothing."""
    others = [
        one.rate
        for one in limits(msgspec.structs.replace(probe, cores=cores), user, probe.workers)
        if one.what != WORKERS
    ]
    return max(1, math.ceil(min(others) * probe.each("worker") - 1e-9))


def numbers_told(wanted: Iterable[int], enough: int) -> list[int]:
    """Numbers of workers that are told: those asked for, doubled ones from 1 on up to what is enough, and that."""
    doubled = [1 << power for power in range(enough.bit_length()) if 1 << power < enough]
    return sorted({*wanted, *doubled, enough})


def sentences(found: Capacity) -> list[str]:
    """What follows, for people."""
    last = next(one for one in found.forecasts if one.workers == found.enough)
    cores = "one processor" if last.cores == 1 else f"{last.cores} processors"
    crew = "one worker gives" if found.enough == 1 else f"{found.enough} workers give"
    said = [f"With {cores} more than {crew} nothing: {_who(last.ends_first)} at {last.rate:,.0f} events/s."]
    if found.bytes_each is not None:
        said.append(f"The network carries {last.rate * found.bytes_each * 8e-9:,.3g} Gbit/s by then.")
    return said


def _who(what: str) -> str:
    if what == MACHINE:
        return "no processor has time left"
    return "the workers have no time left" if what == WORKERS else f"{what} has no time left"
