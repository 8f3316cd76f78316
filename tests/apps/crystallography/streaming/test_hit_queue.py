"""Each hit goes to one client that lives, whatever the order of hits, asks and deaths; against a world of clients that is told all."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beamloom.apps.crystallography.streaming.queue import Forget, HitQueue, Instruction, Nothing, Send, Spill
from beamloom.apps.crystallography.streaming.settings import WhenFull

SIZES = st.integers(1, 40)


def queue(
    memory: int = 10**9,
    disk: int = 10**9,
    when_full: WhenFull = "drop_oldest",
    attempts: int = 10**9,
    patience: float | None = None,
) -> HitQueue:
    return HitQueue(
        memory_bytes=memory,
        disk_bytes=disk,
        when_full=when_full,
        keep_alive=1.0,
        attempts=attempts,
        patience=patience,
    )


class World(RuleBasedStateMachine):
    """Clients that ask, work, die and come back, and the pixels where the queue has put them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.hits = 0
        self.memory: dict[object, int] = {}
        self.disk: dict[object, int] = {}
        self.fate: dict[object, str] = {}
        self.has: dict[bytes, object] = {}
        self.asking: set[bytes] = set()
        self.living: set[bytes] = set()
        self.unnoticed: set[bytes] = set()
        self.done_by: dict[object, bytes] = {}
        self.born = 0

    @initialize(
        when_full=st.sampled_from(["drop_oldest", "drop_newest", "spill"]),
        memory=st.sampled_from([60, 200, 10**9]),
        disk=st.sampled_from([30, 200, 10**9]),
        attempts=st.sampled_from([1, 3, 10**9]),
    )
    def begin(self, when_full: WhenFull, memory: int, disk: int, attempts: int) -> None:
        self.roomy = memory == 10**9 and attempts == 10**9
        self.limits = (memory, disk)
        self.spills = when_full == "spill"
        self.queue = queue(memory, disk, when_full, attempts)

    def do(self, instructions: list[Instruction]) -> None:
        todo = list(instructions)
        while todo:
            told = todo.pop(0)
            if isinstance(told, Send):
                assert told.hit in self.memory or told.hit in self.disk
                assert told.hit not in self.fate
                if told.client in self.living:
                    assert told.client in self.asking, "REQ clients forget what they did not ask for"
                    self.asking.discard(told.client)
                    self.has[told.client] = told.hit
                else:
                    self.unnoticed.discard(told.client)
                    todo += self.queue.gone(told.client, self.now, blamed=False)
            elif isinstance(told, Nothing):
                if told.client in self.living:
                    assert told.client in self.asking
                    self.asking.discard(told.client)
            elif isinstance(told, Spill):
                assert self.spills
                self.disk[told.hit] = self.memory.pop(told.hit)
            else:
                assert isinstance(told, Forget)
                self.memory.pop(told.hit, None)
                self.disk.pop(told.hit, None)
                if told.settled:
                    assert told.hit not in self.fate, "settled once"
                    self.fate[told.hit] = told.why
        assert sum(self.memory.values()) <= self.limits[0]
        assert sum(self.disk.values()) <= self.limits[1]

    @rule(size=SIZES)
    def offer(self, size: int) -> None:
        hit = self.hits
        self.hits += 1
        self.memory[hit] = size
        self.do(self.queue.offer(hit, size, self.now))

    @rule()
    def come(self) -> None:
        self.born += 1
        client = b"client %d" % self.born
        self.living.add(client)
        self.ask(client)

    def ask(self, client: bytes) -> None:
        had = self.has.pop(client, None)
        if had is not None and self.fate.get(had) not in ("unkept", "given_up"):
            assert had not in self.done_by, "one client only works off a hit"
            self.done_by[had] = client
        self.asking.add(client)
        self.do(self.queue.ask(client, self.now))

    @precondition(lambda self: self.living - self.asking)
    @rule(data=st.data())
    def ask_for_more(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(sorted(self.living - self.asking))))

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def ask_twice(self, data: st.DataObject) -> None:
        self.do(self.queue.ask(data.draw(st.sampled_from(sorted(self.asking))), self.now))

    @precondition(lambda self: self.living)
    @rule(data=st.data(), noticed=st.booleans())
    def die(self, data: st.DataObject, noticed: bool) -> None:
        client = data.draw(st.sampled_from(sorted(self.living)))
        self.living.discard(client)
        self.asking.discard(client)
        self.has.pop(client, None)
        if noticed:
            self.do(self.queue.gone(client, self.now))
        else:
            self.unnoticed.add(client)

    @precondition(lambda self: self.unnoticed)
    @rule(data=st.data())
    def notice(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(sorted(self.unnoticed)))
        self.unnoticed.discard(client)
        self.do(self.queue.gone(client, self.now))

    @precondition(lambda self: self.spills and self.disk)
    @rule(data=st.data())
    def the_disk_fails(self, data: st.DataObject) -> None:
        hit = data.draw(st.sampled_from(sorted(self.disk)))  # type: ignore[type-var]
        self.roomy = False
        self.do(self.queue.unwritten(hit))

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.do(self.queue.tick(self.now))
        deadline = self.queue.deadline()
        assert deadline is None or deadline > self.now

    @invariant()
    def every_hit_is_somewhere(self) -> None:
        counts = self.queue.counts
        assert counts.offered == self.hits == counts.settled + counts.waiting + counts.handed
        assert counts.memory_bytes == sum(self.memory.values())
        assert counts.disk_bytes == sum(self.disk.values())
        assert not (counts.waiting and counts.asking), "nobody waits while there is a hit"

    def teardown(self) -> None:
        if not hasattr(self, "queue"):
            return
        for client in sorted(self.unnoticed | self.living):
            self.do(self.queue.gone(client, self.now))
        self.living.clear()
        self.unnoticed.clear()
        self.asking.clear()
        self.has.clear()
        self.living.add(b"the last")
        while self.queue.counts.waiting:
            self.ask(b"the last")
        self.ask(b"the last")
        assert set(self.fate) == set(range(self.hits))
        assert not self.memory
        assert not self.disk
        if self.roomy:
            assert set(self.fate.values()) <= {"taken"}
            assert set(self.done_by) == set(range(self.hits))


World.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = World.TestCase


def test_clients_are_served_in_turn_though_some_ask_more_often() -> None:
    hits = queue()
    clients = [b"a", b"b", b"c"]
    for client in clients:
        hits.ask(client, 0.0)
    served = []
    for number in range(9):
        (told,) = hits.offer(number, 1, 0.0)
        assert isinstance(told, Send)
        served.append(told.client)
        hits.ask(told.client, 0.0)
    assert served == clients * 3


def test_a_client_keeps_its_place_while_it_is_told_that_there_is_nothing() -> None:
    hits = queue()
    hits.ask(b"first", 0.0)
    assert hits.deadline() == 1.0
    assert hits.tick(1.0) == [Nothing(b"first")]
    hits.ask(b"second", 1.1)
    hits.ask(b"first", 1.2)
    assert hits.offer(0, 1, 1.3) == [Send(b"first", 0)]


def test_a_hit_that_kills_its_clients_is_given_up() -> None:
    hits = queue(attempts=2)
    hits.offer(0, 1, 0.0)
    for client in (b"a", b"b"):
        assert hits.ask(client, 0.0) == [Send(client, 0)]
        told = hits.gone(client, 0.0)
    assert told == [Forget(0, "given_up")]
    assert hits.counts.given_up == 1


def test_a_hit_that_never_reached_its_client_has_killed_nobody() -> None:
    hits = queue(attempts=1)
    hits.offer(0, 1, 0.0)
    hits.ask(b"a", 0.0)
    assert hits.gone(b"a", 0.0, blamed=False) == []
    assert hits.ask(b"b", 0.0) == [Send(b"b", 0)]


def test_the_oldest_hits_are_dropped_when_nobody_asks() -> None:
    hits = queue(memory=3)
    for number in range(5):
        hits.offer(number, 1, 0.0)
    assert hits.counts.dropped == 2
    assert hits.ask(b"a", 0.0) == [Send(b"a", 2)]


def test_the_newest_hits_are_dropped_if_that_is_the_rule() -> None:
    hits = queue(memory=3, when_full="drop_newest")
    for number in range(5):
        hits.offer(number, 1, 0.0)
    assert hits.ask(b"a", 0.0) == [Send(b"a", 0)]
    assert hits.counts.dropped == 2


def test_a_hit_larger_than_the_memory_drops_no_others() -> None:
    hits = queue(memory=3)
    hits.offer(0, 1, 0.0)
    assert hits.offer(1, 4, 0.0) == [Forget(1, "dropped")]
    assert hits.counts.waiting == 1


def test_hits_on_disk_go_out_in_their_order() -> None:
    hits = queue(memory=2, when_full="spill")
    for number in range(6):
        hits.offer(number, 1, 0.0)
    assert (hits.counts.memory_bytes, hits.counts.disk_bytes) == (2, 4)
    order = [told.hit for _ in range(6) for told in hits.ask(b"a", 0.0) if isinstance(told, Send)]
    assert order == list(range(6))


def test_a_client_that_takes_too_long_loses_its_hit_but_may_ask_again() -> None:
    hits = queue(patience=10.0)
    hits.offer(0, 1, 0.0)
    hits.ask(b"slow", 0.0)
    hits.ask(b"quick", 9.5)
    assert hits.deadline() == 10.0
    assert Send(b"quick", 0) in hits.tick(10.0)
    hits.offer(1, 1, 11.0)
    assert hits.ask(b"slow", 12.0) == [Send(b"slow", 1)]
    assert hits.counts.taken == 0
