"""What the service of the rules tells of them."""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.rules.told import StepErrors, StepFrames, StepOutput


class StepStatus(msgspec.Struct):
    """One rule of a chain."""

    id: int
    name: str
    kind: str
    owner: str
    priority: int
    state: str
    reason: str
    trouble: str
    frames: StepFrames
    chunks: dict[str, int]
    rate: float | None
    """Frames per second, lately."""
    eta: float | None
    """Seconds to go."""
    started: float | None
    ended: float | None
    elapsed: float
    errors: list[StepErrors]
    outputs: list[StepOutput]
    after: list[int]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}, {step_line(self)}"


class ChainStatus(msgspec.Struct):
    """Rules that were submitted together."""

    id: int
    title: str
    by: str
    created: float
    state: str
    steps: list[StepStatus]
    links: list[dict[str, Any]]

    def __str__(self) -> str:
        return "\n".join(
            [f"chain {self.id} {self.title!r} {self.state}", *(f"  {step}" for step in self.steps)]
        )


class RuleChunk(msgspec.Struct):
    """One chunk of a step."""

    number: int
    start: int
    stop: int
    state: str
    attempts: int
    seconds: float | None
    error: str | None


class RuleService(msgspec.Struct):
    """What the service takes."""

    kinds: list[dict[str, Any]]
    below: list[str]


def step_line(step: StepStatus) -> str:
    """How far a step is, in a few words."""
    frames = step.frames
    if step.state == "waiting":
        return "for the rules before it"
    if not frames.released and step.state in ("skipped", "cancelled", "failed"):
        return step.reason or "before anything was done"
    of = "of a growing series" if frames.final is None else f"of {frames.final:,}"
    words = [f"{frames.done:,} {of} frames" if frames.final is not None else f"{frames.done:,} frames {of}"]
    if frames.failed:
        words.append(f"{frames.failed:,} failed")
    if step.rate is not None and step.state == "running":
        words.append(f"{step.rate:,.3g} per second")
    if step.eta is not None:
        words.append(f"{duration(step.eta)} to go")
    return ", ".join([*words, *filter(None, (step.trouble, step.reason))])


def error_lines(step: StepStatus) -> list[str]:
    """What went wrong in a step, one line for each kind."""
    return [
        f"{one.kind}: {one.message} ({one.chunks} {'chunk' if one.chunks == 1 else 'chunks'}"
        + (f", {one.chunks - one.given_up} of them tried again)" if one.given_up < one.chunks else ")")
        for one in step.errors
    ]


def duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``2.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
