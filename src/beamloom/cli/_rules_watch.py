"""Shows a chain of rules while it goes on: on a terminal in place, and else a line for whatever has changed."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from typing import Final

from beamloom.client import Chain, ChainStatus, StepStatus
from beamloom.client._rules_display import SIGNS
from beamloom.client._rules_told import error_lines, step_line
from beamloom.errors import NotReachable, TimedOut

PACE: Final = 0.5
"""Seconds between two looks."""
AWAY: Final = 30.0
"""Seconds for which the service may be away: it may be started again."""
BAR: Final = 20
"""Characters."""


def watch(chain: Chain) -> int:
    """Until it has ended; 0 where all went well, and else 1."""
    live = sys.stdout.isatty()
    lines, shown = 0, dict[int, str]()
    away_since: float | None = None
    while True:
        try:
            told, away_since = chain.status(), None
        except (NotReachable, TimedOut):
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since > AWAY:
                raise
            time.sleep(PACE)
            continue
        if live:
            lines = _draw(told, lines)
        else:
            shown = _say(told, shown)
        if told.state != "running":
            break
        time.sleep(PACE)
    if not live:
        print(f"chain {told.id} is {told.state}")
    return 0 if told.state == "done" else 1


def _draw(told: ChainStatus, before: int) -> int:
    """Write the chain over what was written before; how many lines it has."""
    columns = shutil.get_terminal_size().columns - 1
    lines = [line[:columns] for line in _lines(told)]
    up = f"\x1b[{before}A" if before else ""
    print(up + "".join(f"\r\x1b[2K{line}\n" for line in lines) + "\x1b[J", end="", flush=True)
    return len(lines)


def _lines(told: ChainStatus) -> Iterator[str]:
    yield f"chain {told.id}  {told.title}  {told.state}"
    width = max(len(step.name) for step in told.steps)
    for step in told.steps:
        yield f"  {SIGNS.get(step.state, ' ')} {step.name:<{width}}  {_bar(step)}  {step.state}, {step_line(step)}"
        yield from (f"      {line}" for line in error_lines(step))
        if step.state == "done":
            yield from (f"      {one.key}: {one.path}" for one in step.outputs)


def _bar(step: StepStatus) -> str:
    total = step.frames.final or step.frames.released
    filled = BAR * (step.frames.done + step.frames.failed) // total if total else 0
    return "█" * filled + "·" * (BAR - filled)


def _say(told: ChainStatus, shown: dict[int, str]) -> dict[int, str]:
    """A line for each step that has another state than before, or other errors; what is shown by now."""
    now = {step.id: "\n".join([step.state, *error_lines(step)]) for step in told.steps}
    for step in told.steps:
        if now[step.id] != shown.get(step.id):
            for line in [str(step), *(f"  {line}" for line in error_lines(step))]:
                print(line, flush=True)
    return now
