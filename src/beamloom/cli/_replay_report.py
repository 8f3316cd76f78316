"""What the replay command tells people: where results are served, how far it is, and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beamloom.cli._passing_line import PassingLine
from beamloom.replay import Audience

if TYPE_CHECKING:
    from beamloom.engine.accounts.faults import FailureGroup
    from beamloom.replay import ReplayReport

PROGRESS_EVERY = 0.25
"""Seconds between two updates of the line that shows how far the replay is."""
MOST_TRACEBACKS = 10
"""Kinds of failure that are shown with their tracebacks."""

MOST_FEEDBACK = 20
"""Pieces of feedback that are shown."""


class Teller(Audience):
    """Writes results to the standard output, and what went wrong to the standard error."""

    def __init__(self, stays: str | None = None) -> None:
        """``stays``: what to say at the end of a replay that does not end by itself."""
        self._stays = stays
        self._line = PassingLine()
        self._next_progress = time.monotonic() + PROGRESS_EVERY

    def serving(self, url: str) -> None:
        """Say where to look."""
        print(f"results at {url}/api/v1/result/$", flush=True)

    def progress(self, settled: int, total: int) -> None:
        """Keep one line on a terminal up to date."""
        if self._line.shows and (now := time.monotonic()) >= self._next_progress:
            self._next_progress = now + PROGRESS_EVERY
            self._line.say(f"{settled} of {total} events")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Recordings are looked through: the one thing that may take long before anything is run."""
        self._line.say("reading the recordings")
        try:
            yield
        finally:
            self._line.close()

    def withdraw(self) -> None:
        """Say no more of a replay whose end nobody waits for."""
        self._line.close()

    def finished(self, report: ReplayReport) -> None:
        """Say what came of it: failures, losses, remarks, and the counts at the end."""
        from beamloom.control.views.runs import as_text

        self._line.close()
        for group in report.failures[:MOST_TRACEBACKS]:
            _warn(f"{_sentence(group)}:\n{_indented(group.failure.traceback)}{_again(group, report)}\n")
        for group in report.failures[MOST_TRACEBACKS:]:
            _warn(f"{_sentence(group)}: {group.failure.error}: {group.failure.message}")
        for cause, lost in report.losses:
            _warn(f"lost: {_events(as_text(lost), len(lost))}: {cause}")
        if report.degraded is not None:
            _warn(f"degraded: {report.degraded.partition(';')[0]}")
        for remark in report.remarks:
            _warn(f"note: {remark}")
        for one in report.feedback[:MOST_FEEDBACK]:
            print(f"the analysis said: {one}")
        if len(report.feedback) > MOST_FEEDBACK:
            print(f"and said {len(report.feedback) - MOST_FEEDBACK:,} things more")
        counts = report.counts
        print(
            f"{counts.total} event{'' if counts.total == 1 else 's'} in {report.seconds:.2f} s: "
            f"{counts.reduced} reduced, {counts.failed} failed, {counts.lost} lost",
            flush=True,
        )
        if self._stays is not None:
            print(self._stays, flush=True)


def _sentence(group: FailureGroup) -> str:
    from beamloom.control.views.runs import as_text

    if not group.events:
        times = "" if group.count == 1 else f" {group.count} times"
        return f"{group.failure.where} failed{times}"
    return f"{group.failure.where} failed at {_events(as_text(group.events), len(group.events))}"


def _again(group: FailureGroup, report: ReplayReport) -> str:
    """How the call is made again, on a line of its own."""
    if not group.capsules or report.capsules is None:
        return ""
    return f"\n    make this call again: beamloom debug {report.capsules / group.capsules[0]}"


def _events(text: str, count: int) -> str:
    return f"event {text}" if count == 1 else f"events {text} ({count} in all)"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
