"""Which worker has the state of each constraint, where the results of a class depend on the events before.

Policy: each constraint of a part instance has a state of its own, which begins empty with its first event and sees all of its events, in
order, on one worker: a *life*. Whenever that cannot go on, because the worker is gone or what was leased died on its way, another life
begins, on whichever worker gets the next delivery of the constraint: this worker first works through everything that came before, as a
rehearsal without results, and goes on from there. Nothing is replayed of a constraint that has no event left.

Invariant: each event of a constraint is given at most once to a life, in order. So a result depends on the events of its constraint alone,
whoever dies; a life that is told more than it lives to see does no harm.

Where the packets of the past cannot be had any more, or kill those who rehearse them, the rest of the constraint is lost, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.bindings import Binding, Bindings
from beamloom.engine.scheduling.epochs import EpochPlan
from beamloom.engine.scheduling.life import NOWHERE, Life
from beamloom.engine.scheduling.pasts import Pasts
from beamloom.engine.scheduling.suspects import DEATHS_OF_POISON
from beamloom.engine.scheduling.workforce import Worker
from beamloom.triggermap import MIXED


class Lives:
    """The states of the constraints of one run."""

    def __init__(self, bindings: Bindings, epochs: EpochPlan) -> None:
        self.pasts = Pasts(bindings)
        """What there is to be rehearsed."""
        self._rehearsed = 0
        self._bindings = bindings
        self._epochs = epochs
        self._numbers = 0
        self._leased: dict[tuple[int, int], Life] = {}
        """By event and slot, the life that each leased delivery was given to."""
        self._doomed: list[Loss] = []
        self._over = RangeSet()

    # ---- events are given out -------------------------------------------------------------------------------------------

    def lease(self, worker: Worker, span: Span) -> list[Span]:
        """The spans by which ``worker`` gets what ``span`` has in mind, with what is to be rehearsed before.

        The attempt of ``span`` is that of a first life.
        """
        spans: list[Span] = []
        binding = self._bindings.find(span.first)
        if binding is None:
            # The start event, for a worker that comes when its part instance is over.
            return [span]
        first = span.first
        while first < span.stop:
            group = self._group(binding, first, span.slot)
            if group is None:
                spans.append(_part(span, first, first + 1))
                first += 1
                continue
            end = min(span.stop, self._end_of_stretch(binding, first))
            life = self._life_on(worker, binding, group)
            spans += self._rehearse(life, binding, group, first, worker, span.attempt)
            attempt = span.attempt - 1 + life.index
            spans.append(_part(span, first, end, attempt=attempt, life=life.number))
            for event in range(first, end):
                self._leased[event, span.slot] = life
            life.next = end - binding.first
            first = end
        return spans

    def _life_on(self, worker: Worker, binding: Binding, group: int) -> Life:
        life = binding.lives.get(group)
        if life is not None and life.worker == worker.index:
            return life
        self._numbers += 1
        if life is None:
            life = Life(self._numbers, 1, worker.index, 0)
        else:
            former = [*life.former, life.number]
            life = Life(
                self._numbers, life.index + 1, worker.index, 0, former=former, deaths=dict(life.deaths)
            )
        binding.lives[group] = life
        return life

    def _rehearse(
        self, life: Life, binding: Binding, group: int, until: int, worker: Worker, attempt: int
    ) -> Iterator[Span]:
        for first, stop in self.pasts.past(binding, group, binding.first + life.next, until):
            streams = self._cell(binding, first, group)[1]
            for event in range(first, stop):
                yield Span(
                    event,
                    1,
                    worker.name,
                    -life.number,
                    attempt - 1 + life.index,
                    self._epochs.of(event),
                    streams,
                    life.number,
                )
            self._rehearsed += stop - first
            life.rehearsed_for = until

    def take_rehearsed(self) -> int:
        """How many deliveries were leased for a rehearsal since the last call."""
        rehearsed, self._rehearsed = self._rehearsed, 0
        return rehearsed

    def _cell(self, binding: Binding, event: int, group: int) -> tuple[int, tuple[str, ...] | None]:
        """Slot and streams of a constraint's delivery of one event."""
        part, offset = binding.part, event - binding.first
        if part.single[offset] != MIXED:
            return 0, None
        return part.groups(offset).index(group), part.streams_of_group(offset, group)

    def _group(self, binding: Binding, event: int, slot: int) -> int | None:
        """The group that a delivery serves; None for one that serves cells without a constraint."""
        groups = binding.part.groups(event - binding.first)
        return groups[slot] if slot < len(groups) else None

    def _end_of_stretch(self, binding: Binding, event: int) -> int:
        end = binding.first + int(binding.part.stretch_until[event - binding.first])
        return max(min(end, binding.stop), event + 1)

    # ---- leases end -----------------------------------------------------------------------------------------------------

    def done(self, slot: int, first: int, stop: int) -> None:
        """Deliveries have been worked through, well or not."""
        for event in range(first, stop):
            life = self._leased.pop((event, slot), None)
            if life is not None and life.rehearsed_for is not None and event >= life.rehearsed_for:
                life.rehearsed_for = None

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way."""
        if stop - first > len(self._leased):
            for key in [key for key in self._leased if first <= key[0] < stop]:
                del self._leased[key]
            return
        for key in [(event, slot) for event in range(first, stop) for slot in self._slots(event)]:
            self._leased.pop(key, None)

    def _slots(self, event: int) -> range:
        binding = self._bindings.find(event)
        if binding is None:
            return range(0)
        return range(max(1, len(binding.part.groups(event - binding.first))))

    def as_leased(self, span: Span) -> Span:
        """One delivery as it was leased; ``span`` knows nothing of lives."""
        life = self._leased.get((span.first, span.slot))
        if life is None:
            return span
        return _part(span, span.first, span.stop, attempt=span.attempt - 1 + life.index, life=life.number)

    # ---- lives end ------------------------------------------------------------------------------------------------------

    def break_off(self, slot: int, events: Iterable[int]) -> None:
        """What was leased of these events is nowhere: the next delivery of their constraints begins another life."""
        for event in events:
            binding = self._bindings.find(event)
            if binding is None:
                continue
            group = self._group(binding, event, slot)
            life = None if group is None else binding.lives.get(group)
            if life is not None and group is not None:
                self._break(binding, group, life)

    def lose(self, worker: Worker, culprit: int | None) -> bool:
        """A worker is gone, and the states with it. Whether it died of what it rehearsed: then no delivery is to blame."""
        guilty = False
        for binding in self._bindings:
            for group, life in binding.lives.items():
                if life.worker != worker.index:
                    continue
                if culprit is not None and self._rehearses(binding, group, life, culprit):
                    guilty = True
                    life.deaths[culprit] = life.deaths.get(culprit, 0) + 1
                    if life.deaths[culprit] >= DEATHS_OF_POISON:
                        cause = f"event {culprit}, which was reduced before, has cost {life.deaths[culprit]} workers as it was rehearsed"
                        self._doom(binding, group, cause)
                self._break(binding, group, life)
        return guilty

    def _rehearses(self, binding: Binding, group: int, life: Life, event: int) -> bool:
        if life.rehearsed_for is None or not binding.first <= event < life.rehearsed_for:
            return False
        if group not in binding.part.groups(event - binding.first):
            return False
        return self._leased.get((event, self._cell(binding, event, group)[0])) is not life

    def _break(self, binding: Binding, group: int, life: Life) -> None:
        life.worker, life.rehearsed_for = NOWHERE, None
        cause = self.pasts.gap(binding, group, binding.first + life.next)
        if cause is not None:
            self._doom(binding, group, cause)

    def forget(self, first: int, stop: int, cause: str) -> None:
        """Packets of these events cannot be had any more: who is to rehearse them now may never get them."""
        self.pasts.forget(first, stop, cause)
        for binding in self._bindings:
            if binding.first >= stop or binding.stop <= first:
                continue
            for group, life in binding.lives.items():
                if life.worker == NOWHERE or life.rehearsed_for is not None:
                    gap = self.pasts.gap(binding, group, binding.first + life.next)
                    if gap is not None:
                        self._doom(binding, group, gap)

    def _doom(self, binding: Binding, group: int, why: str) -> None:
        events = self.pasts.events(binding, group)
        cause = (
            f"the constraint of events {events[0][0]} to {events[-1][1] - 1} is stateful and has to be worked through again "
            f"from its first event, which cannot be done: {why}"
        )
        self._doomed += [Loss(first, stop, cause) for first, stop in events]

    def take_doomed(self) -> list[Loss]:
        """The events that are lost, as far as they are not settled, because their constraints cannot be worked through again."""
        doomed, self._doomed = self._doomed, []
        return doomed

    def complete(self, constraints: Iterable[tuple[Binding, int]]) -> list[Range]:
        """All events of these constraints are settled; returns the numbers of the lives that nobody needs any more."""
        for binding, group in constraints:
            life = binding.lives.pop(group, None)
            if life is not None:
                self._end(life)
        return self._over.clear()

    def _end(self, life: Life) -> None:
        for number in (*life.former, life.number):
            self._over.add(number, number + 1)

    def cut(self, event: int) -> None:
        """The run goes on with other events from ``event`` on; to be called before the part instances are cut."""
        for binding in self._bindings:
            if binding.first >= event:
                for life in binding.lives.values():
                    self._end(life)
            elif event < binding.stop:
                for life in binding.lives.values():
                    life.next = min(life.next, event - binding.first)
                self.pasts.cut(binding, event)

    # ---- another controller has taken over ------------------------------------------------------------------------------

    def uncertain(self, worker: Worker) -> tuple[list[tuple[int, int]], list[Range]]:
        """What was leased to a worker behind a rehearsal that it may never have had: event and slot of each, and the lives."""
        found = [
            (event, slot)
            for (event, slot), life in sorted(self._leased.items(), key=lambda item: item[0])
            if life.worker == worker.index and life.rehearsed_for is not None
        ]
        over = RangeSet()
        for key in found:
            over.add(self._leased[key].number, self._leased[key].number + 1)
        return found, list(over)

    @property
    def highest_attempt(self) -> int:
        """Of all lives that go on: no delivery was leased under a higher one."""
        return max((life.index for binding in self._bindings for life in binding.lives.values()), default=1)


def _part(span: Span, first: int, stop: int, attempt: int | None = None, life: int = 0) -> Span:
    attempt = span.attempt if attempt is None else attempt
    return Span(first, stop - first, span.worker, span.slot, attempt, span.epoch, span.streams, life)
