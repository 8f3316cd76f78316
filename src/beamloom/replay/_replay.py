"""One replay: the live scheduler, the user's classes and recorded packets, in one process and repeatable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from beamloom.analysis import load_class
from beamloom.detectors.geometry import Detector, check_geometry
from beamloom.engine.accounts.budget import Budget
from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.runs.run import Run, RunPhase
from beamloom.engine.streams.layout import stream_layout
from beamloom.errors import UsageError
from beamloom.recordings.folder import Companions, find_companions, read_detectors
from beamloom.replay._analysis import Interrupted, ReplayedClasses
from beamloom.replay._audience import Audience
from beamloom.replay._epochs import misspelt, read_parameters
from beamloom.replay._feeds import Feed, FileFeed, GrowingFeed, UserSource
from beamloom.replay._http import ReplayServer
from beamloom.replay._maps import check_workers, derived_map, recorded_map, workers_needed
from beamloom.replay._report import ReplayReport, Standing
from beamloom.replay._source import RecordedSource, SharedFeed
from beamloom.replay._survey import Survey
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.arming import ArmingRefused
from beamloom.services.inline import InlinePipeline, InlineWorker, TurnOrder
from beamloom.services.shell.freed_memory import keep_freed_memory
from beamloom.services.worker.run import EVENTS_PER_TURN
from beamloom.services.worker.user_map import Map
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

DEBUG_TAGS = frozenset({"debug", "debugworker"})
"""Tags of workers that only look: a replay gives them a worker without the user's class."""
KEEP_ALIVE_PAUSE = 0.01
LEFT_OUT = "left out, as only a part of the events was asked for"
GROWING_PATIENCE = 3600.0
"""Seconds that one stream of a run that goes on may be behind the others."""
TURNS_AT_LEAST = 256
"""Into so many turns of a worker a long replay is divided, so that one sees how it goes."""
INTERRUPTED = "the replay was interrupted"


class Replay:
    """What is to be replayed."""

    def __init__(
        self,
        worker_class: str | type,
        reducer_class: str | type | None,
        files: Sequence[str | Path] = (),
        *,
        source: str | type | None = None,
        parameters: str | Path | Mapping[str, bytes] | None = None,
        changed: Mapping[str, bytes] | None = None,
        events: tuple[int, int | None] | None = None,
        detectors: Mapping[str, Detector] | None = None,
        workers: int = 2,
        enough: bool = False,
        broadcast_first: bool = True,
        allow_pickle: bool = False,
        folder: str | Path | None = None,
        reload: bool = False,
        capsules: str | Path | None = None,
        max_failed: int | str = "",
        on_max_failed: Literal["degrade", "stop"] = "degrade",
        feedback_stops: bool = True,
        growing: Callable[[], bool] | None = None,
    ) -> None:
        """Loads the classes and looks through the recordings. Raises a UserError with a sentence for whatever is wrong with them.

        Classes are types, or names as ``module:Class`` that are imported from ``folder`` (the working directory). ``source`` is a class
        whose ``get_source_generators`` gives records; it wins over ``files``, and is made twice, because records are read twice: it has
        to give the same events each time. ``parameters`` is a file or the values themselves; without, those recorded beside the files
        hold, each from its event on; those in ``changed`` hold for all events instead. ``events`` are the first of those that are wanted
        and the one behind the last; all others but those that open and close the series are left out. ``detectors`` are put together of
        the streams of their tiles; without, those recorded beside them. ``workers`` take events in turn, as live; with ``enough`` there
        are more where the map needs more. ``allow_pickle`` reads recordings of the old pickled form. ``capsules`` is a folder in which
        calls that fail are kept; without, none are. ``max_failed``, ``on_max_failed`` and ``feedback_stops`` are as in the
        settings of the controller.
        ``growing``: the files are those of a run that goes on, read until this says that it is over; each stream has to be in them.
        From now on this process keeps memory that was freed, up to 1 GiB: frame after frame comes to lie in it.
        """
        keep_freed_memory()
        self._folder = Path.cwd() if folder is None else Path(folder)
        self._capsules = None if capsules is None else Path(capsules)
        self._budget = {"max_failed": max_failed, "on_max_failed": on_max_failed}
        self._feedback_stops = feedback_stops
        try:
            Budget.of(max_failed)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if workers < 1:
            raise UsageError(f"a replay needs workers and --nworkers is {workers}; give it at least one")
        self._classes = ReplayedClasses(
            _loaded(worker_class, folder, reload),
            None if reducer_class is None else _loaded(reducer_class, folder, False),
        )
        feeds: list[Feed]
        companions = Companions()
        if source is not None:
            feeds = UserSource(_loaded(source, folder, False)).feeds()
        elif files:
            files = list(dict.fromkeys(map(Path, files)))
            feeds = [FileFeed(path, allow_pickle=allow_pickle) for path in files]
            companions = _companions(files)
        else:
            raise UsageError("there is nothing to replay: name recordings with -f, or a source with -s")
        self.feeds: Sequence[Feed] = feeds
        """Where the packets come from."""
        self._survey = Survey(feeds)
        self._growing = growing
        self._remarks = list(self._survey.remarks)
        self._detectors = _detectors(detectors, companions)
        if companions.map_path is None:
            self.trigger_map = derived_map(self._survey, broadcast_first=broadcast_first)
        else:
            logger.info("the trigger map is the recorded one, %s", companions.map_path)
            self.trigger_map, remarks = recorded_map(
                companions.map_path, self._survey, self._detectors, grows=growing is not None
            )
            self._remarks += remarks
        if enough:
            workers = workers_needed(self.trigger_map, companions.map_path, self._tags, workers)
        else:
            check_workers(self.trigger_map, companions.map_path, workers, self._tags)
        self._workers = workers
        self._left_out = _left_out(events, self.trigger_map)
        self._epochs = read_parameters(companions, parameters, self._classes.descriptions, changed)
        if parameters is not None:
            self._remarks += misspelt(self._epochs, self._classes.descriptions)

    @property
    def detectors(self) -> Mapping[str, Detector]:
        """The detectors that are put together of the streams of their tiles."""
        return self._detectors

    @property
    def parameters(self) -> dict[str, bytes]:
        """The values that hold for the first event."""
        return dict(self._epochs[0][1]) if self._epochs else {}

    def _tags(self, workers: int) -> list[Sequence[str]]:
        """The tags of each worker; one more for those who only look has no class."""
        wanted = self.trigger_map.tags
        tags: list[Sequence[str]] = [tuple(sorted(wanted - DEBUG_TAGS | {"generic"}))] * workers
        return [*tags, tuple(sorted(DEBUG_TAGS))] if wanted & DEBUG_TAGS else tags

    def _inline_workers(self) -> list[InlineWorker]:
        tags = list(map(tuple, self._tags(self._workers)))
        workers = [
            InlineWorker(f"replay-worker-{number}", some, self._classes.map)
            for number, some in enumerate(tags[: self._workers])
        ]
        looking = [
            InlineWorker("replay-debugworker", some, lambda: Map(None)) for some in tags[self._workers :]
        ]
        return workers + looking

    @property
    def _settings(self) -> ControllerSettings:
        settings = ControllerSettings(
            detectors=self._detectors,
            feedback_stops=self._feedback_stops,
            **self._budget,  # type: ignore[arg-type]
        )
        if self._growing is None:
            return settings
        # One file may have been written long before another.
        return msgspec.structs.replace(settings, straggler_timeout=GROWING_PATIENCE)

    def _sources(self, latency: float | None) -> list[RecordedSource]:
        feeds = {stream: self._survey.feeds_of(stream) for stream in self.trigger_map.streams}
        if (is_over := self._growing) is not None:
            grow: dict[Feed, Feed] = {feed: GrowingFeed(feed.name, is_over) for feed in self.feeds}
            feeds = {stream: [grow[feed] for feed in some] for stream, some in feeds.items()}
        shared = {
            feed: SharedFeed(feed, [stream for stream in feeds if feed in feeds[stream]])
            for feed in dict.fromkeys(feed for some in feeds.values() for feed in some)
        }
        return [
            RecordedSource(
                stream,
                [shared[feed] for feed in some],
                stream_layout(self.trigger_map, stream),
                latency,
                finds_end=self._growing is not None and self.trigger_map.total_events is None,
            )
            for stream, some in feeds.items()
        ]

    def run(
        self,
        *,
        port: int | None = None,
        keep_alive: bool = False,
        start: threading.Event | None = None,
        done: threading.Event | None = None,
        stop: threading.Event | None = None,
        latency: float | None = None,
        audience: Audience | None = None,
        turns: TurnOrder | None = None,
    ) -> ReplayReport:
        """Replay. Raises a UserError when the run cannot begin.

        ``port`` serves results, parameters and progress on localhost (0: a free port). The run begins when ``start`` is set, if given;
        ``done`` is set when it is over, also when it failed. With ``keep_alive`` the server stays until ``stop`` is set or the process
        is interrupted. ``latency`` is the least time between two events, in seconds. ``audience`` is told how it goes.
        ``turns`` chooses which service is next, for who wants to see other orders of events.
        """
        audience = audience or Audience()
        stop = stop or threading.Event()
        sources = self._sources(latency)
        pipeline = InlinePipeline(
            {source.stream: (lambda one=source: one) for source in sources},  # type: ignore[misc]
            self._inline_workers(),
            self._classes.reducer,
            self._settings,
            capsules=self._capsules,
            analysis_path=str(self._folder),
            turns=turns,
            turn_events=max(EVENTS_PER_TURN, (self.trigger_map.total_events or 0) // TURNS_AT_LEAST),
        )
        server = None if port is None else ReplayServer(pipeline, port)
        try:
            if server is not None:
                server.start()
                audience.serving(server.url)
            if self._epochs:
                pipeline.controller.set_parameters(self._epochs[0][1])
                pipeline.controller.plan_epochs(self._epochs[1:])
            pipeline.controller.leave_out(self._left_out)
            _wait_for(start, stop, pipeline)
            report = self._play(pipeline, sources, stop, audience)
            _tell(report, audience, done, pipeline if keep_alive else None, stop)
            return report
        finally:
            if done is not None:
                done.set()
            if server is not None:
                server.stop()
            pipeline.close()

    def _play(
        self,
        pipeline: InlinePipeline,
        sources: Sequence[RecordedSource],
        stop: threading.Event,
        audience: Audience,
    ) -> ReplayReport:
        begun = time.perf_counter()
        running = {source.stream: source for source in sources}

        def look() -> None:
            active = pipeline.controller.active
            if active is None:
                return
            if stop.is_set() and active.run.phase is not RunPhase.COMPLETE:
                active.run.abort(INTERRUPTED)
            elif pipeline.idle:
                if not running:
                    pipeline.controller.stop("the recordings end before the trigger map does")
                _tell_ends(active, running)
            audience.progress(active.run.ledger.settled_count, self.trigger_map.total_events or 0)
            if (analysis := pipeline.reducer.analysis) is not None:
                audience.stands(Standing(active, analysis.publish))

        self._classes.stop = stop
        self._classes.begun = None if type(audience).begun is Audience.begun else audience.begun
        try:
            run = pipeline.play(self.trigger_map, look).run
        except ArmingRefused as error:
            raise self._classes.refusal(error) from error
        except Interrupted:
            run = _give_up(pipeline)
        analysis, active = pipeline.reducer.analysis, pipeline.controller.active
        said = [] if active is None else active.feedback.since(0)
        return ReplayReport(
            run.ledger.counts(),
            run.faults.groups,
            run.losses_by_cause(),
            [*self._remarks, *map(_outside, (one for one in sources if one.outside))],
            {} if analysis is None else analysis.publish,
            time.perf_counter() - begun,
            run.degraded,
            run.clean,
            self._capsules,
            said,
            run.stop_cause,
            Coverage.of(run.run_id, run.ledger, over=True),
            [] if active is None else list(active.epochs),
        )


def _give_up(pipeline: InlinePipeline) -> Run:
    """All that is not settled is lost; the finish hooks are called."""
    active = pipeline.controller.active
    if active is None:
        raise RuntimeError("an event was processed and no run is there")
    active.run.abort(INTERRUPTED)
    while not active.finished:
        pipeline.step()
    return active.run


def _tell_ends(active: ActiveRun, running: dict[str, RecordedSource]) -> None:
    """Nothing moves any more: what the map still wants of recordings that were read to their ends is lost."""
    for stream, source in list(running.items()):
        if source.exhausted:
            del running[stream]
            active.run.lost(source.missing(active.run.ledger.total or 0))


def _outside(source: RecordedSource) -> str:
    count = f"{source.outside} packet{'s' if source.outside > 1 else ''}"
    return (
        f"{count} of stream {source.stream!r} left out: their events are not in the trigger map, or came a second time "
        "because the file holds several runs"
    )


def _left_out(events: tuple[int, int | None] | None, trigger_map: TriggerMap) -> list[Loss]:
    """What is not wanted of a map. Raises a UsageError where nothing would be left."""
    if events is None:
        return []
    total = trigger_map.total_events or 0
    first, stop = events[0], total if events[1] is None else min(events[1], total)
    if not 0 <= first < stop:
        asked = f"{events[0]}:{'' if events[1] is None else events[1]}"
        raise UsageError(
            f"--events {asked} names no event of this run, which has {total}, numbered from 0; "
            "name the first one and the one behind the last, such as 0:100"
        )
    # What opens and closes the series of a device tells how to read the rest.
    begin, end = (1, total - 1) if trigger_map.wrapped else (0, total)
    ranges = [(begin, min(first, end)), (max(stop, begin), end)]
    return [Loss(a, b, LEFT_OUT) for a, b in ranges if a < b]


def _wait_for(start: threading.Event | None, stop: threading.Event, pipeline: InlinePipeline) -> None:
    while start is not None and not start.is_set() and not stop.is_set():
        pipeline.step()
        start.wait(KEEP_ALIVE_PAUSE)


def _tell(
    report: ReplayReport,
    audience: Audience,
    done: threading.Event | None,
    staying: InlinePipeline | None,
    stop: threading.Event,
) -> None:
    """The run is over. A replay that stays serves readers until told to stop; an interrupt is the ordinary way to say so."""
    try:
        audience.finished(report)
        if done is not None:
            done.set()
        while staying is not None and not stop.is_set():
            staying.step()
            stop.wait(KEEP_ALIVE_PAUSE)
    except KeyboardInterrupt:
        if staying is None:
            raise


def _loaded(reference: str | type, folder: str | Path | None, reload: bool) -> type:
    return load_class(reference, folder, reload=reload) if isinstance(reference, str) else reference


def _detectors(given: Mapping[str, Detector] | None, companions: Companions) -> dict[str, Detector]:
    """The detectors of a replay. Raises a UsageError for a geometry that cannot be."""
    if given is None:
        return {} if companions.detectors_path is None else read_detectors(companions.detectors_path)
    try:
        check_geometry(given)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return dict(given)


def _companions(files: Sequence[str | Path]) -> Companions:
    """What lies beside the recordings. Raises a UsageError when they belong to different runs."""
    found = [find_companions(path) for path in files]
    runs = sorted({companions.run for companions in found if companions.run is not None})
    if len(runs) > 1:
        raise UsageError(
            f"these recordings are of {len(runs)} different runs ({', '.join(runs)}); name the files of one run"
        )
    return max(found, key=lambda one: (one.map_path is not None, one.run is not None))


def replay(
    worker_class: str | type,
    reducer_class: str | type | None,
    files: Sequence[str | Path] = (),
    *,
    source: str | type | None = None,
    parameters: str | Path | Mapping[str, bytes] | None = None,
    detectors: Mapping[str, Detector] | None = None,
    workers: int = 2,
    allow_pickle: bool = False,
) -> ReplayReport:
    """Run an analysis over recordings and return what came of it.

    >>> report = replay("worker:Worker", "reducer:Reducer", ["scan.cbors"])  # doctest: +SKIP
    >>> report.publish["map"]  # doctest: +SKIP
    """
    return Replay(
        worker_class,
        reducer_class,
        files,
        source=source,
        parameters=parameters,
        detectors=detectors,
        workers=workers,
        allow_pickle=allow_pickle,
    ).run()
