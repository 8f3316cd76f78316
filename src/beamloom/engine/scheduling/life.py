"""The state of one constraint on one worker, as the scheduler knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field

NOWHERE = -1
"""Instead of a worker's index: nobody has the state any more, or it is not that of all events that came before."""


@dataclass(slots=True)
class Life:
    """One life of a constraint: a state that begins empty with its first event and sees all that follow, in order, on one worker."""

    number: int
    """The name of the state, never used twice in a run."""
    index: int
    """How many lives the constraint has had, this one included: also the attempt under which its deliveries are leased."""
    worker: int
    """Index of the worker that has the state, or NOWHERE."""
    next: int
    """Offset in the part instance: what came before has been given to this life."""
    rehearsed_for: int | None = None
    """The first delivery behind a rehearsal: when its result is here the rehearsal is over. None: nothing is being rehearsed."""
    former: list[int] = field(default_factory=list)
    """The numbers of the lives before."""
    deaths: dict[int, int] = field(default_factory=dict)
    """How many workers died while they rehearsed an event."""
