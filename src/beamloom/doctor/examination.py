"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from beamloom.doctor import of_processes, of_runs, of_streams
from beamloom.doctor.finding import Finding, Gravity
from beamloom.doctor.situation import Situation

Check = Callable[[Situation], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    of_runs.obstacles,
    of_runs.reducer_away,
    of_runs.unsuited,
    of_processes.departed,
    of_processes.faults,
    of_streams.stalled,
    of_streams.stolen,
    of_streams.lengths,
    of_runs.failures,
    of_runs.warnings,
    of_processes.hung,
    of_processes.slow_reducer,
    of_streams.full,
    of_streams.skipped,
    of_processes.disks,
    of_processes.versions,
    of_processes.clocks,
)
"""In the order in which findings are told: what stops a run first."""


def examine(situation: Situation) -> list[Finding]:
    """All that is wrong, what is worst first; each thing once."""
    found = [finding for check in CHECKS for finding in check(situation)]
    known = {(finding.check, finding.about) for finding in found}
    # Who is away is not also waited for, and a stalled stream is not also behind others.
    hidden = {
        ("streams-apart", about)
        for check, about in known
        if check in ("stream-stalled", "beginning-missed", "device-away")
    }
    left = [finding for finding in found if (finding.check, finding.about) not in hidden]
    return sorted(left, key=lambda finding: list(Gravity).index(finding.gravity))
