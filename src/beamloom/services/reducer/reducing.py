"""The result of a run: each delivery is taken once and given to the user's class.

Policy: what user code raises fails the events that it was called for, is told with where it happened, and stops nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from beamloom.analysis import ErrorCapsule, ReducerAnalysis
from beamloom.capsules import Given
from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.ranges import Range, RangeSet
from beamloom.events import Result
from beamloom.services.reducer.acknowledging import Delivered
from beamloom.services.reducer.batches import TAKEN_IN_PART, Batch, Entry, decoder_of, trusted_packages
from beamloom.services.reducer.deciding import Deciding
from beamloom.services.reducer.failed_deliveries import FailedDeliveries
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.last_words import NOBODY, Deaths, LastWords
from beamloom.services.reducer.safekeeping import Checkpoint, State
from beamloom.services.reducer.snapshots import Published
from beamloom.services.reducer.states import LeafStates, decode_state, encode_state, too_few_leaves
from beamloom.services.shell.code_version import reducer_state
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.membership import name_of
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import NOT_PLAIN, Decoder, Encoded
from beamloom.transport.messages import Arm, Failed, Results, ResultSpan

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Reducing:
    """Takes results and calls the user's class, which may be missing."""

    def __init__(
        self,
        settings: ReducerSettings,
        peer: str,
        analysis: ReducerAnalysis | None,
        epochs: Epochs,
        keeping: Keeping,
        tell: Callable[[Failed], None],
        last_words: LastWords | None = None,
        evidence: Evidence | None = None,
        deciding: Deciding | None = None,
    ) -> None:
        """``peer`` is blamed for hooks that belong to no event; ``tell`` is told of all that fails.

        ``last_words`` is told at which result this is, ``evidence`` keeps calls that fail, ``deciding`` hears what the class says.
        """
        self._deciding = deciding or Deciding(analysis, settings.name, lambda said: None)
        self._last_words = last_words or LastWords()
        self._evidence = evidence or Evidence()
        self.analysis = analysis
        self.collector = Collector()
        self.failed = FailedDeliveries()
        self.account = ResultAccount("", 0)
        self.context: dict[Any, Any] = {}
        """What the user's class keeps from run to run."""
        self.processed = 0
        self.last_event = -1
        self.user_seconds = 0.0
        self.working_since: float | None = None
        """When user code was called that has not returned (monotonic, s)."""
        self.next_timer: float | None = None
        """When the user's timer is to be called; None: not at all."""
        self._settings = settings
        self._peer = peer
        self._epochs = epochs
        self._keeping = keeping
        self._tell = tell
        self._decoder = Decoder(allow_pickle=settings.allow_pickle)
        self._analyses: set[str] = set()

    # ---- a run begins -------------------------------------------------------------------------------------------------------

    def begin(self, arm: Arm, now: float) -> str | None:
        """Make a new instance for a run; returns why it cannot be made."""
        self.collector = Collector()
        self.failed = FailedDeliveries()
        self._decoder = decoder_of(arm, self._settings)
        self._evidence.begin_run(arm.run)
        self._analyses = trusted_packages(arm, self._settings)
        analysis = self.analysis
        self.next_timer = now if analysis is not None and analysis.has_timer else None
        if analysis is not None:
            state = reducer_state(
                self._settings.name, arm.run, self._epochs.latest.hash, self._settings.reducer_class
            )
            try:
                analysis.start(self._epochs.latest, self.context, state)
            except RAISED as error:
                pass_interrupt(error)
                return str(ErrorCapsule.from_exception(analysis.where("__init__"), error))
        return None

    def restore(self, checkpoint: Checkpoint, state: State) -> str | None:
        """Stand where a former life stood at its checkpoint; returns why that cannot be."""
        self.collector.restore(checkpoint.taken, checkpoint.fenced)
        self.failed.restore(checkpoint.failed_deliveries, checkpoint.failures)
        self.account.restore(checkpoint.split, checkpoint.failed, checkpoint.taken.values())
        if self.analysis is not None:
            try:
                found = decode_state(*state, self._analyses)
                if isinstance(found, LeafStates):
                    return too_few_leaves(len(found.states))
                self.analysis.restore(found, self._epochs.latest)
            except RAISED as error:
                pass_interrupt(error)
                return str(ErrorCapsule.from_exception(self.analysis.where("restore"), error))
        return None

    def begin_epoch(self, epoch: int, values: Mapping[str, bytes]) -> None:
        """Parameters have changed, or an earlier epoch is told late."""
        self._epochs.begin(epoch, values)

    @property
    def trusted(self) -> set[str]:
        """The packages from which classes of results and states may be imported."""
        return self._analyses

    @property
    def published(self) -> Published | None:
        """What readers see; None without a class."""
        return self.analysis

    @property
    def whole(self) -> bool:
        """Whether all is there that the result is made of."""
        return True

    # ---- results ------------------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do what can be done now, without waiting."""

    def drain(self) -> None:
        """Wait until all that was given is reduced, and whoever gave it was told."""

    def give(
        self, worker: str, results: Results, buffers: Sequence[Any], then: Callable[[list[Delivered]], None]
    ) -> None:
        """Reduce what has not been reduced before; ``then`` is told which deliveries of these results are in the result now.

        Those that were in it before are among them: who leased them again has not heard of it. Those that failed before are told again.
        """
        reduced, again = self.reduce(worker, results, buffers)
        then(reduced + self._known_again(again))

    def reduce(
        self, worker: str, results: Results, buffers: Sequence[Any]
    ) -> tuple[list[Delivered], list[Delivered]]:
        """Reduce what has not been reduced before; returns the deliveries for which that went well, and those that were taken before."""
        begin = time.perf_counter()
        batch = Batch(results, buffers)
        self._deciding.given.open()
        deliveries: list[Delivered] = []
        again: list[Delivered] = []
        place = 0
        for slot, epoch, first, stop in batch.spans:
            take = self._take_singly if batch.combined else self._take_span
            reduced, known = take(worker, batch, place, (slot, epoch, first, stop))
            deliveries += [(worker, slot, a, b) for a, b in reduced]
            again += [(worker, slot, a, b) for a, b in known]
            place += stop - first
        for _, _, first, stop in deliveries:
            self.account.reduced(first, stop)
        self._deciding.given.shut()
        self.user_seconds += time.perf_counter() - begin
        return deliveries, again

    def _known_again(self, again: list[Delivered]) -> list[Delivered]:
        """Of deliveries that came again, those that are in the result; of those whose reduce failed that is told again.

        Of a worker whose results are not taken any more nothing is told: what it held is leased to others.
        """
        if not again or not self.collector.admits(again[0][0]):
            return []
        for worker, slot, first, stop in again:
            for failed in self.failed.again(self.account.run, worker, slot, [(first, stop)]):
                self._tell(failed)
        return [
            (worker, slot, a, b)
            for worker, slot, first, stop in again
            for a, b in self.failed.others(slot, first, stop)
        ]

    def _take_span(
        self, worker: str, batch: Batch, place: int, span: ResultSpan
    ) -> tuple[list[Range], list[Range]]:
        """Reduce what is new of consecutive results; returns the events for which that went well, and those that had been taken before."""
        slot, epoch, first, stop = span
        fresh = self.collector.take(worker, slot, first, stop)
        if fresh == [(first, stop)]:
            return self._reduce(worker, batch, place, span), []
        reduced = [
            done
            for a, b in fresh
            for done in self._reduce(worker, batch, place + a - first, (slot, epoch, a, b))
        ]
        return reduced, RangeSet(fresh).missing(first, stop)

    def _take_singly(
        self, worker: str, batch: Batch, place: int, span: ResultSpan
    ) -> tuple[list[Range], list[Range]]:
        """The same for results of which some are those of several events."""
        slot, epoch, first, stop = span
        reduced: list[Range] = []
        again: list[Range] = []
        for event in range(first, stop):
            one, here = (slot, epoch, event, event + 1), place + event - first
            if merged := batch.combined[here]:
                taken, known = self._take_combined(worker, slot, merged)
                if taken and self._reduce(worker, batch, here, one):
                    reduced += merged
                again += known
            else:
                done, known = self._take_span(worker, batch, here, one)
                reduced += done
                again += known
        return reduced, again

    def _take_combined(self, worker: str, slot: int, ranges: list[Range]) -> tuple[bool, list[Range]]:
        """Whether a result of several events is to be reduced; where not, those of its events that had been taken before."""
        taken, unobtainable = self.collector.take_together(worker, slot, ranges)
        if taken:
            return True, []
        gone = RangeSet(unobtainable)
        known = [part for first, stop in ranges for part in gone.missing(first, stop)]
        if unobtainable:
            run = self.account.run
            logger.error("run %s: of the events %s from %s: %s", run, unobtainable, worker, TAKEN_IN_PART)
            failure = Failure("combine", "TakenInPart", TAKEN_IN_PART)
            self._fail(worker, slot, unobtainable[-1][1] - 1, failure, unobtainable)
        return False, known

    def _reduce(self, worker: str, batch: Batch, place: int, span: ResultSpan) -> list[Range]:
        """Call the user's reduce with consecutive results, the first of which is at ``place``; returns the events for which that went well.

        Of one result of several events the event is the last of them.
        """
        slot, epoch, first, stop = span
        analysis, decode, plain = self.analysis, self._decoder.decode, self._decoder.plain
        parameters = self._epochs.known(epoch)
        name, parameters_hash = name_of(worker), parameters.hash
        deadly, at_work = self._last_words.deadly(slot, first, stop), self._last_words.at_work(slot)
        processed, failed, merges = self.processed, RangeSet(), bool(batch.combined)
        spoken, given, clock = batch.spoken, self._deciding.given, time.monotonic
        sizes, heads, has_large = batch.sizes, batch.heads, batch.has_large
        for event in range(first, stop):
            if spoken and place in spoken:
                self._deciding.repeat(spoken[place], worker)
            if sizes[place]:
                combined = batch.events(place) if merges else ()
                self.processed += len(combined) or 1
                self.last_event = event
                if deadly and event in deadly:
                    self._set_aside(worker, batch.entry(place, slot, epoch, event), deadly[event])
                    failed.add(event, event + 1)
                elif analysis is not None:
                    at_work[0] = given.event = event
                    self.working_since = clock()
                    try:
                        if plain is not None:
                            try:
                                payload = plain(heads[place])
                            except NOT_PLAIN:
                                plain = None
                        if plain is None:
                            payload = decode(heads[place], batch.large(place) if has_large else ())
                        analysis.process_result(
                            Result(event, name, parameters_hash, payload, epoch, combined), parameters
                        )
                    except RAISED as error:
                        pass_interrupt(error)
                        at_work[0] = NOBODY
                        self._failed(worker, batch.entry(place, slot, epoch, event), error, analysis)
                        failed.add(event, event + 1)
            place += 1
        self.working_since = None
        at_work[0] = NOBODY
        if self.processed != processed:
            self._keeping.saw(epoch, first)
        return failed.missing(first, stop)

    def _failed(self, worker: str, entry: Entry, error: BaseException, analysis: ReducerAnalysis) -> None:
        """The user's class has raised at a result."""
        where = analysis.where("process_result")
        failure = self._kept(failure_of(where, error, entry.event), worker, entry, analysis)
        how = self._evidence.command(failure)
        logger.warning("event %d failed in %s: %r%s", entry.event, where, error, how)
        self._fail(worker, entry.slot, entry.event, failure, entry.merged)

    def _set_aside(self, worker: str, entry: Entry, deaths: Deaths) -> None:
        """A result that has ended the process before is not given to the user's class any more."""
        failure = deaths.failure(entry.event)
        if self.analysis is not None:
            failure = self._kept(failure, worker, entry, self.analysis)
        logger.warning("%s%s", failure.message, self._evidence.command(failure))
        self._fail(worker, entry.slot, entry.event, failure, entry.merged)

    def _kept(self, failure: Failure, worker: str, entry: Entry, analysis: ReducerAnalysis) -> Failure:
        """The failure, with the name of its capsule where one was kept."""

        def given() -> Given:
            return Given(
                worker=name_of(worker),
                head=bytes(entry.head),
                buffers=[bytes(buffer) for buffer in entry.large],
                combined=[one for first, stop in entry.merged for one in range(first, stop)],
                trusted=sorted(self._analyses),
                allow_pickle=self._settings.allow_pickle,
            )

        parameters = self._epochs.known(entry.epoch)
        return self._evidence.of_reduce(failure, entry.event, entry.epoch, given, parameters, analysis)

    def _fail(
        self,
        worker: str,
        slot: int,
        event: int | None,
        failure: Failure,
        combined: Sequence[Range] = (),
    ) -> None:
        self._report(Failed(self.account.run, worker, slot, event, failure, list(combined)))

    def _report(self, failed: Failed) -> None:
        if failed.event is not None:
            for first, stop in failed.combined or [(failed.event, failed.event + 1)]:
                self.account.failed(first, stop)
        self.failed.add(failed)
        self._tell(failed)

    # ---- hooks that belong to no event --------------------------------------------------------------------------------------

    def call_timer(self, now: float) -> bool:
        """Call the user's timer when it is due; whether it was called."""
        analysis = self.analysis
        if analysis is None or self.next_timer is None or now < self.next_timer:
            return False
        timer = self._call("timer", lambda: (analysis.timer(self._epochs.latest),))
        delay = 1.0 if timer is None else timer[0]
        self.next_timer = None if delay is None else now + delay
        return True

    def repeat_timer(self) -> None:
        """Call the timer where a former life has called it; its time is its own."""
        analysis = self.analysis
        if analysis is not None:
            self._call("timer", lambda: analysis.timer(self._epochs.latest))

    @property
    def has_checkpoint(self) -> bool:
        """Whether the user's class can hand over its state."""
        return self.analysis is not None and self.analysis.has_checkpoint

    def checkpoint(self) -> Encoded | None:
        """The state of the user's instance; None where it fails."""
        analysis = self.analysis
        if analysis is None:
            return None
        state = self._call("checkpoint", lambda: encode_state(analysis.checkpoint(self._epochs.latest)))
        return None if state is None else state.detached()

    def finish(self) -> bool:
        """The run is over; whether there was anybody to hear of it."""
        analysis = self.analysis
        if analysis is None:
            return False
        self._call("finish", lambda: analysis.finish(self._epochs.latest))
        return True

    def close(self) -> None:
        """The process ends."""
        if self.analysis is not None:
            try:
                self.analysis.close(self.context)
            except RAISED as error:
                pass_interrupt(error)
                logger.warning("%s failed: %r", self.analysis.where("close"), error)

    def _call(self, hook: str, call: Callable[[], T]) -> T | None:
        """Call a hook that belongs to no event; None when it fails."""
        if hook != "checkpoint":
            self._deciding.given.open()
        try:
            return call()
        except RAISED as error:
            pass_interrupt(error)
            analysis, epochs = self.analysis, self._epochs
            failure = failure_of(hook if analysis is None else analysis.where(hook), error, None)
            if analysis is not None:
                failure = self._evidence.of_hook(
                    failure, hook, epochs.newest, epochs.latest, analysis, of_reducer=True
                )
            logger.warning("%s failed: %r%s", failure.where, error, self._evidence.command(failure))
            self._fail(self._peer, 0, None, failure)
            return None
        finally:
            self._deciding.given.shut()


def failure_of(where: str, error: BaseException, event: int | None) -> Failure:
    """What is told of an exception of the user's class."""
    capsule = ErrorCapsule.from_exception(where, error, event)
    return Failure(capsule.where, capsule.error_type, capsule.message, capsule.traceback)
