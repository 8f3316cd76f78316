"""What a supervisor says at its end of the runs that it has seen, and whether they went well.

That is what ``beamloom replay`` says of its own run: nothing has failed, or no more events than ``max_failed`` allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

MOST_RUNS = 5
"""Runs of which it is said what failed; the newest ones."""
MOST_KINDS = 3

Ask = Callable[[str], Any]
"""Gives what the controller answers at a path below ``/api/v1/``; None where it does not."""


def verdict(ask: Ask) -> tuple[list[str], bool]:
    """Lines on the runs of which something failed, and whether all went well. Says nothing where the controller does not answer."""
    runs = ask("runs") or []
    lines: list[str] = []
    bad = [run for run in runs if not run.get("clean", True)]
    for run in bad[:MOST_RUNS]:
        lines += _lines(ask, run)
    if len(bad) > MOST_RUNS:
        lines.append(f"and {len(bad) - MOST_RUNS} runs before, of which events failed, too")
    return lines, not bad


def _lines(ask: Ask, run: dict[str, Any]) -> Iterator[str]:
    total = run["reduced"] + run["failed"] + run["lost"]
    yield (
        f"run {run['run'][:8]}: {total} events: {run['reduced']} reduced, {run['failed']} failed, {run['lost']} lost"
        + (f"; degraded: {run['degraded']}" if run.get("degraded") else "")
    )
    errors = ask(f"errors?run={quote(run['run'])}") or []
    for error in errors[:MOST_KINDS]:
        at = "" if not error["events"] else f" at event {error['first_event']}"
        more = f" and {len(error['events']) - 1} more" if len(error["events"]) > 1 else ""
        message = error["message"].partition("\n")[0]
        yield f"  {error['where']} failed{at}{more}: {error['error']}: {message}"
        yield f"    {error['what_to_do']}"
    if len(errors) > MOST_KINDS:
        yield f"  and {len(errors) - MOST_KINDS} kinds of failure more"
