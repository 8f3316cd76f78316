"""Leaves of a reducer in the process of a test, which answer when they are looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.services.reducer.leaves.leaf import Leaf
from beamloom.services.reducer.leaves.links import LeafDied
from beamloom.settings import ReducerSettings


class Crashed(BaseException):
    """The user's code takes the process of a leaf down."""


class LeafHere:
    """One leaf; it works off one request whenever its reducer looks for an answer."""

    def __init__(self, cls: type, name: str = "leaf") -> None:
        self.name = name
        self.leaf = Leaf(ReducerSettings(), ReducerAnalysis(cls))
        self.dead = False
        self.delivery: tuple[int, int] | None = None
        self._requests: deque[list[bytes]] = deque()
        self.taken = 0
        """Requests that it has worked off."""

    def send(self, frames: Sequence[Any]) -> None:
        self._requests.append([bytes(frame) for frame in frames])

    def receive(self, timeout: float) -> list[Sequence[Any]]:
        if self.dead:
            raise LeafDied(f"{self.name} was killed")
        if not self._requests:
            return self._copied(self.leaf.turn(0.0))
        self.taken += 1
        try:
            return self._copied([*self.leaf.turn(0.0), *self.leaf.heed(self._requests.popleft(), 0.0)])
        except Crashed:
            self.dead = True
            raise LeafDied(f"{self.name} crashed") from None

    def _copied(self, answers: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        return [[bytes(frame) for frame in answer] for answer in answers]

    def close(self) -> None:
        self.dead = True
