"""From a pipeline file and a recording, or from a pipeline that runs, to what it could sustain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from beamloom.benching.benching import Bench, Question
from beamloom.benching.capacity import (
    FULL,
    IDLE,
    TRUSTED,
    Capacity,
    Forecast,
    efficiency,
    enough_workers,
    forecast,
    numbers_told,
)
from beamloom.benching.costs import LiveRun, ProcessCost, UserCosts, limits
from beamloom.benching.findings import user_costs
from beamloom.benching.running import Load, watch
from beamloom.errors import UserError
from beamloom.version import VERSION


def from_recording(
    question: Question,
    wanted: Sequence[int],
    cores: int | None,
    *,
    verify: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Capacity:
    """Run the pipeline for a moment with one worker, and tell of others. ``verify``: try those that this machine can.

    Raises a UserError for whatever cannot be measured as asked.
    """
    bench = Bench(question, say)
    plain = bench.alone()
    probe = bench.live(1)
    user = user_costs(plain)
    had = probe.rate / limits(probe, user, probe.workers)[0].rate
    remarks = []
    if had < TRUSTED:
        remarks.append(
            f"the pipeline had {100 * had:.0f} % of the rate that its costs allow: something else was at work here, so the costs alone "
            "are told"
        )
    if probe.failed or probe.lost:
        remarks.append(
            f"{probe.failed} events failed and {probe.lost} were lost: what fails is quick; look at 'beamloom replay'"
        )
    found = _told(probe, user, wanted or [bench.workers], cores or probe.cores, efficiency(probe, user))
    forecasts = found.forecasts
    if verify:
        forecasts = [
            msgspec.structs.replace(one, measured=bench.live(one.workers).rate)
            if one.workers in (wanted or [bench.workers])
            else one
            for one in forecasts
        ]
    return msgspec.structs.replace(
        found, forecasts=forecasts, bytes_each=sum(bench.bytes_of.values()), remarks=remarks
    )


def from_running(
    ask: Callable[[], Load], wanted: Sequence[int], cores: int, seconds: float | None
) -> Capacity:
    """The same of a pipeline that runs; ``seconds``: how long it is watched, None takes its run as far as it has come."""
    watched, user = watch(ask, seconds, cores)
    probe = msgspec.structs.replace(watched, processes=list(_telling(watched)))
    busiest = max((one.busy / max(one.seconds, 1e-9) for one in watched.processes), default=0.0)
    if not probe.processes:
        raise UserError(
            f"its processes have work for {100 * busiest:.1f} % of the time at most, which says nothing of what they could carry; ask "
            "while events come faster, or name a pipeline file and a recording with -f"
        )
    remarks = []
    if len(probe.processes) < len(watched.processes):
        idle = [one.name for one in watched.processes if one not in probe.processes]
        remarks.append(f"{', '.join(idle)} had next to nothing to do, and what they could carry is not known")
    if busiest < FULL:
        remarks.append(
            f"its busiest process has work for {100 * busiest:.0f} % of the time; with more to do, more events share a message and cost "
            "less, so that it may carry more than is told here"
        )
    return msgspec.structs.replace(_told(probe, user, wanted or [probe.workers], cores, 1.0), remarks=remarks)


def _telling(watched: LiveRun) -> Iterator[ProcessCost]:
    """The processes that have enough to do for their costs to be those of events: all workers, or none, and each of the others."""
    workers = [one for one in watched.processes if one.role == "worker"]
    for one in watched.processes:
        some = workers if one.role == "worker" else [one]
        if sum(each.busy for each in some) >= IDLE * sum(each.seconds for each in some):
            yield one


def _told(probe: LiveRun, user: UserCosts, wanted: Sequence[int], cores: int, had: float) -> Capacity:
    enough = enough_workers(probe, user, cores)
    forecasts: list[Forecast] = [
        forecast(probe, user, workers, cores, had) for workers in numbers_told(wanted, enough)
    ]
    return Capacity(
        version=VERSION, probe=probe, user=user, bytes_each=None, forecasts=forecasts, enough=enough
    )
