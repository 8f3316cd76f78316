"""A pipeline of engine objects with a hand-cranked network: the test decides what happens next.

Messages between two processes keep their order; everything else may happen in any order, and whatever is under way to or from a process
that dies is gone.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.faults import Death, Failure
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assembling.ready import Ready
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.runs.run import Run, RunPhase, RunSettings, Step
from beamloom.engine.runs.stock import Deliveries, Resync, Stock
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.shares import Share, ShareReport
from beamloom.engine.streams.waiting_leases import Delivery
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import TriggerMap

GENEROUS = 1 << 30


def payload(stream: str, item: int) -> bytes:
    """What packet ``item`` of ``stream`` carries."""
    return f"{stream}:{item}".encode()


@dataclass
class WorkerProcess:
    """One worker: what is leased to it, and what it has seen."""

    name: str
    tags: frozenset[str]
    assembler: Assembler = field(default_factory=Assembler)
    seen: list[int] = field(default_factory=list)
    states: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Of each life of a constraint that it has: the events that it has seen, in order."""
    drains: bool = False
    """Whether it begins no further event, and is about to leave."""
    edition: int = 0


class Mill:
    """Controller, ingesters, workers and reducer of one run."""

    def __init__(
        self,
        trigger_map: TriggerMap,
        workers: dict[str, frozenset[str]],
        budget: int = GENEROUS,
        *,
        shares: int = 1,
        in_turn: bool = True,
        ingester_timeout: float = 0.0,
        stateful: bool = False,
    ) -> None:
        """``shares``: so many ingesters share the first stream, dealt out to them ``in_turn`` or read by all.

        ``ingester_timeout``: how long another ingester is waited for. ``stateful``: each constraint has a state of its own, which the
        workers keep.
        """
        self.stateful = stateful
        self.states: dict[tuple[int, int], tuple[int, ...]] = {}
        """What the state had seen on which each result that was reduced depends."""
        self.now = 0.0
        self.map = trigger_map
        settings = RunSettings(ingester_timeout=ingester_timeout, stateful=stateful)
        self.run = Run("run", trigger_map, settings, self.now)
        self.routers = {
            stream: StreamRouter(stream, layout, Retention(budget))
            for stream, layout in self.run.layouts.items()
        }
        self.shared: dict[str, str] = {}
        """The stream of each ingester that has a share of it."""
        self.deal: Callable[[int], int] = lambda count: 0
        """Which of the shares that are left gets the next packet."""
        self.in_turn = in_turn
        if shares > 1:
            self._share_out(next(iter(self.routers)), shares, budget)
        self.collector = Collector()
        self.account = ResultAccount("run", trigger_map.total_events)
        """What the reducer says of its result."""
        self.workers: dict[str, WorkerProcess] = {}
        self.channels: dict[tuple[str, str], deque[Callable[[], None]]] = defaultdict(deque)
        self.reduced: list[tuple[int, int, dict[str, bytes]]] = []
        self.stopped: set[str] = set()
        """Streams whose source has been closed."""
        self.failing: set[int] = set()
        self.refused: set[int] = set()
        """Events whose results the reduce fails on."""
        self.poison: set[int] = set()
        """Events that kill whoever works on them."""
        self.deaths: Counter[int] = Counter()
        """How many workers each of them has cost."""
        self.attempts: dict[tuple[int, int], int] = {}
        """The highest attempt under which each delivery was worked on."""
        self.worked: Counter[tuple[int, int]] = Counter()
        """How often each delivery was worked on for a result."""
        self.epochs: dict[int, set[int]] = defaultdict(set)
        """The parameter epochs under which each event was worked on."""
        self.retired: list[WorkerProcess] = []
        """Workers that are gone."""
        self.blamed: set[int] = set()
        """Events that were held alone by a worker that died, for whatever reason."""
        self._told = trigger_map.total_events, False
        self.tells_coverage = True
        """Whether the controller does so each time it looks."""
        self.losses: dict[str, list[Loss]] = defaultdict(list)
        """All that each ingester has ever lost."""
        self.failures: dict[str, list[Callable[[], None]]] = defaultdict(list)
        """All failures that each worker has ever told."""
        self.sent = dict.fromkeys(trigger_map.streams, 0)
        for name, tags in workers.items():
            self.join(name, tags)
        self.step()

    def _share_out(self, stream: str, count: int, budget: int) -> None:
        del self.routers[stream]
        names = [f"{stream}/{index}" for index in range(count)]
        self.run.share_out(stream, names, self.now, in_turn=self.in_turn)
        for index, name in enumerate(names):
            self.shared[name] = stream
            share = Share(index, count, self.in_turn)
            self.routers[name] = StreamRouter(
                stream, self.run.layouts[stream], Retention(budget), share=share
            )

    def ingesters(self, stream: str) -> list[str]:
        """The ingesters of a stream that live."""
        return [name for name in self.routers if self.shared.get(name, name) == stream]

    # ---- the network ----------------------------------------------------------------------------------------------------

    def post(self, sender: str, receiver: str, action: Callable[[], None]) -> None:
        self.channels[sender, receiver].append(action)

    def busy(self) -> list[tuple[str, str]]:
        return sorted(key for key, queue in self.channels.items() if queue)

    def deliver(self, sender: str, receiver: str) -> None:
        self.channels[sender, receiver].popleft()()

    # ---- the processes --------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """The controller looks at what it knows and tells the others."""
        self.now += 0.001
        step = self.run.advance(self.now)
        if step:
            self._tell(step)
        if self.tells_coverage:
            self.tell_coverage()

    def tell_coverage(self) -> None:
        """The controller tells the reducer what became of events."""
        news, over = self.run.ledger.take_news(), self.complete
        if news or (news.total, over) != self._told:
            self._told = news.total, over
            self.post("controller", "reducer", lambda: self.account.learn(news, over=over))

    def _tell(self, step: Step) -> None:
        for stream in self.routers:
            self.post("controller", stream, partial(self._ingester_hears, stream, step))
        for name in list(self.workers):
            mine = [span for span in step.spans if span.worker == name]
            if mine or step.dropped or step.over:
                self.post("controller", name, partial(self._worker_hears, name, mine, step))
        for lost in step.inquire:
            for name in list(self.workers):
                self.post("controller", name, partial(self._worker_is_asked, name, lost))
        for name in step.fence:
            self.post("controller", "reducer", partial(self._reducer_fences, name))

    def _worker_is_asked(self, name: str, stream: str) -> None:
        lacking = self.workers[name].assembler.lacking(stream)
        self.post(name, "controller", lambda: self.run.lacks(name, stream, lacking))

    def _ingester_hears(self, stream: str, step: Step) -> None:
        router = self.routers[stream]
        for name in step.fence:
            router.forget_worker(name)
        for first, stop in step.settled:
            router.release(first, stop)
        for first, stop in step.spare:
            router.spares.add(first, stop)
        if step.close_at is not None:
            self._send(stream, router.close(step.close_at))
        self._send(stream, router.assign(step.spans))
        if step.stop_sources:
            self.stopped.add(stream)
        if step.stop_sources and stream not in self.shared:
            complete, seen = router.complete_until, router.seen_until
            self.post(stream, "controller", lambda: self.run.stopped(stream, complete, seen, self.now))
        self._report(stream)

    def _send(self, stream: str, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            name = delivery.span.worker
            sent = partial(self._worker_gets, name, self.shared.get(stream, stream), delivery)
            self.post(stream, name, sent)

    def _report(self, stream: str) -> None:
        if stream in self.shared:
            self._report_share(stream)
            return
        router = self.routers[stream]
        losses, ended, blocked = router.take_losses(), router.ended, not router.has_room
        self.losses[stream] += losses
        complete, seen = router.complete_until, router.seen_until

        def arrives() -> None:
            self.run.lost(losses)
            self.run.progress(stream, complete, seen, ended=ended, now=self.now, blocked=blocked)

        self._tell_given_up(stream)
        self.post(stream, "controller", arrives)

    def _tell_given_up(self, name: str) -> None:
        if given_up := self.routers[name].spares.take_given_up():
            stream = self.shared.get(name, name)
            self.post(name, "controller", lambda: self.run.given_up(stream, given_up))

    def _report_share(self, name: str) -> None:
        router = self.routers[name]
        self._tell_given_up(name)
        report = ShareReport(
            router.complete_until,
            router.seen_until,
            router.take_received(),
            router.take_losses(),
            router.losses.take_excuses(),
            router.ended,
            name in self.stopped,
            not router.has_room,
        )
        stream = self.shared[name]
        self.post(name, "controller", lambda: self.run.share_progress(stream, name, report, self.now))

    def _worker_hears(self, name: str, spans: list[Span], step: Step) -> None:
        worker = self.workers.get(name)
        if worker is not None:
            for first, stop in step.dropped:
                worker.assembler.drop(first, stop)
            worker.assembler.end_lives(step.over)
            for first, stop in step.over:
                for number in range(first, stop):
                    worker.states.pop(number, None)
            worker.assembler.lease(spans)

    def _worker_gets(self, name: str, stream: str, delivery: Delivery) -> None:
        worker = self.workers.get(name)
        if worker is not None:
            span = delivery.span
            worker.assembler.add(
                stream, span.slot, span.attempt, delivery.first, delivery.expected, list(delivery.packets)
            )

    def _reducer_fences(self, name: str) -> None:
        self.collector.fence(name)
        self.post("reducer", "controller", lambda: self.run.fenced(name, self.now))

    # ---- what happens ---------------------------------------------------------------------------------------------------

    def join(self, name: str, tags: frozenset[str], edition: int = 0) -> None:
        self.workers[name] = WorkerProcess(name, tags, edition=edition)
        self.run.add_worker(name, tags, self.now, edition)

    def kill(self, name: str, *, killed: bool = True, culprit: int | None = None) -> None:
        """The worker's process is gone, with everything under way to it and with what it had not sent yet."""
        self.retired.append(self.workers.pop(name))
        suspect = self.run._scheduler.workforce[name].careful
        if killed and suspect is not None:
            self.blamed.add(suspect[0])
        for sender, receiver in list(self.channels):
            if receiver == name:
                del self.channels[sender, receiver]
        failure = Failure("process", "WorkerDied", "planted")
        death = None if culprit is None else Death(culprit, failure)
        self.run.lose_worker(name, killed=killed, death=death)

    def drain(self, name: str) -> None:
        """The worker is asked to leave: it begins no further event and says so."""
        self.workers[name].drains = True
        self.post(name, "controller", lambda: self.run.drain_worker(name))

    def has_drained(self, name: str) -> bool:
        """Whether the reducer has all that a worker which drains has made."""
        return self.workers[name].drains and not self.channels.get((name, "reducer"))

    def leave(self, name: str) -> None:
        """A worker that drains goes, and says so."""
        self.retired.append(self.workers.pop(name))
        for sender, receiver in list(self.channels):
            if receiver == name:
                del self.channels[sender, receiver]
        self.post(name, "controller", lambda: self.run.lose_worker(name, killed=False))

    def ingester_dies(self, stream: str, cause: str, *, sent_arrives: bool = True) -> None:
        """The ingester of one stream is gone; what it had sent to the workers arrives or not, its reports do."""
        del self.routers[stream]
        for sender, receiver in list(self.channels):
            if receiver == stream or (sender == stream and receiver != "controller" and not sent_arrives):
                del self.channels[sender, receiver]
        if stream in self.shared:
            self.run.share_gone(self.shared[stream], stream, cause, self.now)
        else:
            self.run.stream_gone(stream, cause, self.now)

    def read(self, stream: str, arrivals: list[Packet | Malformed]) -> None:
        """The device of a stream sends this, and the ingesters that it comes to read it."""
        if stream in self.shared.values():
            self._read_shares(stream, arrivals)
        elif stream in self.routers and stream not in self.stopped:
            self._arrive(stream, arrivals)

    def _read_shares(self, stream: str, arrivals: list[Packet | Malformed]) -> None:
        names = self.ingesters(stream)
        if not self.in_turn:
            for name in names:
                self._arrive(name, arrivals)
            return
        for arrival in arrivals:
            if names:
                self._arrive(names[self.deal(len(names))], [arrival])

    def _arrive(self, name: str, arrivals: list[Packet | Malformed]) -> None:
        if name not in self.stopped:
            self._send(name, self.routers[name].arrive(arrivals))
            self._report(name)

    def work(self, name: str, limit: int = 1000) -> int:
        """The worker processes what is ready and then sends what came of it; returns how many events."""
        worker = self.workers[name]
        if worker.drains:
            return 0
        ready = [one for run in worker.assembler.take_ready(limit) for one in run]
        results: list[tuple[str, Callable[[], None]]] = []
        for done, one in enumerate(ready):
            if one.is_rehearsal and one.event in self.poison:
                self.kill(name, culprit=one.event)
                return done
            if one.life and one.event not in self.poison:
                worker.states[one.life] = (*worker.states.get(one.life, ()), one.event)
            if one.is_rehearsal:
                continue
            worker.seen.append(one.event)
            key = one.event, one.slot
            self.worked[key] += 1
            self.attempts[key] = max(self.attempts.get(key, 0), one.attempt)
            self.epochs[one.event].add(one.epoch)
            if one.event in self.poison:
                self.deaths[one.event] += 1
                self.kill(name, culprit=one.event if self.stateful else None)
                return done
            if one.event in self.failing:
                failure = partial(self._fail, name, one)
                self.failures[name].append(failure)
                results.append(("controller", failure))
            else:
                result = {stream: packet.frames[0] for stream, packet in one.streams.items()}
                state = worker.states.get(one.life, ())
                results.append(("reducer", partial(self._reduce, name, one, result, state)))
        for receiver, action in results:
            self.post(name, receiver, action)
        return len(ready)

    def _fail(self, name: str, one: Ready) -> None:
        self.run.failed(name, one.slot, one.event, Failure("process_event", "ValueError", "planted"))

    def _reduce(self, name: str, one: Ready, result: dict[str, bytes], state: tuple[int, ...]) -> None:
        slot, event = one.slot, one.event
        if not self.collector.take(name, slot, event, event + 1):
            return
        self.account.mark_split([event] if one.split else [])
        split = self.account.split_within(event, event + 1)
        if event in self.refused:
            self.account.failed(event, event + 1)
            failure = Failure("process_result", "ValueError", "planted")

            def told() -> None:
                self.run.failed(name, slot, event, failure)

            self.failures["reducer"].append(told)
            self.post("reducer", "controller", told)
            return
        self.reduced.append((event, slot, result))
        self.states[event, slot] = state
        self.account.reduced(event, event + 1)
        self.post(
            "reducer",
            "controller",
            lambda: self.run.taken(name, slot, event, event + 1, self.now, split),
        )

    # ---- the controller dies --------------------------------------------------------------------------------------------

    def controller_dies(self, again: Run, arriving: Callable[[int], int]) -> None:
        """Another controller goes on as ``again``: what was on its way to the old one is gone.

        Of what was on its way from it, the first ``arriving(n)`` of n messages arrive.
        """
        self.run = again
        for (sender, receiver), queue in list(self.channels.items()):
            if sender == "controller":
                for _ in range(arriving(len(queue))):
                    queue.popleft()()
            if "controller" in (sender, receiver):
                self.channels.pop((sender, receiver), None)
        for name in self.run.workers:
            if name not in self.workers:
                self.run.lose_worker(name, killed=False)
            elif self.workers[name].drains:
                self.drain(name)
        self._take_stock()

    def _take_stock(self) -> None:
        held = {name: self._held_by(name) for name in self.workers}
        for name, failures in self.failures.items():
            if name in self.workers or name == "reducer":
                for failure in failures:
                    failure()
        for stream, router in self.routers.items():
            self.losses[stream] += router.take_losses()
            complete, seen = router.complete_until, router.seen_until
            given_up = [*router.spares.all_given_up, *router.spares.take_given_up()]
            self.run.given_up(stream, given_up)
            self.run.lost(self.losses[stream])
            self.run.progress(
                stream, complete, seen, ended=router.ended, now=self.now, blocked=not router.has_room
            )
            if stream in self.stopped:
                self.run.stopped(stream, complete, seen, self.now)
        taken = {slot: list(events) for slot, events in self.collector._taken.items()}
        resync = self.run.take_stock(Stock(held, taken, list(self.account.coverage.reduced)), self.now)
        for stream in self.routers:
            self.post("controller", stream, partial(self._ingester_resyncs, stream, resync))
        for name in self.workers if resync.over else resync.dropped:
            told = Step(dropped=resync.dropped.get(name, []), over=resync.over)
            self.post("controller", name, partial(self._worker_hears, name, [], told))
        for name in resync.fence:
            self.post("controller", "reducer", partial(self._reducer_fences, name))

    def _held_by(self, name: str) -> Deliveries:
        held: dict[int, RangeSet] = defaultdict(RangeSet)
        for slot, first, stop in self.workers[name].assembler.deliveries():
            held[slot].add(first, stop)
        for action in self.channels.get((name, "reducer"), ()):
            one: Ready = action.args[1]  # type: ignore[attr-defined]
            held[one.slot].add(one.event, one.event + 1)
        return {slot: list[Range](events) for slot, events in held.items()}

    def _ingester_resyncs(self, stream: str, resync: Resync) -> None:
        router = self.routers[stream]
        for first, stop in resync.settled:
            router.release(first, stop)
        for first, stop in resync.spare:
            router.spares.add(first, stop)
        if resync.close_at is not None and router.is_open:
            self._send(stream, router.close(resync.close_at))
        self._send(stream, router.resync(resync.spans))
        if resync.stop_sources and stream not in self.stopped:
            self.stopped.add(stream)
            complete, seen = router.complete_until, router.seen_until
            self.post(stream, "controller", lambda: self.run.stopped(stream, complete, seen, self.now))
        self._report(stream)

    # ---- to the end -----------------------------------------------------------------------------------------------------

    def quiet(self, turns: int = 4) -> None:
        """Let all messages arrive and the controller look, but nobody work."""
        for _ in range(turns):
            for sender, receiver in self.busy():
                while self.channels[sender, receiver]:
                    self.deliver(sender, receiver)
            self.step()

    def settle(self, patience: int = 100_000) -> None:
        """Let everything that is under way arrive, again and again, until nothing moves any more."""
        for _ in range(patience):
            busy = self.busy()
            for sender, receiver in busy:
                self.deliver(sender, receiver)
            worked = sum(self.work(name) for name in list(self.workers) if name in self.workers)
            for name in [name for name in self.workers if self.has_drained(name)]:
                self.leave(name)
            before = len(self.busy())
            self.step()
            if not busy and not worked and len(self.busy()) == before == 0:
                return
        raise AssertionError("the mill does not come to rest")

    @property
    def complete(self) -> bool:
        return self.run.phase is RunPhase.COMPLETE


def numbered(stream: str, item: int, last: int) -> Packet:
    """The packet that a device with its own numbers sends as item ``item`` of a wrapped series."""
    kind = PacketKind.START if item == 0 else PacketKind.END if item == last else PacketKind.DATA
    return Packet("test", [payload(stream, item)], None if kind is PacketKind.START else item, kind)
