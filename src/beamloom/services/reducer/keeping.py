"""What a reducer keeps of its runs beyond its own life: files, and domains of HSDS servers.

This is the reducer's side: it tells the keepers, which work in threads of their own, when a run begins and with what it ends, and gathers
what is known of the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from beamloom.engine import provenance
from beamloom.engine.provenance import RunFacts
from beamloom.engine.scheduling.editions import EditionMade
from beamloom.errors import UsageError
from beamloom.parameters import ParameterSet, readable
from beamloom.results.past import PastRuns
from beamloom.results.record import EpochRecord, RunRecord, package_versions
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.settings import ReducerSettings

if TYPE_CHECKING:
    from beamloom.results.files.keeper import Keeper, MakePlace

logger = logging.getLogger(__name__)


class Keeping:
    """All keepers of a reducer, and the record of its run."""

    def __init__(
        self,
        desk: SnapshotDesk,
        keepers: Mapping[str, Keeper] | None = None,
        past: PastRuns | None = None,
        *,
        tells_packages: bool = True,
    ) -> None:
        """``tells_packages``: the versions of installed packages are in each record, and not only in a file that this process writes."""
        self._desk = desk
        self._tells_packages = tells_packages
        self.past = past or PastRuns()
        """The last runs, with their results."""
        self._keepers = dict(keepers or {})
        self._notes: _Notes | None = None
        self._newest: _Notes | None = None
        self._before: _Notes | None = None
        for name, keeper in self._keepers.items():
            desk.more_status[name] = keeper.status

    def begin_run(
        self,
        run: str,
        epoch: int,
        parameters: ParameterSet,
        facts: RunFacts | None = None,
        *,
        code: Mapping[str, str] | None = None,
        later: bool = False,
    ) -> None:
        """A run begins; ``facts``: what the controller knows of it, ``code``: the version of the analysis.

        ``later``: what is published is not yet what it was, so that nothing is kept before ``go_on``.
        """
        self._before = self._newest
        self.past.present = run
        self._notes = self._newest = _Notes(run, facts, dict(code or {}), tells_packages=self._tells_packages)
        self._notes.begin_epoch(epoch, parameters)
        if not later:
            self.go_on()

    def go_on(self) -> None:
        """Keep what the run publishes."""
        if self._notes is not None:
            for keeper in self._keepers.values():
                keeper.begin_run(self._notes.record)

    def begin_epoch(self, epoch: int, parameters: ParameterSet) -> None:
        """Parameters have changed."""
        if self._notes is not None:
            self._notes.begin_epoch(epoch, parameters)

    def learn(self, epochs: Iterable[provenance.EpochRecord], editions: Sequence[EditionMade]) -> None:
        """The controller tells with which events epochs began, and which code has made what, where it has."""
        if self._notes is not None:
            self._notes.learn_epochs(epochs)
            self._notes.editions = editions or self._notes.editions

    def saw(self, epoch: int, event: int) -> None:
        """A result of an event is reduced, of these parameters."""
        if self._notes is not None:
            first = self._notes.first_events.get(epoch)
            if first is None or event < first:
                self._notes.first_events[epoch] = event

    def abandon_run(self) -> None:
        """The run never began: nothing of it is kept."""
        self._notes, self._newest = None, self._before
        self.past.present = None
        for keeper in self._keepers.values():
            keeper.abandon_run()

    def end_run(self) -> None:
        """The run, if there is one, has ended; what is published now is its last version."""
        notes, self._notes = self._notes, None
        if notes is None:
            return
        notes.ended = time.time()
        try:
            last = self._desk.own()
        except Exception:
            logger.exception("what run %s publishes in the end cannot be read, and is not kept", notes.run)
            return
        finally:
            self.past.present = None
        self.past.add(notes.record(), last)
        for keeper in self._keepers.values():
            keeper.end_run(last)

    def record(self) -> RunRecord | None:
        """What is known of the run that is on, or was the last one. May be called in any thread."""
        newest = self._newest
        return None if newest is None else newest.record()

    def close(self) -> None:
        """Keep what is not kept yet, for some seconds at most."""
        for keeper in self._keepers.values():
            keeper.close()

    @property
    def alarm(self) -> str | None:
        """What is not kept, and why, in a sentence; None while everything is. May be called in any thread."""
        problems = [keeper.problem for keeper in self._keepers.values()]
        return "; ".join(problem for problem in problems if problem) or None

    def figures(self) -> dict[str, float]:
        """For each keeper whether it fails."""
        return {f"{name}_failing": float(keeper.is_failing) for name, keeper in self._keepers.items()}


class _Notes:
    """What the reducer knows of a run; ``record`` is called in other threads."""

    def __init__(
        self, run: str, facts: RunFacts | None, code: dict[str, str], *, tells_packages: bool
    ) -> None:
        self.run = run
        self.began: dict[int, provenance.EpochRecord] = {}
        """What the controller has told of epochs."""
        self._facts = facts
        self.ended: float | None = None
        self.editions: Sequence[EditionMade] = ()
        """The latest that the controller has told."""
        self.first_events: dict[int, int] = {}
        self._started = time.time() if facts is None else facts.armed_at
        self._epochs: dict[int, ParameterSet] = {}
        self._code = code
        self._tells_packages = tells_packages

    def begin_epoch(self, epoch: int, parameters: ParameterSet) -> None:
        self._epochs[epoch] = parameters

    def learn_epochs(self, epochs: Iterable[provenance.EpochRecord]) -> None:
        """Forgets those that have held for no event, because the next one began with the same."""
        began = {epoch.first_event: epoch for epoch in (*self.began.values(), *epochs)}
        self.began = {epoch.epoch: epoch for epoch in began.values()}
        newest = max(self.began, default=0)
        self._epochs = {
            epoch: parameters
            for epoch, parameters in self._epochs.items()
            if epoch in self.began or epoch > newest
        }

    def record(self) -> RunRecord:
        first_events = self.first_events.copy()
        began = self.began.copy()
        first_events |= {number: epoch.first_event for number, epoch in began.items()}
        facts = self._facts
        epochs = [
            EpochRecord(
                epoch=epoch,
                first_event=first_events.get(epoch),
                parameters=began[epoch].values if epoch in began else readable(parameters),
            )
            for epoch, parameters in self._epochs.copy().items()
        ]
        return RunRecord(
            run=self.run,
            started=self._started,
            ended=self.ended,
            trigger_map=None if facts is None else facts.trigger_map,
            devices={} if facts is None else facts.devices,
            worker_classes=[] if facts is None else facts.worker_classes,
            worker_code={} if facts is None else facts.worker_code,
            epochs=tuple(epochs),
            editions=[one.to_json() for one in self.editions],
            code=self._code,
            packages=package_versions() if self._tells_packages else None,
        )


def keepers_of(settings: ReducerSettings, desk: SnapshotDesk) -> dict[str, Keeper]:
    """The keepers that the settings ask for. Raises UsageError where they cannot be."""
    makers: dict[str, Callable[[], MakePlace]] = {}
    if settings.autosave:
        makers["autosave"] = lambda: _files(settings)
    if settings.hsds_url:
        makers["hsds"] = lambda: _domains(settings)
    made: dict[str, MakePlace] = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except ModuleNotFoundError as error:
            extra = "hsds" if name == "hsds" else "files"
            raise UsageError(f"{name} needs {error.name}: pip install 'beamloom[{extra}]'") from None
    if not made:
        return {}
    from beamloom.results.files.keeper import Keeper

    return {
        name: Keeper(name, desk, make, settings.autosave_interval, says_coverage=name == "autosave")
        for name, make in made.items()
    }


def files_of(settings: ReducerSettings) -> MakePlace | None:
    """Where single results are kept in files; None where the settings want none. Raises UsageError."""
    return _files(settings) if settings.autosave else None


def past_of(settings: ReducerSettings) -> PastRuns:
    """The runs before, as the settings say. Raises UsageError."""
    saved = None
    if settings.autosave:
        try:
            from beamloom.results.files.saved import SavedRuns
        except ModuleNotFoundError as error:
            raise UsageError(f"autosave needs {error.name}: pip install 'beamloom[files]'") from None
        saved = SavedRuns(settings.autosave, settings.name, settings.past_bytes)
    return PastRuns(settings.past_runs, settings.past_bytes, saved)


def _files(settings: ReducerSettings) -> MakePlace:
    from beamloom.results.files.autosave import places

    return places(
        settings.autosave, settings.name, settings.autosave_compression, swmr=settings.autosave_swmr
    )


def _domains(settings: ReducerSettings) -> MakePlace:
    from beamloom.results.hsds import domains

    return domains(settings.hsds_url, settings.name)
