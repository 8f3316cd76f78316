"""Orders of events that live pipelines have: workers that are busy elsewhere for a while, and others that take what was theirs.

The services decide as they always do; only when a worker has its turn is left to chance, from a seed. What comes of it could have come of
any cluster, so a result that differs is one that differs at a beamline.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from beamloom.services.shell.loop import Service
from beamloom.services.worker.service import WorkerService

LONGEST_REST: Final = 40
"""Turns for which a worker is away, at most."""


class RandomTurns:
    """An order of turns as an InlinePipeline takes it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._resting: dict[int, int] = {}

    def __call__(self, services: Sequence[Service]) -> list[int]:
        """Everybody but the workers that rest; workers in any order."""
        workers = [place for place, service in enumerate(services) if isinstance(service, WorkerService)]
        for place in workers:
            left = self._resting.get(place, 0)
            if left == 0 and self._random.random() < 0.3:
                left = self._random.randrange(1, LONGEST_REST)
            self._resting[place] = max(0, left - 1)
        awake = [place for place in workers if not self._resting[place]]
        self._random.shuffle(awake)
        others = [place for place, service in enumerate(services) if not isinstance(service, WorkerService)]
        return [*others, *awake]
