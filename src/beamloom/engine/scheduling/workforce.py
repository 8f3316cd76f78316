"""The workers of a run, what is leased to them, and how much more each may be given.

The look-ahead (credit) of a worker is how many deliveries it may hold at once. It follows the time from lease to result: while
results come back much sooner than the wanted look-ahead time the credit doubles, when they come back later it halves. So a fast
analysis never waits for a round trip, a slow one is spread evenly, and a detector that sets the pace itself is followed closely, which
keeps a change of parameters close to the event that is being measured. The credit changes at most once a round trip: what was leased
before the last change says nothing of its effect. Nor does what came back soon as there was next to nothing before it: the credit of
who is given single events, as suspects are, does not grow by that.

What is given goes in pieces of at least a quarter of the credit. At high rates all cost is by the message, and a worker that is given a few
events answers with a few results, for which it would be given a few events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.editions import EVERY
from beamloom.engine.scheduling.ranking import Ranking

LEAST_CREDIT = 2
MOST_CREDIT = 4096
FIRST_CREDIT = 8
PIECES = 4
"""A worker that has less room than its credit by this number is given nothing yet."""


class Worker:
    """One worker as the scheduler sees it."""

    def __init__(
        self, name: str, tags: Collection[str], index: int, changed: set[Worker], edition: int = 0
    ) -> None:
        """``edition``: that of its code. ``changed``: it puts itself in when more or less may be given to it than before."""
        self.name = name
        self.tags = frozenset((*tags, _mark(edition)))
        """With the mark of its edition among them."""
        self.edition = edition
        self.index = index
        """Number by which bindings name this worker; never used twice in a run."""
        self.credit = FIRST_CREDIT
        self.outstanding = 0
        self.careful: tuple[int, int] | None = None
        """The suspect delivery (event, slot) that it holds alone, if any."""
        self.suspended = False
        """Whether it is being fenced, or drains: it gets nothing more."""
        self.drains = False
        """Whether it is about to leave in order: what it has not begun by then goes to others."""
        self.leases: dict[int, RangeSet] = {}
        self._changed = changed
        self._leased_at: deque[tuple[int, float, bool]] = deque()
        """Of each lease one past its last event, when it was given, and whether the worker had at least a piece of its credit then."""
        self._paced_at = 0.0

    @property
    def free(self) -> int:
        """How many more deliveries it may be given now."""
        if self.suspended or self.careful is not None:
            return 0
        room = self.credit - self.outstanding
        return room if room >= self.credit / PIECES else 0

    @property
    def lowest(self) -> int | None:
        """The lowest event that it holds: it processes them in their order."""
        held = [first for lease in self.leases.values() if (first := lease.first_from(0)) is not None]
        return min(held, default=None)

    def lease(self, slot: int, first: int, stop: int, now: float) -> None:
        """[first, stop) are its business under ``slot``."""
        self.leases.setdefault(slot, RangeSet()).add(first, stop)
        self.outstanding += stop - first
        self._leased_at.append((stop, now, self.outstanding * PIECES >= self.credit))
        self._changed.add(self)

    def give_back(self, slot: int, first: int, stop: int) -> list[Range]:
        """[first, stop) are no longer its business; returns what it really held of it."""
        held = self.leases.get(slot)
        if held is None:
            return []
        removed = held.remove(first, stop)
        self.outstanding -= sum(b - a for a, b in removed)
        if (
            self.careful is not None
            and self.careful[1] == slot
            and any(a <= self.careful[0] < b for a, b in removed)
        ):
            self.careful = None
        self._changed.add(self)
        return removed

    def pace(self, until: int, now: float, lookahead: float) -> None:
        """Results up to event ``until`` came back at ``now``: widen or narrow the credit."""
        found = self.forget_leases(until)
        if found is None or found[0] < self._paced_at:
            # It was leased before the last change, whose effect is still to be seen.
            return
        leased, was_busy = found
        took = now - leased
        if took < lookahead / 2 and was_busy:
            self.credit = min(MOST_CREDIT, self.credit * 2)
        elif took > lookahead * 2:
            self.credit = max(LEAST_CREDIT, self.credit // 2)
        else:
            return
        self._paced_at = now
        self._changed.add(self)

    def forget_leases(self, until: int) -> tuple[float, bool] | None:
        """What was leased up to event ``until`` has come back.

        Returns when the last of it was leased, and whether the worker was busy by then.
        """
        found: tuple[float, bool] | None = None
        while self._leased_at and self._leased_at[0][0] <= until:
            found = self._leased_at.popleft()[1:]
        return found


def _mark(edition: int) -> str:
    """A tag that no trigger map can name."""
    return f"\0edition {edition}"


def _less_free(worker: Worker) -> int | None:
    """The freest comes first; one that has no room is not in the running."""
    return -worker.free or None


def _outstanding(worker: Worker) -> int:
    return worker.outstanding


def _less_room(worker: Worker) -> int:
    """Who holds a suspect alone comes behind all others."""
    return worker.outstanding - worker.credit + (0 if worker.careful is None else 2 * MOST_CREDIT)


class Workforce:
    """The workers that may be given work, by name and by tags."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._by_index: dict[int, Worker] = {}
        self._suited: dict[frozenset[str], list[Worker]] = {}
        self._changed: set[Worker] = set()
        self._rankings: dict[tuple[Callable[[Worker], int | None], frozenset[str]], Ranking[Worker]] = {}
        self._next_index = 0
        self._editions: frozenset[int] = frozenset()
        self._meant: dict[tuple[frozenset[str], int], frozenset[str]] = {}

    def __getstate__(self) -> dict[str, object]:
        """All but what is found out again when it is asked for."""
        self._rank_anew()
        return dict(self.__dict__)

    def add(self, name: str, tags: Collection[str], edition: int = 0) -> Worker:
        """A worker comes; raises ValueError when one of that name is here."""
        if name in self._workers:
            raise ValueError(f"worker {name!r} takes part already")
        worker = Worker(name, tags, self._next_index, self._changed, edition)
        self._next_index += 1
        self._workers[name] = worker
        self._by_index[worker.index] = worker
        self._editions |= {edition} - {EVERY}
        self._rank_anew()
        return worker

    def remove(self, name: str) -> Worker:
        """A worker is gone: it gets no more work. Raises KeyError when it is not here."""
        worker = self._workers.pop(name)
        del self._by_index[worker.index]
        self._editions = frozenset(one.edition for one in self._workers.values()) - {EVERY}
        self._rank_anew()
        return worker

    def suspend(self, name: str) -> None:
        """A worker gets nothing more, but what it holds stays its own for now."""
        self._workers[name].suspended = True
        self._rank_anew()

    def _rank_anew(self) -> None:
        self._suited.clear()
        self._rankings.clear()
        self._meant.clear()
        self._changed.clear()

    def suited(self, tags: frozenset[str]) -> list[Worker]:
        """The workers that have all of ``tags`` and may be given work."""
        found = self._suited.get(tags)
        if found is None:
            found = [
                worker for worker in self._workers.values() if tags <= worker.tags and not worker.suspended
            ]
            self._suited[tags] = found
        return found

    def of_edition(self, tags: frozenset[str], wanted: int) -> frozenset[str]:
        """What a worker must have to be given an event of these tags that is meant for the edition ``wanted``.

        That, or the next newer one of which a suited worker is there.
        """
        if len(self._editions) <= 1 and wanted <= max(self._editions, default=wanted):
            return tags
        meant = self._meant.get((tags, wanted))
        if meant is None:
            newer = [worker.edition for worker in self.suited(tags) if worker.edition >= wanted]
            meant = self._meant[tags, wanted] = tags | {_mark(min(newer, default=wanted))}
        return meant

    def freest(self, tags: frozenset[str], taken: Mapping[Worker, int] | None = None) -> Worker | None:
        """The suited worker that may be given most; None when nobody may be given anything.

        ``taken``: how many deliveries of the same event some are to have already. Each counts twice, so that the next goes elsewhere.
        """
        others = self._first(_less_free, tags, taken or ())
        if not taken:
            return others
        again = [worker for worker in taken if tags <= worker.tags and worker.free > 0]
        return max(
            again if others is None else [others, *again],
            key=lambda worker: (worker.free - 2 * taken.get(worker, 0), -worker.index),
            default=None,
        )

    def idlest(self, tags: frozenset[str]) -> Worker | None:
        """The suited worker that holds least; None when no worker has the tags."""
        return self._first(_outstanding, tags)

    def roomiest(self, tags: frozenset[str]) -> Worker | None:
        """The suited worker with most credit left, even if that is none at all; None when no worker has the tags."""
        return self._first(_less_room, tags)

    def _first(
        self, value: Callable[[Worker], int | None], tags: frozenset[str], besides: Collection[Worker] = ()
    ) -> Worker | None:
        """The first of the suited workers by this value."""
        for worker in self._changed:
            for (_, wanted), ranking in self._rankings.items():
                if wanted <= worker.tags and not worker.suspended:
                    ranking.changed(worker)
        self._changed.clear()
        asked = self._rankings.get((value, tags))
        if asked is None:
            asked = self._rankings[value, tags] = Ranking(self.suited(tags), value)
        return asked.first(besides)

    def get(self, name: str) -> Worker | None:
        """The worker of that name, if it is here."""
        return self._workers.get(name)

    def edition_of(self, name: str) -> int | None:
        """The edition of the code that a worker has; None where it is not here any more."""
        worker = self._workers.get(name)
        return None if worker is None else worker.edition

    def __getitem__(self, name: str) -> Worker:
        return self._workers[name]

    def by_index(self, index: int) -> Worker:
        """The worker that a binding names."""
        return self._by_index[index]

    @property
    def outstanding(self) -> int:
        """Deliveries that are leased to all workers together."""
        return sum(worker.outstanding for worker in self._workers.values())

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._workers.values()))

    def __len__(self) -> int:
        return len(self._workers)

    def __contains__(self, name: object) -> bool:
        return name in self._workers
