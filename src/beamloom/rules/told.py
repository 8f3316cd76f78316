"""What is told of a step over HTTP, the same for the service that says it and for clients that read it."""

from __future__ import annotations

import msgspec


class StepFrames(msgspec.Struct):
    """How many frames a step has."""

    released: int
    done: int
    failed: int
    final: int | None
    """All that there will be; None while that is not known."""


class StepErrors(msgspec.Struct):
    """Chunks that failed in the same way."""

    kind: str
    message: str
    chunks: int
    given_up: int
    """Of these; the others were or will be tried again."""
    frames: list[tuple[int, int]]
    """Of those given up, as ranges without their ends."""
    traceback: str
    """Of the first one."""


class StepOutput(msgspec.Struct):
    """A file that a step has written."""

    number: int
    """Of the step's files, for its address."""
    key: str
    path: str
    """Where the service runs."""
    requested: str
    """The name that was asked for; another one where that was taken."""
    size: int | None
    """In bytes; None where it is not there any more."""
