"""Chains as the service tells them, made of what the ledger says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from beamloom.control.rules.answers import (
    ChainState,
    RuleChain,
    RuleLink,
    RuleStep,
    StepChunks,
)
from beamloom.control.rules.rates import Rates
from beamloom.rules import Condition
from beamloom.rules.ledger import ErrorGroup, Output, RunView, StepView
from beamloom.rules.spec import ENDED, Link, StepSpec
from beamloom.rules.told import StepErrors, StepFrames, StepOutput
from beamloom.rules.written import Written

MOST_RANGES = 100
"""Of frames that failed in one way; a list that is longer says nothing more to people."""


def chain_of(
    view: RunView, errors: Callable[[StepView], list[ErrorGroup]], rates: Rates, now: float
) -> RuleChain:
    """One chain as it is at ``now`` (Unix time)."""
    steps = [_step(one, errors(one), rates, now) for one in view.steps]
    title = view.submission.title or title_of(steps)
    links = _links(view.links)
    return RuleChain(view.id, title, view.submission.by, view.created, _state(view.steps), steps, links)


def title_of(steps: Sequence[RuleStep | StepSpec]) -> str:
    """What a chain is called that nobody has given a title."""
    return " → ".join(dict.fromkeys(one.name for one in steps))


def sketch_of(title: str, written: Written, by: str) -> RuleChain:
    """The chain that rules would be: its steps have their places as numbers."""
    steps = [
        RuleStep(
            id=place,
            name=spec.name,
            kind=spec.kind,
            owner=spec.owner,
            priority=spec.priority,
            state="waiting",
            reason="",
            trouble="",
            frames=StepFrames(0, 0, 0, None),
            chunks=StepChunks(0, 0, 0),
            rate=None,
            eta=None,
            started=None,
            ended=None,
            elapsed=0.0,
            errors=[],
            outputs=[
                StepOutput(number, key, path, path, None)
                for number, (key, path) in enumerate(spec.outputs.items())
            ],
            after=[link.parent for link in written.links if link.child == place],
        )
        for place, spec in enumerate(written.specs)
    ]
    return RuleChain(0, title or title_of(steps), by, 0.0, "running", steps, _links(written.links))


def _step(view: StepView, errors: Sequence[ErrorGroup], rates: Rates, now: float) -> RuleStep:
    ended = view.state in ENDED
    until = view.finished or now
    elapsed = max(0.0, until - view.started) if view.started else 0.0
    done, failed = view.frames_done, view.frames_failed
    rate: float | None = None
    if ended:
        rates.forget(view.id)
        rate = done / elapsed if elapsed > 0 and done else None
    elif view.started:
        rate = rates.rate(view.id, done, view.started, now)
    left = None if view.final is None or ended else view.final - done - failed
    return RuleStep(
        id=view.id,
        name=view.spec.name,
        kind=view.spec.kind,
        owner=view.spec.owner,
        priority=view.priority,
        state=view.state,  # type: ignore[arg-type]  # the ledger has it as text
        reason=view.reason,
        trouble=view.trouble,
        frames=StepFrames(view.released, done, failed, view.final),
        chunks=StepChunks(view.chunks, view.ready, view.leased),
        rate=rate,
        eta=left / rate if left is not None and rate else None,
        started=view.started,
        ended=view.finished,
        elapsed=elapsed,
        errors=[
            StepErrors(one.kind, one.message, one.chunks, one.final, one.frames[:MOST_RANGES], one.traceback)
            for one in errors
        ],
        outputs=[_output(number, one) for number, one in enumerate(view.outputs)],
        after=view.parents,
    )


def _output(number: int, output: Output) -> StepOutput:
    try:
        size = os.stat(output.actual).st_size
    except OSError:
        size = None
    return StepOutput(number, output.key, output.actual, output.requested, size)


def _links(links: Sequence[Link]) -> list[RuleLink]:
    return [RuleLink(link.parent, link.child, _words(link.condition)) for link in links]


def _words(condition: Condition) -> str:
    if condition.on == "finish" or not condition.at_most_failed:
        return condition.on
    return f"at most {100 * condition.at_most_failed:g} % failed"


def _state(steps: Sequence[StepView]) -> ChainState:
    states = {one.state for one in steps}
    if states - ENDED:
        return "running"
    if "failed" in states:
        return "failed"
    return "cancelled" if "cancelled" in states else "done"
