"""Checks of the run and of what it needs: nobody for its tags, no reducer, refused, failing."""

from __future__ import annotations

from collections.abc import Iterator

from beamloom.doctor.finding import Finding, Gravity, listed
from beamloom.doctor.situation import Situation


def unsuited(now: Situation) -> Iterator[Finding]:
    """The run asks for a tag that nobody has, for more workers than there are, or for a stream that is not there."""
    if now.running is not None and now.running.unsuited is not None:
        yield Finding(
            "nobody-suits",
            now.running.run,
            f"the run waits for processes that are not there: {now.running.unsuited.partition(';')[0]}",
            now.running.unsuited.partition(";")[2].strip() or "start the processes that are missing",
        )


def reducer_away(now: Situation) -> Iterator[Finding]:
    """The run has lost its reducer."""
    run = now.running
    if run is not None and run.reducer_away_since is not None:
        yield Finding(
            "reducer-away",
            "reducer",
            f"the run waits for its reducer: {run.reducer_away_cause}",
            "start it again ('beamloom reducer'); after reducer_timeout the run is given up",
            run.reducer_away_since,
        )


def obstacles(now: Situation) -> Iterator[Finding]:
    """No run could be armed now, or the last one was refused."""
    for obstacle in now.obstacles:
        what, _, do = obstacle.partition(";")
        yield Finding("no-run-possible", "", what, do.strip() or "mend that, then arm again")
    if now.refusal is not None:
        yield Finding(
            "run-refused",
            "",
            f"the last run was refused: {now.refusal.removeprefix('the run was not armed: ')}",
            "mend what the sentence names, then arm again",
            now.refused_at,
            Gravity.WARNING,
        )


def failures(now: Situation) -> Iterator[Finding]:
    """User code fails."""
    if now.run is None or not now.run.failures:
        return
    run = now.run
    first = run.failures[0]
    others = [failure.cause for failure in run.failures[1:]]
    also = f"; also {listed(others, 2)}" if others else ""
    where = (
        f" in {first.count:,} {'event' if first.count == 1 else 'events'} ({first.events})"
        if first.events
        else ""
    )
    yield Finding(
        "user-code-fails",
        first.cause.partition(":")[0],
        f"user code fails: {first.cause}{where}{also}",
        "the tracebacks are in /api/v1/errors; the run goes on without these events",
        gravity=Gravity.TROUBLE if run.failed and run.failed == run.settled else Gravity.WARNING,
    )


def warnings(now: Situation) -> Iterator[Finding]:
    """The analysis of the run that goes on has warned."""
    run = now.running
    if run is None or not run.warnings:
        return
    latest = run.warnings[-1]
    before = f", and {len(run.warnings) - 1} times before" if len(run.warnings) > 1 else ""
    yield Finding(
        "analysis-warns",
        run.run,
        f"the analysis gives a {latest.words}{before}",
        "look into that; 'beamloom status' shows all that the analysis has said",
        latest.at,
        Gravity.WARNING,
    )
