"""What the analysis says beside its result, on its way to the controller."""

from __future__ import annotations

from beamloom.engine.feedback import Feedback
from beamloom.transport.messages._base import Message


class Said(Message):
    """Reducer → controller: feedback of the analysis, in order; told again until it is acknowledged."""

    run: str
    after: int
    """All up to this number were acknowledged before."""
    feedback: list[Feedback]


class Heard(Message):
    """Controller → reducer: all feedback up to this number is kept."""

    run: str
    number: int


class Decided(Message):
    """In a reducer's journal: feedback that a hook gave which belongs to no event."""

    run: str
    hook: str
    feedback: list[Feedback]
