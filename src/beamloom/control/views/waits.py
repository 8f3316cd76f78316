"""What each process waits for, as it said with its last sign of life, in the controller's own time."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from beamloom.doctor import Wait


class _Told(msgspec.Struct):
    """One wait as a process tells it."""

    what: str
    about: str
    why: str
    seconds: float
    stalled: bool = False


def wall(monotonic: float) -> float:
    """The Unix time (s) of a moment of this process' monotonic clock."""
    return time.time() - (time.monotonic() - monotonic)


def waits_of(member: Any) -> tuple[Wait, ...]:
    """What a process waits for; nothing where it has not said anything that can be understood."""
    if not member.samples:
        return ()
    told_at = wall(member.samples[-1].at)
    try:
        told = msgspec.convert(member.notes.get("waits_for", []), list[_Told])
    except msgspec.ValidationError:
        return ()
    return tuple(Wait(one.what, one.about, one.why, told_at - one.seconds, one.stalled) for one in told)


def waits(controller: Any) -> dict[str, list[dict[str, Any]]]:
    """Those of all processes, by name."""
    return {
        member.name: [msgspec.to_builtins(wait) for wait in waits_of(member)]
        for member in controller.ensemble
    }


def silences(controller: Any) -> dict[str, Wait]:
    """The streams of the run that goes on whose devices are waited for; of one with several ingesters the one that waits least."""
    active = controller.active
    found: dict[str, Wait] = {}
    if active is None or active.finished:
        return found
    for member in controller.ensemble.ingesters:
        here = {wait.about: wait for wait in waits_of(member) if wait.what == "device"}
        for stream in member.register.streams:
            wait, other = here.get(stream), found.get(stream)
            if wait is not None and (other is None or wait.since > other.since):
                found[stream] = wait
    return found


def stalled(controller: Any) -> list[str]:
    """The streams of the run that have had no packet for longer than their limits."""
    return sorted(stream for stream, wait in silences(controller).items() if wait.stalled)
