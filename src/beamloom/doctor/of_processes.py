"""Checks of processes: gone, not to be used, hung, slow, of other versions, with other clocks, on full disks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from beamloom.doctor.finding import Finding, Gravity, listed, size, span
from beamloom.doctor.situation import Disk, ProcessView, Situation

BACK_WARNED = 30.0
"""Seconds after which a process that has gone and is back is only noted."""
DEPARTURES_TOLD = 600.0
"""Seconds for which a process that has gone and is back is still told of."""
HANGS_AFTER = 5.0
"""Seconds in one event after which somebody wants to know, where events do not take that long."""
USUAL = 10
"""So many times the usual time of an event is unusual."""
CLOCKS_APART = 1.0
"""Seconds between two clocks that are too many for log lines and files to be compared."""
QUIET_BEATS = 3
"""Signs of life missing in a row before a process counts as quiet."""
OUTBOX_PATIENCE = 1.0


def departed(now: Situation) -> Iterator[Finding]:
    """A process has gone, and is not back; or it has been back a short while."""
    for gone in now.departures:
        if not gone.back:
            kind = "worker" if gone.role == "debugworker" else gone.role
            yield Finding(
                "process-gone",
                gone.name,
                f"{gone.name} is gone: {gone.cause}",
                f"its supervisor starts it again; by hand: 'beamloom {kind}'. What it wrote last is in its log",
                gone.at,
                Gravity.TROUBLE if _needed(now, gone.role) else Gravity.WARNING,
            )
        elif now.now - gone.at < DEPARTURES_TOLD and not gone.cause.startswith("told to end"):
            yield Finding(
                "process-restarted",
                gone.name,
                f"{gone.name} was gone {span(now.now - gone.at)} ago and is back: {gone.cause}",
                "nothing; if it happens again, look at /api/v1/errors and at its log",
                gone.at,
                Gravity.WARNING if now.now - gone.at < BACK_WARNED else Gravity.NOTE,
            )


def _needed(now: Situation, role: str) -> bool:
    return role in ("ingester", "reducer") or not now.workers


def faults(now: Situation) -> Iterator[Finding]:
    """A class cannot be used, a device cannot be opened, or something is not being kept."""
    for process in now.processes:
        if process.fault is not None:
            first, _, _ = process.fault.partition("\n")
            is_code = process.role != "ingester"
            yield Finding(
                "code-not-usable" if is_code else "device-not-ready",
                process.name,
                f"{process.name} cannot use {process.analysis or 'its class'}: {first}"
                if is_code
                else f"{process.name} cannot open its devices: {first}",
                "correct the class or install what it needs, then start the process again"
                if is_code
                else "correct the address in the pipeline file, or free what is taken; it is tried again by itself",
                gravity=Gravity.WARNING if process.role == "shadowworker" else Gravity.TROUBLE,
            )
        if process.alarm is not None:
            yield Finding(
                "not-kept",
                process.name,
                f"{process.name} goes on, and does not keep all it should: {process.alarm}",
                "make room or mend the disk; until then a restart of this process costs what is not kept",
                gravity=Gravity.WARNING,
            )


def hung(now: Situation) -> Iterator[Finding]:
    """User code is at one event for much longer than it usually takes; or a process says nothing."""
    for process in now.processes:
        for wait in process.waits:
            if wait.what != "user code":
                continue
            taken = now.now - wait.since
            mean = process.mean_seconds
            usual = "" if mean is None else f"; an event takes {span(mean)} otherwise"
            if taken > max(HANGS_AFTER, USUAL * (mean or 0.0)):
                yield Finding(
                    "user-code-hangs",
                    process.name,
                    f"{process.name} has been in user code with event {wait.about} for {span(taken)}{usual}",
                    f"wait for event_timeout, which ends it; to see where it hangs: py-spy dump --pid {process.pid} on {process.host}",
                    wait.since,
                    Gravity.WARNING,
                )
        silence = now.now - process.heard_at
        if silence > QUIET_BEATS * now.heartbeat_interval:
            yield Finding(
                "process-quiet",
                process.name,
                f"{process.name} has given no sign of life for {span(silence)}",
                "after heartbeat_timeout it counts as gone and its events go to others; "
                "see whether its machine or its network stands still",
                process.heard_at,
                Gravity.WARNING,
            )


def slow_reducer(now: Situation) -> Iterator[Finding]:
    """Workers wait because the reducer does not take their results."""
    waiting = [
        (worker, wait)
        for worker in now.workers
        for wait in worker.waits
        if wait.what == "reducer" and now.now - wait.since >= OUTBOX_PATIENCE
    ]
    if not waiting or now.reducer is None:
        return
    since = min(wait.since for _, wait in waiting)
    mean = now.reducer.mean_seconds
    takes = "" if mean is None else f"; it takes {1000 * mean:.3g} ms for an event"
    names = listed([worker.name for worker, _ in waiting])
    yield Finding(
        "reducer-slow",
        now.reducer.name,
        f"the reducer does not keep up: {names} {'waits' if len(waiting) == 1 else 'wait'} until it has taken results{takes}",
        "do less in process_result, send less from the map, or let workers merge results (combine = True, result types)",
        since,
        Gravity.WARNING,
    )


def clocks(now: Situation) -> Iterator[Finding]:
    """The clock of another machine is apart from the controller's."""
    hosts: dict[str, list[ProcessView]] = defaultdict(list)
    for process in now.processes:
        if process.clock_offset is not None and abs(process.clock_offset) >= CLOCKS_APART:
            hosts[process.host].append(process)
    for host, processes in hosts.items():
        offset = min((p.clock_offset or 0.0 for p in processes), key=abs)
        yield Finding(
            "clocks-apart",
            host,
            f"the clock of {host} is {span(abs(offset))} {'ahead of' if offset > 0 else 'behind'} the controller's "
            f"({listed([process.name for process in processes])})",
            "synchronize the machines by NTP (chronyc tracking); events are not affected, times in logs and files are",
            gravity=Gravity.WARNING,
        )


def versions(now: Situation) -> Iterator[Finding]:
    """Processes are of different versions of Beamloom, or run different versions of one analysis."""
    others = [process for process in now.processes if process.version != now.version and process.version]
    if others:
        said = listed([f"{process.name} ({process.version})" for process in others])
        yield Finding(
            "versions-mixed",
            others[0].name,
            f"not all processes are of the controller's version {now.version}: {said}",
            "install the same version everywhere and start these processes again",
            gravity=Gravity.WARNING,
        )
    by_class: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for process in now.workers:
        if process.analysis and process.commit:
            by_class[process.analysis][process.commit].append(process.name)
    for analysis, commits in by_class.items():
        if len(commits) > 1:
            said = "; ".join(f"{commit[:12]}: {listed(names)}" for commit, names in commits.items())
            yield Finding(
                "analysis-mixed",
                analysis,
                f"workers run different versions of {analysis}: {said}",
                "start the workers again, so that all import what is there now",
                gravity=Gravity.WARNING,
            )


def disks(now: Situation) -> Iterator[Finding]:
    """A disk that is written to is nearly full."""
    places = [("controller", disk) for disk in now.disks]
    places += [(process.name, disk) for process in now.processes for disk in process.disks]
    low: dict[str, list[tuple[str, Disk]]] = defaultdict(list)
    for name, disk in places:
        if disk.free < now.disk_low:
            low[disk.path].append((name, disk))
    for path, who in low.items():
        said = listed([f"the {disk.purpose} of {name}" for name, disk in who])
        yield Finding(
            "disk-nearly-full",
            path,
            f"{size(who[0][1].free)} are free where {said} {'is' if len(who) == 1 else 'are'} written ({path})",
            "remove what is not needed or name another folder; when it is full, the analysis goes on and nothing more is kept",
            gravity=Gravity.WARNING,
        )
