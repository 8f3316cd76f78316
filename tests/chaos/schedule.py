"""What will go wrong in a campaign, drawn from its seed before it begins: the same seed gives the same schedule.

Moments are events, not times, so that a slow machine meets the same faults as a quick one. Faults are of three kinds: blows, which are
dealt to processes when so many events are settled; harms, which user code does at an event; and flaws of what the devices send.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STREAMS: Final = ("camera", "box", "encoder")
WORKERS: Final = 3


class Kind(StrEnum):
    """What is done to a running pipeline."""

    KILL_WORKER = "kill-worker"
    KILL_REDUCER = "kill-reducer"
    KILL_CONTROLLER = "kill-controller"
    KILL_BOTH = "kill-both"
    """Controller and reducer at once."""
    KILL_INGESTER = "kill-ingester"
    STOP_WORKER = "stop-worker"
    """SIGSTOP until after the heartbeat timeout, then SIGCONT."""
    STOP_REDUCER = "stop-reducer"
    STOP_CONTROLLER = "stop-controller"
    STOP_INGESTER = "stop-ingester"
    """For less than the heartbeat timeout."""
    PARAMETERS = "parameters"
    """A parameter is changed a hundred times a second."""
    VIEWERS = "slow-viewers"
    """Viewers come that ask for all and then read nothing."""


KILLED_INGESTERS: Final = tuple(f"{stream}-ingester" for stream in STREAMS)

SECONDS: Final = {
    Kind.STOP_WORKER: 1.6,
    Kind.STOP_REDUCER: 0.6,
    Kind.STOP_CONTROLLER: 0.6,
    Kind.STOP_INGESTER: 0.2,
    Kind.PARAMETERS: 1.5,
}
"""How long it lasts."""


@dataclass(frozen=True, order=True)
class Blow:
    """One thing that is done to the pipeline."""

    at: int
    """Events that are settled by then."""
    kind: Kind
    targets: tuple[str, ...]
    """Processes by name."""

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 for what is done at once."""
        return SECONDS.get(self.kind, 0.0)


@dataclass(frozen=True)
class Flaws:
    """What is wrong with what one device sends, by items counted from 0."""

    gap: tuple[int, ...] = ()
    """Never sent."""
    corrupt: tuple[int, ...] = ()
    """Cannot be read."""
    late: tuple[int, ...] = ()
    """Sent long behind its successors."""
    duplicate: tuple[int, ...] = ()
    reorder: tuple[int, ...] = ()
    """Sent behind the next one."""
    retyped: tuple[int, ...] = ()
    """Of another type."""
    reshaped: tuple[int, ...] = ()

    @property
    def lost(self) -> frozenset[int]:
        """Items whose events are lost by it."""
        return frozenset((*self.gap, *self.corrupt, *self.late))

    @property
    def refused(self) -> frozenset[int]:
        """Items that arrive and that the analysis does not take."""
        return frozenset((*self.retyped, *self.reshaped))


@dataclass(frozen=True)
class Schedule:
    """Everything that will go wrong."""

    seed: int
    events: int
    """Those that the devices send: events 1 to ``events`` of the run, between the packets that open and close the series."""
    blows: tuple[Blow, ...]
    harms: dict[int, str]
    """What user code does, by event."""
    camera: Flaws
    encoder: Flaws

    @property
    def lost(self) -> frozenset[int]:
        """Events that are rightly lost."""
        return frozenset(item + 1 for item in self.camera.lost | self.encoder.lost)

    @property
    def failed(self) -> frozenset[int]:
        """Events that rightly fail."""
        return frozenset((*self.harms, *(item + 1 for item in self.camera.refused)))

    @property
    def faults(self) -> int:
        """How many there are."""
        flaws = sum(len(items) for one in (self.camera, self.encoder) for items in vars(one).values())
        return len(self.blows) + len(self.harms) + flaws


def draw(seed: int, events: int, blows: int, kinds: Collection[Kind] = tuple(Kind)) -> Schedule:
    """The schedule of this seed. Each kind of blow has its turn before one comes again."""
    chance = random.Random(f"{seed} {events} {blows} {sorted(kinds)}")
    items = _apart(chance, events)
    some = max(1, events // 2000)

    def take(count: int = some) -> tuple[int, ...]:
        return tuple(sorted(item for item, _ in zip(items, range(count), strict=False)))

    camera = Flaws(take(), take(), take(), take(), (), take(1), take(1))
    encoder = Flaws(take(), take(), (), take(), take())
    harms = dict.fromkeys(take(), "raise") | {
        item: harm for harm in ("segfault", "hang", "exit") for item in take(max(1, events // 25_000))
    }
    moments = sorted(chance.randrange(max(1, events // 50), max(2, events * 9 // 10)) for _ in range(blows))
    dealt = zip(moments, _turns(chance, sorted(kinds)), strict=False)
    return Schedule(
        seed,
        events,
        tuple(Blow(at, kind, _targets(chance, kind)) for at, kind in dealt) if kinds else (),
        {item + 1: harm for item, harm in sorted(harms.items())},
        camera,
        encoder,
    )


def _apart(chance: random.Random, events: int) -> Iterator[int]:
    """Items that are drawn once each, never two next to each other, so that each fault can be told from the others."""
    places = list(range(10, events - 300, 3))
    chance.shuffle(places)
    return iter(places)


def _turns(chance: random.Random, kinds: Sequence[Kind]) -> Iterator[Kind]:
    while kinds:
        turn = list(kinds)
        chance.shuffle(turn)
        yield from turn


def _targets(chance: random.Random, kind: Kind) -> tuple[str, ...]:
    match kind:
        case Kind.KILL_WORKER | Kind.STOP_WORKER:
            return (f"worker-{chance.randrange(WORKERS) + 1}",)
        case Kind.KILL_INGESTER:
            return (chance.choice(KILLED_INGESTERS),)
        case Kind.STOP_INGESTER:
            return (f"{chance.choice(STREAMS)}-ingester",)
        case Kind.KILL_REDUCER | Kind.STOP_REDUCER:
            return ("reducer",)
        case Kind.KILL_CONTROLLER | Kind.STOP_CONTROLLER:
            return ("controller",)
        case Kind.KILL_BOTH:
            return ("controller", "reducer")
        case _:
            return ()
