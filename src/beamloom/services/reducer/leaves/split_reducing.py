"""The result of a run, reduced by several leaves: each result goes to one of them, what they publish is joined when somebody reads it.

Policy: outside nothing is different from one reducer. Which deliveries are new is decided here, once, and what a leaf has reduced is
written to the journal, acknowledged and entered in the order in which it came. A batch goes to those that have least to do, cut into shares
where that is worth it: workers have few events under way when these are slow. No leaf has more than two shares before it, so that a
snapshot waits for little. While one is taken nothing is handed out, so that it holds exactly the results that the account says.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.collector import Collector
from beamloom.errors import UserError
from beamloom.results.joining import check_start, join_trees
from beamloom.services.reducer.acknowledging import Delivered
from beamloom.services.reducer.batches import trusted_packages
from beamloom.services.reducer.deciding import Deciding
from beamloom.services.reducer.failed_deliveries import FailedDeliveries
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.last_words import LastWords
from beamloom.services.reducer.leaves.cutting import count_of, cut
from beamloom.services.reducer.leaves.links import LeafDied, LeafLink
from beamloom.services.reducer.leaves.messages import (
    Answer,
    Ask,
    Begin,
    Epoch,
    Request,
    Take,
    Timed,
    Told,
    Took,
    answer_of,
    encode,
)
from beamloom.services.reducer.leaves.open_batches import OpenBatch, enter
from beamloom.services.reducer.reducing import Reducing, failure_of
from beamloom.services.reducer.safekeeping import Checkpoint, State
from beamloom.services.reducer.states import LeafStates, decode_state, encode_state, too_few_leaves
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import Encoded
from beamloom.transport.messages import Arm, Failed, Results

logger = logging.getLogger(__name__)

AT_ONCE = 2
"""Batches that one leaf has before it."""
WORTH_CUTTING = 0.0005
"""Seconds that a share of a batch takes at least; what takes less goes to one leaf whole."""
MOST_OPEN = 256
"""Batches that wait, or are being reduced; while there are more, no message is read."""


@dataclass(eq=False)
class _Leaf:
    link: LeafLink
    batches: int = 0
    """How many it has before it."""
    shown: Sequence[Any] = ()
    """What it published last, as frames."""


class JoinedTree:
    """What all leaves publish, as readers see it."""

    publish_rlock: AbstractContextManager[Any] | None = None

    def __init__(self, read: Callable[[], dict[Any, Any]]) -> None:
        self._read = read

    @property
    def publish(self) -> dict[Any, Any]:
        """The joined tree of now. Raises TypeError or ValueError where it cannot be joined."""
        return self._read()


class SplitReducing(Reducing):
    """Hands results out to leaves, and joins what they publish."""

    def __init__(
        self,
        settings: ReducerSettings,
        peer: str,
        analysis: ReducerAnalysis,
        epochs: Epochs,
        keeping: Keeping,
        tell: Callable[[Failed], None],
        last_words: LastWords,
        deciding: Deciding,
        leaves: Sequence[LeafLink],
    ) -> None:
        super().__init__(settings, peer, analysis, epochs, keeping, tell, last_words, None, deciding)
        self._user: ReducerAnalysis = analysis
        self._leaves = [_Leaf(link) for link in leaves]
        self._open: deque[OpenBatch] = deque()
        self._waiting: deque[OpenBatch] = deque()
        self._by_ticket: dict[int, tuple[OpenBatch | None, int]] = {}
        """Batch and number of the share."""
        self._told: dict[int, tuple[Told, Sequence[Any]]] = {}
        self._tickets = itertools.count(1)
        self._at_start: Sequence[Any] = ()
        self._tree: dict[Any, Any] | None = None
        self._refused: str | None = None
        """Why what is published could not be joined the last time, as it was told."""
        self._timed = self._timers = False
        self._whole = True
        self._results = 0
        """How many were reduced in ``user_seconds``."""

    @property
    def whole(self) -> bool:
        """Whether all leaves live."""
        return self._whole

    # ---- a run begins -------------------------------------------------------------------------------------------------------

    def begin(self, arm: Arm, now: float) -> str | None:
        """Have each leaf make a new instance; returns why that cannot be, or why what they publish could not be joined."""
        self._open.clear()
        self._waiting.clear()
        self._by_ticket.clear()
        self.collector = Collector()
        self.failed = FailedDeliveries()
        self._analyses = trusted_packages(arm, self._settings)
        self._timed = self._timers = False
        self._tree, self._refused = None, None
        deadly = self._last_words.set_aside
        for leaf in self._leaves:
            leaf.batches, leaf.shown = 0, ()
        told = self._ask_all(lambda ticket: Begin(ticket, arm, self._peer, deadly))
        problems = [answer.problem for answer, _ in told if answer.problem is not None]
        if problems:
            return problems[0]
        for leaf, (_, frames) in zip(self._leaves, told, strict=True):
            leaf.shown = frames
        self._at_start = self._leaves[0].shown
        try:
            if self._user.combine is None:
                check_start(self._decoded(self._at_start))
            self._join()
        except RAISED as error:
            pass_interrupt(error)
            return f"{self._user.name} cannot be split over {len(self._leaves)} leaves: {error}"
        return None

    def restore(self, checkpoint: Checkpoint, state: State) -> str | None:
        """Have each leaf stand where it stood at its checkpoint; returns why that cannot be."""
        try:
            found = decode_state(*state, self._analyses)
        except UserError as error:
            return str(error)
        # What one reducer had is a part as good as any.
        states = found.states if isinstance(found, LeafStates) else [[state[0], *state[1]]]
        if len(states) > len(self._leaves):
            return too_few_leaves(len(states))
        self.collector.restore(checkpoint.taken, checkpoint.fenced)
        self.failed.restore(checkpoint.failed_deliveries, checkpoint.failures)
        self.account.restore(checkpoint.split, checkpoint.failed, checkpoint.taken.values())
        self._tree = None
        for leaf, frames in zip(self._leaves, states, strict=False):
            answer, _ = self._ask(leaf, lambda ticket: Ask(ticket, "restore"), frames)
            if answer.problem is not None:
                return answer.problem
        return None

    def begin_epoch(self, epoch: int, values: Mapping[str, bytes]) -> None:
        """All leaves hear of it before any result of it."""
        super().begin_epoch(epoch, values)
        for leaf in self._leaves:
            leaf.link.send([encode(Epoch(epoch, dict(values)))])

    # ---- results ------------------------------------------------------------------------------------------------------------

    def give(
        self, worker: str, results: Results, buffers: Sequence[Any], then: Callable[[list[Delivered]], None]
    ) -> None:
        """Have the results reduced; ``then`` is called, maybe later, when they and all before them are."""
        new, again = enter(self.collector, worker, results)
        one = OpenBatch(worker, results, buffers, then, new, again)
        self._open.append(one)
        if new.parts:
            self._waiting.append(one)
        else:
            one.shares = []
        if self.working_since is None:
            self.working_since = time.monotonic()
        self._go_on()
        while len(self._open) > MOST_OPEN:
            self._look(0.1)

    def _go_on(self) -> None:
        """Hand out what waits, and take what is reduced, in its order."""
        while self._waiting:
            least = min(leaf.batches for leaf in self._leaves)
            if least >= AT_ONCE:
                break
            self._hand_out(self._waiting.popleft(), [leaf for leaf in self._leaves if leaf.batches == least])
        self._take_reduced()

    def _hand_out(self, one: OpenBatch, leaves: Sequence[_Leaf]) -> None:
        """Have these leaves reduce a batch, or the first of them, where it is not worth cutting."""
        count = count_of(one.results)
        if not one.may_be_cut:
            leaves = leaves[:1]
        elif self._results:
            worth = count * self.user_seconds / self._results / WORTH_CUTTING
            leaves = leaves[: max(1, min(len(leaves), int(worth)))]
        shares = cut(one.results, one.buffers, len(leaves))
        one.shares = [None] * len(shares)
        for number, (leaf, (results, buffers)) in enumerate(zip(leaves, shares, strict=False)):
            ticket = next(self._tickets)
            self._by_ticket[ticket] = one, number
            leaf.batches += 1
            leaf.link.send([encode(Take(ticket, one.worker, results, one.known)), *buffers])

    def _take_reduced(self) -> None:
        while self._open and self._open[0].reduced:
            one = self._open.popleft()
            self._tree = None
            reduced: list[Delivered] = []
            for took in one.shares or ():
                if took is not None:
                    reduced += self._enter_share(took)
            if one.shares:
                self._results += count_of(one.results)
                self._note_epochs(one.results)
            again = [(one.worker, slot, first, stop) for slot, first, stop in one.again.parts]
            self.working_since = time.monotonic() if self._open else None
            one.then(reduced + self._known_again(again))

    def _enter_share(self, took: Took) -> list[Delivered]:
        self.processed += took.processed
        self.last_event = took.last_event
        self.user_seconds += took.seconds
        for _, _, first, stop in took.reduced:
            self.account.reduced(first, stop)
        for failed in took.failed:
            self._report(failed)
        self._deciding.hear(took.said)
        return took.reduced

    def _note_epochs(self, results: Results) -> None:
        place = 0
        for _, epoch, first, stop in results.spans:
            sizes = results.sizes if len(results.sizes) == 1 else results.sizes[place : place + stop - first]
            if any(sizes):
                self._keeping.saw(epoch, first)
            place += stop - first

    def turn(self) -> None:
        """Take what the leaves have reduced."""
        for leaf in self._leaves:
            self._look_at(leaf, 0.0)
        self._go_on()

    def drain(self) -> None:
        """Wait until all that was given is reduced, and whoever gave it was told."""
        self._go_on()
        while self._open:
            self._look(0.1)

    # ---- what the leaves say ------------------------------------------------------------------------------------------------

    def _look(self, timeout: float) -> None:
        """Wait for a leaf that is at work."""
        busy = next((leaf for leaf in self._leaves if leaf.batches), None)
        if busy is not None:
            self._look_at(busy, timeout)
        self.turn()

    def _look_at(self, leaf: _Leaf, timeout: float) -> None:
        try:
            answers = leaf.link.receive(timeout)
        except LeafDied:
            self._whole = False
            if (delivery := leaf.link.delivery) is not None:
                # The next life finds it where it would have found its own.
                slot, event = delivery
                self._last_words.at_work(slot)[0] = event
            raise
        for frames in answers:
            self._hear(leaf, answer_of(frames[0]), frames[1:])

    def _hear(self, leaf: _Leaf, answer: Answer, frames: Sequence[Any]) -> None:
        match answer:
            case Took(ticket=ticket):
                one, number = self._by_ticket.pop(ticket, (None, 0))
                if one is not None and one.shares is not None:
                    leaf.batches -= 1
                    one.shares[number] = answer
            case Told(ticket=ticket):
                self._told[ticket] = answer, frames
            case Timed(failed=failed, said=said):
                self._timed, self._tree = True, None
                self._hear_of_hook(failed, said)

    def _hear_of_hook(self, failed: Sequence[Failed], said: Sequence[Any]) -> None:
        for one in failed:
            self._report(one)
        self._deciding.hear(said)

    def _ask(
        self, leaf: _Leaf, request: Callable[[int], Request], frames: Sequence[Any] = ()
    ) -> tuple[Told, Sequence[Any]]:
        ticket = next(self._tickets)
        leaf.link.send([encode(request(ticket)), *frames])
        return self._answer(leaf, ticket)

    def _ask_all(self, request: Callable[[int], Request]) -> list[tuple[Told, Sequence[Any]]]:
        tickets = [next(self._tickets) for _ in self._leaves]
        for leaf, ticket in zip(self._leaves, tickets, strict=True):
            leaf.link.send([encode(request(ticket))])
        return [self._answer(leaf, ticket) for leaf, ticket in zip(self._leaves, tickets, strict=True)]

    def _answer(self, leaf: _Leaf, ticket: int) -> tuple[Told, Sequence[Any]]:
        """Wait for an answer; all that the leaf was given before has been reduced then."""
        while ticket not in self._told:
            self._look_at(leaf, 0.1)
        answer, frames = self._told.pop(ticket)
        self._hear_of_hook(answer.failed, answer.said)
        return answer, frames

    # ---- what is published --------------------------------------------------------------------------------------------------

    @property
    def published(self) -> JoinedTree:
        """What all leaves publish."""
        return JoinedTree(self._read)

    def _read(self) -> dict[Any, Any]:
        told = self._ask_all(lambda ticket: Ask(ticket, "publish"))
        # Nothing was handed out meanwhile: what is entered now is what the trees hold.
        self._take_reduced()
        for leaf, (answer, frames) in zip(self._leaves, told, strict=True):
            if answer.problem is not None:
                raise ValueError(answer.problem)
            if frames:
                leaf.shown, self._tree = frames, None
        try:
            return self._join()
        except RAISED as error:
            pass_interrupt(error)
            where = self._user.where("publish" if self._user.combine is None else "combine")
            if self._refused != str(error):
                self._refused = str(error)
                self._report(Failed(self.account.run, self._peer, 0, None, failure_of(where, error, None)))
            raise

    def _join(self) -> dict[Any, Any]:
        if self._tree is None:
            trees = [self._decoded(leaf.shown) for leaf in self._leaves]
            combine = self._user.combine
            if combine is None:
                self._tree = join_trees(trees, self._decoded(self._at_start))
            else:
                self._tree = combine(trees)
        return self._tree

    def _decoded(self, frames: Sequence[Any]) -> dict[Any, Any]:
        tree: dict[Any, Any] = decode_state(bytes(frames[0]), frames[1:], self._analyses) if frames else {}
        return tree

    # ---- hooks that belong to no event --------------------------------------------------------------------------------------

    def call_timer(self, now: float) -> bool:
        """Each leaf calls its timer itself; whether one has."""
        if not self._timers and self._user.has_timer:
            self._timers = True
            self._ask_all(lambda ticket: Ask(ticket, "timers"))
        timed, self._timed = self._timed, False
        return timed

    def repeat_timer(self) -> None:
        """Each leaf calls its timer where a former life has called one."""
        self._ask_all(lambda ticket: Ask(ticket, "repeat_timer"))

    def checkpoint(self) -> Encoded | None:
        """The states of all leaves; None where one fails."""
        self.drain()
        told = self._ask_all(lambda ticket: Ask(ticket, "checkpoint"))
        states = [[bytes(frame) for frame in frames] for _, frames in told]
        return encode_state(LeafStates(states)) if all(states) else None

    def finish(self) -> bool:
        """The run is over, for each leaf."""
        self.drain()
        self._ask_all(lambda ticket: Ask(ticket, "finish"))
        return True

    def close(self) -> None:
        """End all leaves."""
        for leaf in self._leaves:
            leaf.link.close()


def reducing_with(
    leaves: Sequence[LeafLink],
    settings: ReducerSettings,
    peer: str,
    analysis: ReducerAnalysis | None,
    epochs: Epochs,
    keeping: Keeping,
    tell: Callable[[Failed], None],
    last_words: LastWords,
    evidence: Evidence | None,
    deciding: Deciding,
) -> Reducing:
    """What reduces: the user's class in this process, or in leaves where there are any."""
    if leaves and analysis is not None:
        return SplitReducing(settings, peer, analysis, epochs, keeping, tell, last_words, deciding, leaves)
    return Reducing(settings, peer, analysis, epochs, keeping, tell, last_words, evidence, deciding)
