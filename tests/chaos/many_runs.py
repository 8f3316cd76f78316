"""Many short runs in a row on one pipeline: what its processes hold afterwards is what they held before.

Maps of 0, 1 and a few events take turns, with series that are as long as the map, shorter and longer; so each way for a run to end is
among them.
"""

from __future__ import annotations

import time

import msgspec

from beamloom.devices.device import Simulator
from beamloom.placement import LocalPlacement
from beamloom.triggermap import uniform
from chaos.campaign import must, pipeline
from chaos.leaks import Holding, bytes_in, files_in, growth, holding, own_places, remains
from chaos.material import box_messages, camera_messages
from chaos.schedule import STREAMS, Flaws
from chaos.watching import Asker, Watch

SHAPES = ((5, 5), (1, 1), (20, 20), (8, 5), (5, 8), (0, 0))
"""Events of the map, and items that the camera sends for it."""
NOTHING = {"parts": {"main": {stream: [] for stream in STREAMS}}, "sequence": ["main"]}
WARM_UP = 2 * len(SHAPES)
"""Runs after which everything that is loaded once is loaded."""
MOST_MEMORY = 8.0
"""MB by which a process may grow in all runs after the warm-up: the memories that are bounded (the last 100 runs, the log) fill up."""
MOST_LATE_MEMORY = 2.0
"""MB by which it may grow in the second half of the runs."""
LEVELS = 10
PATIENCE = 30.0


class ManyRuns(msgspec.Struct, kw_only=True):
    """What came of many runs."""

    runs: int
    events: int
    lost: int
    """Events that should not have been."""
    reduced: int
    seconds: float
    growth: dict[str, Holding]
    """By process: what it holds more at the end than after the warm-up."""
    levels: dict[str, list[float]] = {}
    """By process: its memory in MB after the warm-up and after each tenth of the runs, which shows whether it levels off."""
    files: int
    """More on disk than after the warm-up."""
    stored: int = 0
    """By how many bytes all that is on disk has grown."""
    problems: list[str] = []
    """What is wrong, in sentences."""


def many_runs(runs: int) -> ManyRuns:
    """That many runs after a warm-up."""
    begin = time.monotonic()
    encoder = {"device": "generator", "kind": "encoder", "items": 0}
    outcome = ManyRuns(runs=runs, events=0, lost=0, reduced=0, seconds=0.0, growth={}, files=0)
    with (
        own_places() as places,
        pipeline(encoder, stateful=False, straggler_timeout=0.5) as (placement, devices),
    ):
        with Asker(placement.controller_url) as ask, Watch(placement.controller_url) as watch:
            for number in range(WARM_UP):
                _one(ask, watch, devices, number, outcome)
            before, files, stored = held(placement), files_in(places), bytes_in(places)
            _note_levels(outcome.levels, before)
            for number in range(runs):
                _one(ask, watch, devices, number, outcome)
                if (number + 1) * LEVELS // runs > number * LEVELS // runs:
                    _note_levels(outcome.levels, held(placement))
            outcome.growth, outcome.files = growth(before, held(placement)), files_in(places) - files
            outcome.stored = bytes_in(places) - stored
        placement.stop()
        outcome.problems += [f"left behind among temporary files: {one}" for one in remains(places)]
    outcome.seconds = round(time.monotonic() - begin, 1)
    outcome.problems += [
        f"{name} holds more after {runs} runs: {more}"
        for name, more in outcome.growth.items()
        if more.memory > MOST_MEMORY or more.threads > 2 or more.files > 4
    ]
    outcome.problems += [
        f"{name} goes on growing: {levels} MB"
        for name, levels in outcome.levels.items()
        if levels[-1] - levels[len(levels) // 2] > MOST_LATE_MEMORY
    ]
    if outcome.files > 4:
        outcome.problems.append(f"{outcome.files} more files on disk after {runs} runs")
    if restarted := [status.name for status in placement.status() if status.restarts]:
        outcome.problems.append(f"started again: {restarted}")
    return outcome


def held(placement: LocalPlacement) -> dict[str, Holding]:
    """What each process holds, by name."""
    found = {status.name: holding(status.pid) for status in placement.status() if status.pid is not None}
    return {name: one for name, one in found.items() if one is not None}


def _note_levels(levels: dict[str, list[float]], now: dict[str, Holding]) -> None:
    for name, one in now.items():
        levels.setdefault(name, []).append(round(one.memory, 1))


def _one(ask: Asker, watch: Watch, devices: dict[str, Simulator], number: int, outcome: ManyRuns) -> None:
    events, items = SHAPES[number % len(SHAPES)]
    must(ask.post("parameters", {"events": events}), "the parameters were not taken")
    # Without its first and last event, a map may have none.
    path = f"sequence?all_wrap={events > 0}"
    body = uniform(STREAMS, events).to_json() if events else NOTHING
    must(ask.post(path, body, PATIENCE), f"run {number} was not armed")
    run = (ask.get("progress") or {}).get("run")
    if events:
        devices["camera"].play(camera_messages(items, Flaws()))
        devices["box"].play(box_messages(events))
    must(
        watch.wait_for(lambda told: told.get("run") == run and bool(told["finished"]), PATIENCE),
        f"run {number} did not end: {ask.get('progress')} {ask.get('streams')}",
    )
    end = watch.last
    total = events + 2 if events else 0
    lost = max(0, events - items)
    outcome.events += end["total_events"]
    outcome.reduced += end["reduced"]
    outcome.lost += end["lost"] - lost
    if (end["total_events"], end["reduced"], end["lost"], end["failed"]) != (total, total - lost, lost, 0):
        outcome.problems.append(f"run {number} of {events} events and {items} items: {end}")
