"""The figures of a pipeline as its controller knows them, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beamloom.control.views.ensemble import health
from beamloom.metrics import Figure

PHASES = ("idle", "running", "stopping", "complete", "finished")


def figures_of(controller: Any, now: float) -> Iterator[Figure]:
    """All of them; ``now`` is of the monotonic clock of the controller."""
    yield Figure("beamloom_ready", health(controller)["ready"], says="Whether a run could be armed.")
    yield Figure(
        "beamloom_runs_past", len(controller.past), says="Earlier runs that the controller remembers."
    )
    yield from _of_run(controller.active)
    yield from _of_streams(controller.active)
    own = {"process": controller.settings.name, "role": "controller"}
    yield from _as_told(controller.figures, own)
    for member in controller.ensemble:
        yield from _of_process(member, now)


def _of_run(active: Any) -> Iterator[Figure]:
    phase = "idle" if active is None else "finished" if active.finished else str(active.run.phase)
    for name in PHASES:
        yield Figure(
            "beamloom_run_phase",
            name == phase,
            {"phase": name},
            "1 for the phase in which the run is, 0 for the others.",
        )
    yield Figure(
        "beamloom_run_queue_events",
        _queue(active),
        says="Events whose packets are all there and that are not settled.",
    )
    if active is None:
        return
    counts = active.run.ledger.counts()
    for name in ("reduced", "failed", "lost", "assigned", "pending"):
        number = getattr(counts, name)
        if number is not None:
            yield Figure(
                "beamloom_run_events", number, {"outcome": name}, "Events of the run, by what became of them."
            )
    yield Figure(
        "beamloom_run_redelivered", active.run.redelivered, says="Deliveries that went to another worker."
    )
    yield Figure(
        "beamloom_run_handed_back",
        active.run.handed_back,
        says="Deliveries that workers which left in order had not begun.",
    )
    yield Figure(
        "beamloom_run_quarantined",
        len(active.run.faults.quarantined),
        says="Events that were put aside because of what they did to processes; they are among the failed ones.",
    )
    yield Figure(
        "beamloom_run_last_assigned", active.run.last_assigned, says="Events that have been given out."
    )


def _queue(active: Any) -> int:
    """0 without a run, so that whoever follows it always has a number."""
    if active is None or active.finished or not active.reports.by_stream:
        return 0
    complete: int = min(report.complete_until for report in active.reports.by_stream.values())
    settled: int = active.run.ledger.settled_count
    return max(0, complete - settled)


def _of_streams(active: Any) -> Iterator[Figure]:
    if active is None:
        return
    settled = active.run.ledger.settled_count
    for stream, report in active.reports.by_stream.items():
        labels = {"stream": stream}
        for what in report.counts.__struct_fields__:
            yield Figure(
                "beamloom_stream_packets",
                getattr(report.counts, what),
                {**labels, "what": what},
                "Packets, by what became of them.",
            )
        yield Figure(
            "beamloom_stream_complete_until",
            report.complete_until,
            labels,
            "All packets before this event are there.",
        )
        yield Figure(
            "beamloom_stream_lag_events", max(0, report.complete_until - settled), labels,
            "Events whose packets are there and that are not settled.",
        )  # fmt: skip


def _of_process(member: Any, now: float) -> Iterator[Figure]:
    labels = {"process": member.name, "role": member.role}
    yield Figure(
        "beamloom_process_heartbeat_age_seconds",
        max(0.0, now - member.heard_at),
        labels,
        "Since its last sign of life.",
    )
    yield Figure(
        "beamloom_process_events_per_second", member.rate("processed_events"), labels, "Over the last second."
    )
    yield Figure(
        "beamloom_process_at_fault",
        member.register.fault is not None,
        labels,
        "Whether its class cannot be used.",
    )
    yield from _as_told(member.figures, labels)


def _as_told(figures: Mapping[str, float], labels: dict[str, str]) -> Iterator[Figure]:
    for name, value in figures.items():
        yield Figure(
            f"beamloom_process_{name}", value, labels, "As the process tells it with its signs of life."
        )
