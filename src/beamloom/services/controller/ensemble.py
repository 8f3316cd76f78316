"""The processes that take part in a pipeline, as the controller knows them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from beamloom.engine.scheduling.editions import EVERY
from beamloom.transport.messages import Register

CLOCKS_KEPT = 25
"""Signs of life by which the clock of a process is judged: the one that was quickest on its way says most."""
FIGURES_KEPT = 300
"""Heartbeats of a worker that are kept for the load of the last minute."""


class Sample(NamedTuple):
    """The figures of one heartbeat."""

    at: float
    figures: dict[str, float]


class Member:
    """One process that takes part."""

    def __init__(self, peer: str, register: Register, now: float) -> None:
        self.peer = peer
        self.register = register
        self.heard_at = now
        self.samples: deque[Sample] = deque(maxlen=FIGURES_KEPT)
        self.notes: dict[str, Any] = {}
        """What else it said of its state."""
        self._clocks: deque[float] = deque(maxlen=CLOCKS_KEPT)
        self.drains: str | None = None
        """Why this worker is about to leave; None while it stays."""
        self.drains_since = 0.0
        self.at_run_start: dict[str, float] = {}
        """Its figures when it began with the run, as it told them last before that."""

    @property
    def name(self) -> str:
        """The name that people gave to it."""
        return self.register.name

    @property
    def role(self) -> str:
        """``ingester``, ``worker``, ``debugworker``, ``shadowworker`` or ``reducer``."""
        return self.register.role

    @property
    def is_worker(self) -> bool:
        """Whether it may be leased events."""
        return self.role in ("worker", "debugworker")

    @property
    def edition(self) -> int:
        """That of its code; a debug worker shows packets as they came, and has none."""
        return EVERY if self.role == "debugworker" else self.register.edition

    @property
    def figures(self) -> dict[str, float]:
        """The figures of its last heartbeat."""
        return self.samples[-1].figures if self.samples else {}

    def heard(self, now: float, figures: dict[str, float] | None = None) -> None:
        """A sign of life."""
        self.heard_at = now
        if figures is not None:
            self.samples.append(Sample(now, figures))

    def note(self, notes: dict[str, Any], wall: float) -> None:
        """What it says of its state; ``wall`` is the Unix time (s) here."""
        self.notes = notes
        clock = notes.get("clock")
        if isinstance(clock, float):
            self._clocks.append(clock - wall)

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which its clock is ahead of this one, as far as can be told from here; None before it has said anything."""
        # What was under way for longest looks furthest behind.
        return max(self._clocks, default=None)

    def begin_run(self) -> None:
        """From now on its figures count for a new run."""
        self.at_run_start = self.figures

    def figures_before(self, seconds: float) -> dict[str, float]:
        """Its figures so many seconds before its last heartbeat, as far as those are kept."""
        if not self.samples:
            return {}
        last = self.samples[-1]
        earlier = next(
            (one for one in reversed(self.samples) if last.at - one.at >= seconds), self.samples[0]
        )
        return earlier.figures

    def rate(self, figure: str) -> float:
        """How fast a counter grew over the last second of heartbeats, per second."""
        if len(self.samples) < 2:
            return 0.0
        last = self.samples[-1]
        first = next((s for s in reversed(self.samples) if last.at - s.at >= 1.0), self.samples[0])
        grown = last.figures.get(figure, 0.0) - first.figures.get(figure, 0.0)
        return grown / (last.at - first.at) if last.at > first.at else 0.0


class Ensemble:
    """All processes that take part."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self.changes = 0
        """Grows with each process that registers or is gone."""
        self._by_role: dict[str, list[Member]] = {}
        """What is asked for many times a second; empty where anybody has come or gone since."""
        self._heard_from = math.inf
        """Nobody was heard for the last time before this."""

    def add(self, peer: str, register: Register, now: float) -> tuple[Member, Member | None]:
        """A process registers; returns it, and the former life of the same name that it replaces."""
        former = next(
            (
                m
                for m in self._members.values()
                if m.name == register.name and m.role == register.role and m.peer != peer
            ),
            None,
        )
        member = self._members.get(peer)
        if member is None:
            member = self._members[peer] = Member(peer, register, now)
        member.register = register
        member.heard(now)
        self._heard_from = min(self._heard_from, now)
        self._by_role.clear()
        self.changes += 1
        return member, former

    def remove(self, peer: str) -> Member | None:
        """A process is gone."""
        self._by_role.clear()
        self.changes += 1
        return self._members.pop(peer, None)

    def get(self, peer: str) -> Member | None:
        """The process of that peer id, if it takes part."""
        return self._members.get(peer)

    def forgive(self, now: float) -> None:
        """Whoever listens was busy and heard nobody: silence in that time says nothing."""
        for member in self._members.values():
            member.heard(now)

    def silent(self, now: float, timeout: float) -> list[Member]:
        """The processes that have given no sign of life for ``timeout`` seconds."""
        if now - self._heard_from <= timeout:
            return []
        self._heard_from = min((member.heard_at for member in self._members.values()), default=math.inf)
        return [member for member in self._members.values() if now - member.heard_at > timeout]

    @property
    def ingesters(self) -> list[Member]:
        """The ingesters."""
        return list(self._of("ingester"))

    @property
    def workers(self) -> list[Member]:
        """The workers, debug workers included."""
        return list(self._of("worker"))

    @property
    def staying(self) -> list[Member]:
        """The workers that are not about to leave."""
        return [worker for worker in self._of("worker") if worker.drains is None]

    @property
    def reducer(self) -> Member | None:
        """The reducer."""
        found = self._of("reducer")
        return found[0] if found else None

    @property
    def shadow(self) -> Member | None:
        """The shadow worker: another analysis that looks on."""
        found = self._of("shadowworker")
        return found[-1] if found else None

    def _of(self, role: str) -> list[Member]:
        if not self._by_role:
            self._by_role = {"ingester": [], "worker": [], "reducer": [], "shadowworker": []}
            for member in self._members.values():
                self._by_role.setdefault("worker" if member.is_worker else member.role, []).append(member)
        return self._by_role[role]

    @property
    def streams(self) -> dict[str, Member]:
        """The streams that can be had, with their ingesters."""
        return {stream: member for member in self.ingesters for stream in member.register.streams}

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members.values()))

    def __contains__(self, peer: object) -> bool:
        return peer in self._members
