"""What the engine asks of whoever does the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from beamloom.rules.spec import Outcome, Setup, Work


class Executor(Protocol):
    """Works off chunks. An outcome is reported once for each chunk, from any thread; or never, where the executor is closed before."""

    def start(self, report: Callable[[Outcome], None]) -> None:
        """Begin; ``report`` takes what becomes of each chunk."""

    def capacity(self) -> dict[str, float]:
        """What it has of each resource (cpu, memory in bytes, gpu); a resource that is not named is not counted."""

    def room(self) -> int:
        """How many more chunks it takes now."""

    def submit(self, setup: Setup, work: Work) -> None:
        """Take a chunk, and what has to be known of its step."""

    def look(self) -> str:
        """Called several times a second: end what takes too long. What is wrong with the executor itself, or nothing."""

    def drop(self, step: int) -> None:
        """Nobody needs chunks of this step any more."""

    def close(self) -> None:
        """End all workers, whatever they do. May be called twice."""
