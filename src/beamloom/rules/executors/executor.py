"""What the engine asks of whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from beamloom.rules.spec import Coming, Outcome, Setup, Work


class Executor(Protocol):
    """Works off chunks. An outcome is reported once for each chunk, from any thread; or never, where the executor is closed before."""

    def start(self, report: Callable[[Outcome], None]) -> None:
        """Begin; ``report`` takes what becomes of each chunk."""

    def capacity(self) -> dict[str, float]:
        """What it has of each resource (cpu, memory in bytes, gpu); a resource that is not named is not counted."""

    def refusal(self, needs: Mapping[str, float]) -> str:
        """Why a chunk with these needs can never be worked off here; empty where it can, or nobody knows yet."""

    def room(self) -> int:
        """How many more chunks it takes now."""

    def expect(self, coming: Coming) -> None:
        """Chunks of this step are awaited: whoever works can load what its task needs."""

    def submit(self, setup: Setup, work: Work) -> None:
        """Take a chunk, and what has to be known of its step."""

    def look(self) -> str:
        """Called several times a second: end what takes too long. What is wrong with the executor itself, or nothing."""

    def drop(self, step: int) -> None:
        """Nobody needs chunks of this step any more."""

    def close(self) -> None:
        """End all workers, whatever they do. May be called twice."""


def too_much(needs: Mapping[str, float], has: Mapping[str, float]) -> str:
    """The first of the needs that is more than there is; empty where all is enough."""
    for name, amount in needs.items():
        if amount > has.get(name, 0.0):
            return f"{amount:g} {name} for a chunk, and the executor has {has.get(name, 0.0):g}"
    return ""
