"""Runs in the words of a form: which streams, how many events, who sees them together; and the trigger maps that these mean.

A plan is small however long its run is, and what it would be is looked at before it begins: the same words are shown and armed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from beamloom.control.asking import BadRequest
from beamloom.triggermap import TriggerMap, open_ended, overlapping, show, sparse, summary

MOST_EVENTS = 10**9
MOST_CELLS = 10**6
"""Events that a map may write out one by one: what does not repeat before."""
MOST_SHARED = 1000
EVENTS_SHOWN = 24


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """A run as a form describes it, or one as another was."""

    streams: list[str] = []
    events: int | None = None
    """None: until it is stopped."""
    size: int = 1
    """So many consecutive events go to the same worker."""
    share: int = 0
    """So many frames belong to two neighbouring windows, each of which one worker sees whole; 0: no windows."""
    every: dict[str, int] = {}
    """Events for each packet, of streams that are slower than the others."""
    debug_every: int | None = None
    """Of so many events the last one is for the debug workers, too; None: none is."""
    like: str | None = None
    """The id of a run whose map this one has; all else is as that has it."""


class ShownEvent(msgspec.Struct):
    """One event of a map, as it is looked at."""

    event: int
    begins: bool
    """Whether equal numbers mean other workers from here on."""
    cells: list[str]
    """For each stream: ``none``, ``all``, the number of the constraint, or several of these in braces."""


class ShownPlan(msgspec.Struct):
    """What a plan would be."""

    problem: str | None
    """Why it could not be armed now, in a sentence."""
    total_events: int | None
    """With the start and the end event."""
    summary: str
    streams: list[str]
    shown: list[ShownEvent]
    """The first of its events."""


def map_of(plan: Plan) -> TriggerMap:
    """The trigger map that a plan means, where it is not ``like`` another. Raises BadRequest, TriggerMapError."""
    _check_numbers(plan)
    if plan.share:
        return _windows(plan)
    if math.lcm(plan.size, plan.debug_every or 1, *plan.every.values()) > MOST_CELLS:
        raise BadRequest(
            f"batches of {plan.size} and the intervals of slow streams and debug workers repeat only after more than {MOST_CELLS} events; "
            "choose numbers that divide each other"
        )
    if plan.events is None:
        return open_ended(plan.streams, batch=plan.size, every=plan.every, debug_every=plan.debug_every)
    return sparse(plan.streams, plan.events, plan.every, size=plan.size, debug_every=plan.debug_every)


def shown(trigger_map: TriggerMap, problem: str | None) -> ShownPlan:
    """How a map looks to people."""
    events = [ShownEvent(one.event, one.begins, one.cells) for one in show(trigger_map, count=EVENTS_SHOWN)]
    return ShownPlan(
        problem, trigger_map.total_events, summary(trigger_map), list(trigger_map.streams), events
    )


def _windows(plan: Plan) -> TriggerMap:
    if plan.events is None:
        raise BadRequest("windows that overlap need a number of events; give one, or choose batches")
    if plan.size != 1 or plan.every:
        raise BadRequest(
            "windows that overlap have neither batches nor slow streams; choose one of these three"
        )
    if plan.debug_every is not None:
        raise BadRequest(
            "no debug worker sees windows that overlap; leave debug_every out, or choose batches"
        )
    if plan.events > MOST_CELLS:
        raise BadRequest(f"windows that overlap are written out one by one, at most {MOST_CELLS} of them")
    return overlapping(plan.streams, plan.events, plan.share)


def _check_numbers(plan: Plan) -> None:
    if not plan.streams:
        raise BadRequest("choose at least one stream")
    if plan.events is not None:
        _check("the number of events", plan.events, 1, MOST_EVENTS)
    _check("the size of a batch", plan.size, 1, MOST_CELLS)
    _check("the overlap of two windows", plan.share, 0, MOST_SHARED)
    if plan.debug_every is not None:
        _check("the interval of debug workers", plan.debug_every, 1, MOST_CELLS)
    for stream, interval in plan.every.items():
        _check(f"the interval of {stream}", interval, 1, MOST_CELLS)
    if doubled := _first_double(plan.streams):
        raise BadRequest(f"the stream {doubled!r} is named twice; name it once")


def _check(what: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise BadRequest(f"{what} is {str(number)[:40]}; it has to be a whole number from {least} to {most}")


def _first_double(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
