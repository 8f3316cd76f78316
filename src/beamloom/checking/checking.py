"""The whole of a check: replays in several orders by several numbers of workers, then the hooks on their own.

Results are compared with those of one worker that has all events in turn. What differs between two replays that are alike in everything
is not blamed on the order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from beamloom.analysis import ReducerAnalysis, WorkerAnalysis, load_class
from beamloom.benching.material import Material
from beamloom.benching.plain_loop import Loop, PlainLoop
from beamloom.checking import hooks as on_their_own
from beamloom.checking.asked import AskedParameters, names_of
from beamloom.checking.comparing import Difference, differences, plain
from beamloom.checking.findings import Finding, Findings
from beamloom.checking.hooks import Hooks, Sent
from beamloom.checking.orders import RandomTurns
from beamloom.checking.shared import changed, shared_of
from beamloom.replay import Replay, ReplayReport
from beamloom.services.shell.raised import RAISED, pass_interrupt

MOST_TOLD: Final = 3
"""So many places of a result are named."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be checked."""

    worker_class: str | type
    reducer_class: str | type
    files: Sequence[str] = ()
    source: str | type | None = None
    parameters: str | dict[str, bytes] | None = None
    workers: Sequence[int] = (1, 2, 4)
    """Numbers of workers that are tried; the first is compared with."""
    orders: int = 3
    """Orders that are tried with each number of workers, and of results."""
    seed: int = 0
    seconds: float = 1.0
    """How long the hooks are timed; 0: they are not."""
    most_bytes: int = 1 << 29
    """Of packets, which are held in memory."""
    allow_pickle: bool = False
    folder: str | None = None


class Check:
    """One check."""

    def __init__(self, question: Question, say: Callable[[str], None] = lambda text: None) -> None:
        """``say`` is told what is being done. Raises a UserError for whatever cannot be checked as asked."""
        self._question = question
        self._say = say
        self._found: list[Finding] = []
        self._tried: list[str] = []
        self._worker_class = _loaded(question.worker_class, question.folder)
        self._reducer_class = _loaded(question.reducer_class, question.folder)
        self._say("reading the recording")
        replay = self._replay(max(1, question.workers[0]))
        self._detectors = replay.detectors
        self._material = Material(replay, question.most_bytes)
        descriptions = [
            *WorkerAnalysis(self._worker_class).descriptions(),
            *ReducerAnalysis(self._reducer_class).descriptions(),
        ]
        self._described = names_of(descriptions)
        self._values = replay.parameters
        self._parameters = AskedParameters(self._values, descriptions)

    def run(self) -> Findings:
        """Check."""
        before = shared_of(self._worker_class, self._reducer_class)
        hooks = Hooks(
            self._worker_class,
            self._reducer_class,
            self._material.events,
            self._detectors,
            self._parameters,
            self._material.extent.head,
        )
        self._found += on_their_own.travelling(hooks)
        if not self._found or self._found[0].what not in ("failure", "wire"):
            self._of_hooks(hooks)
        self._of_replays()
        for name in changed(before, shared_of(self._worker_class, self._reducer_class)):
            self._found.append(
                Finding(
                    "problem",
                    "shared",
                    f"{name} changed: all instances of a process share it, and those of other processes do not; make it an attribute "
                    "of self",
                )
            )
        self._of_parameters()
        return Findings(
            events=len(self._material.events),
            worker=hooks.worker.name,
            reducer=hooks.reducer.name,
            tried=self._tried,
            found=self._found,
            plain=self._timed(),
        )

    # ---- the hooks on their own ---------------------------------------------------------------------------------------------

    def _of_hooks(self, hooks: Hooks) -> None:
        self._say("calling the hooks")
        try:
            results = hooks.results()
            if hooks.worker.stateful:
                self._tried.append("events are not taken out of their order: the class is stateful")
            else:
                self._found += on_their_own.repeating(hooks, results)
                self._found += on_their_own.threading(hooks, results)
                self._tried.append("each of 50 events again by a new instance; two instances in two threads")
                self._of_orders_of_results(hooks, results)
        except RAISED as error:
            pass_interrupt(error)
            self._found.append(Finding("problem", "failure", f"{type(error).__name__}: {error}"))

    def _of_orders_of_results(self, hooks: Hooks, results: list[Sent]) -> None:
        wanted = hooks.reduced(results)
        usual = _places(differences(wanted, hooks.reduced(results)))
        seen: list[Difference] = []
        chance = random.Random(self._question.seed)
        for _ in range(self._question.orders):
            shuffled = list(results)
            chance.shuffle(shuffled)
            seen += differences(wanted, hooks.reduced(shuffled))
        self._tried.append(f"{self._question.orders} orders of the results")
        self._tell("order", "when results come in another order", seen, usual)

    # ---- the pipeline -------------------------------------------------------------------------------------------------------

    def _replay(self, workers: int) -> Replay:
        question = self._question
        return Replay(
            self._worker_class,
            self._reducer_class,
            question.files,
            source=question.source,
            parameters=question.parameters,
            workers=workers,
            allow_pickle=question.allow_pickle,
            folder=question.folder,
        )

    def _of_replays(self) -> None:
        first, *others = self._question.workers
        self._say(f"replaying with {_workers(first)}")
        report, wanted = self._result(first, None)
        _, again = self._result(first, None)
        usual = _places(differences(wanted, again))
        if usual:
            self._found.append(
                Finding(
                    "note",
                    "repeat",
                    f"two runs that are alike publish different values of {_list(usual)}: times, or random numbers; they are not compared",
                )
            )
        if not report.clean or report.counts.failed:
            why = f", the first: {report.failures[0].failure.message}" if report.failures else ""
            self._found.append(
                Finding(
                    "problem",
                    "failure",
                    f"{report.counts.failed} of {self._material.extent.total} events failed and {report.counts.lost} were lost{why}; "
                    "'beamloom replay' shows all of it",
                )
            )
        for count in (first, *others):
            seen: list[Difference] = []
            turns = range(self._question.orders if count > 1 else 0)
            if count != first:
                seen += differences(wanted, self._result(count, None)[1])
            for number in turns:
                self._say(f"replaying with {_workers(count)}, order {number + 1} of {len(turns)}")
                order = RandomTurns(self._question.seed + number)
                seen += differences(wanted, self._result(count, order)[1])
            if count == first and not turns:
                continue
            self._tried.append(f"a pipeline with {_workers(count)}, in {len(turns) + 1} orders")
            self._tell("workers", f"with {_workers(count)} in place of {first}", seen, usual)

    def _result(self, workers: int, turns: RandomTurns | None) -> tuple[ReplayReport, Any]:
        report = self._replay(workers).run(turns=turns)
        return report, plain(report.publish)

    def _tell(self, what: str, when: str, seen: Sequence[Difference], usual: set[str]) -> None:
        by_place: dict[str, Difference] = {}
        for one in seen:
            if one.path not in usual and (one.path not in by_place or not one.rounding):
                by_place[one.path] = one
        wrong = [one for one in by_place.values() if not one.rounding]
        if wrong:
            places = "; ".join(f"{one.path} {one.how}" for one in wrong[:MOST_TOLD])
            more = f", and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
            self._found.append(
                Finding(
                    "problem",
                    what,
                    f"the published result differs {when}: {places}{more}. Key what you keep by event_number, or use the result types",
                )
            )
        elif by_place:
            self._found.append(
                Finding(
                    "note",
                    what,
                    f"{when} {_list(set(by_place))} differ in the last digits alone: real numbers are rounded in the order in which they "
                    "are added",
                )
            )

    # ---- what is declared, and how long it takes ----------------------------------------------------------------------------

    def _of_parameters(self) -> None:
        asked = self._parameters.asked
        for name in sorted(asked - self._described):
            given = "it has a value here" if name in self._values else "it has no value here"
            self._found.append(
                Finding(
                    "problem",
                    "parameters",
                    f"the analysis reads the parameter {name!r}, which no class describes ({given}): add it to "
                    "describe_parameters, so that it has a type and a default",
                )
            )
        if unread := sorted(self._described - asked):
            self._found.append(
                Finding("note", "parameters", f"described, and not read in these events: {', '.join(unread)}")
            )

    def _timed(self) -> PlainLoop | None:
        if not self._question.seconds or any(one.what == "failure" for one in self._found):
            return None
        self._say("timing the hooks")
        loop = Loop(self._worker_class, self._reducer_class, self._material, self._values, self._detectors)
        return loop.measure(self._question.seconds)


def _loaded(reference: str | type, folder: str | None) -> type:
    return load_class(reference, folder) if isinstance(reference, str) else reference


def _places(seen: Any) -> set[str]:
    return {one.path for one in seen}


def _list(places: set[str]) -> str:
    named = sorted(places)
    more = f" and {len(named) - MOST_TOLD} more" if len(named) > MOST_TOLD else ""
    return ", ".join(named[:MOST_TOLD]) + more


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"
