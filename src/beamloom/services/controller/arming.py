"""The beginning of a run: every process confirms, every device is there, or the run is refused with the reasons."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from beamloom.engine.provenance import RunFacts
from beamloom.engine.runs.run import Run
from beamloom.errors import UserError
from beamloom.recordings.kept_analysis import KeptAnalysis
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.shell.membership import name_of
from beamloom.transport.messages import Progress
from beamloom.triggermap import TriggerMap, TriggerMapError


class ArmingRefused(UserError):
    """A run that cannot begin; the text says what is in the way."""


class NotThere(ArmingRefused):
    """What the run needs did not come up in time: a device, or a process."""


class Arming:
    """Waits until all processes of a run have confirmed."""

    def __init__(
        self,
        run: Run,
        written: TriggerMap,
        awaited: Iterable[str],
        deadline: float,
        reply: Callable[[str | Exception], None],
    ) -> None:
        self.run = run
        self.written = written
        """The trigger map in the words in which it was given."""
        self.reply = reply
        """To be called once: with the run's id, or with why there is no run."""
        self.ticks: dict[str, float] = {}
        """Intervals at which workers want to be ticked, in seconds."""
        self.early: list[tuple[str, Progress]] = []
        """What ingesters that are ready have told of their streams, and tell once only, by their ids."""
        self._awaited = set(awaited)
        self._participants = frozenset(self._awaited)
        self._deadline = deadline
        self._problems: list[str] = []
        self._absent = False

    def confirm(
        self, peer: str, problem: str | None, tick_interval: float | None = None, *, absent: bool = False
    ) -> None:
        """A process is ready, or says why it is not; ``absent``: a device did not come up in time."""
        self._awaited.discard(peer)
        self._absent = self._absent or absent
        if problem is not None and problem not in self._problems:
            self._problems.append(problem)
        if tick_interval is not None:
            self.ticks[peer] = tick_interval

    def lose(self, peer: str, in_the_way: str | None) -> None:
        """A process has gone before the run began, whether or not it had confirmed; ``in_the_way``: why the run cannot do without."""
        if peer in self._participants:
            self._awaited.discard(peer)
            self._participants -= {peer}
            self.ticks.pop(peer, None)
            if in_the_way is not None:
                self._problems.append(f"{name_of(peer)!r} died while the run was armed: {in_the_way}")

    def __contains__(self, peer: object) -> bool:
        """Whether a process was asked to confirm; one that came later was not."""
        return peer in self._participants

    def outcome(self, now: float) -> bool | ArmingRefused | None:
        """None while others are awaited, True when all are ready, else why the run cannot begin."""
        if self._awaited and now < self._deadline:
            return None
        if self._problems:
            refusal = NotThere if self._absent else ArmingRefused
            return refusal("the run was not armed: " + "; ".join(self._problems))
        if self._awaited:
            names = ", ".join(sorted(map(name_of, self._awaited)))
            return NotThere(
                f"the run was not armed: no answer in time from {names}; look at their logs or restart them"
            )
        return True


def takes_part(member: Member, trigger_map: TriggerMap) -> bool:
    """Whether a process has to confirm a run.

    All but ingesters whose streams the map does not name, workers that are leaving, and those who only look on.
    """
    if member.role == "ingester":
        return any(stream in trigger_map.streams for stream in member.register.streams)
    if member.role == "shadowworker":
        return False
    return member.drains is None


def why_needed(run: Run, member: Member, ensemble: Ensemble) -> str | None:
    """Why a run cannot be armed without this process, in words that follow a colon; None when the others will do."""
    if not member.is_worker:
        return "look at its log"
    try:
        tags = [worker.register.tags for worker in ensemble.staying]
        run.trigger_map.check(list(ensemble.streams), tags)
    except TriggerMapError as error:
        return str(error)
    return None


def facts_of(run: Run, written: TriggerMap, ensemble: Ensemble) -> RunFacts:
    """What is known of a run that is about to begin."""
    devices = {
        stream: device
        for member in ensemble.ingesters
        for stream, device in member.register.streams.items()
        if stream in run.layouts
    }
    workers = [member.register for member in ensemble.staying]
    code = next((worker.code for worker in workers if worker.code), {})
    classes = sorted({worker.analysis for worker in workers} - {""})
    return RunFacts(time.time(), written.encode().decode(), devices, classes, code)


def analysis_of(ensemble: Ensemble) -> KeptAnalysis:
    """The classes of a run that is about to begin, as they are kept beside its recording."""
    workers = [member.register for member in ensemble.staying if member.register.analysis]
    reducer = None if ensemble.reducer is None else ensemble.reducer.register
    return KeptAnalysis(
        sorted({worker.analysis for worker in workers}),
        "" if reducer is None else reducer.analysis,
        "" if reducer is None else reducer.folder,
        next((worker.code for worker in workers if worker.code), {}),
        len(workers),
    )
