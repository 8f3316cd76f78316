"""One replay: the live scheduler, the user's classes and recorded packets, in one process and repeatable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.engine.faults import FailureGroup
from beamloom.engine.layout import stream_layout
from beamloom.engine.ledger import Counts
from beamloom.engine.ranges import RangeSet
from beamloom.errors import UsageError
from beamloom.parameters import DUMP_PREFIX, load_parameter_file
from beamloom.recordings.folder import Companions, find_companions, read_epochs
from beamloom.replay._feeds import Feed, RecordedSource, SharedFeed, Survey, file_feed, source_feeds
from beamloom.replay._http import ReplayServer
from beamloom.replay._maps import derived_map, recorded_map
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker import Map
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

DEBUG_TAGS = frozenset({"debug", "debugworker"})
"""Tags of workers that only look: a replay gives them a worker without the user's class."""
KEEP_ALIVE_PAUSE = 0.01


class ReplayReport(msgspec.Struct, frozen=True):
    """What came of a replay."""

    counts: Counts
    failures: list[FailureGroup]
    losses: list[tuple[str, RangeSet]]
    """Lost events, by cause."""
    publish: dict[Any, Any]
    """What the reducer published in the end: its own dictionary."""
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


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
        workers: int = 2,
        broadcast_first: bool = True,
        folder: str | Path | None = None,
        reload: bool = False,
    ) -> None:
        """Loads the classes and looks through the recordings. Raises a UserError with a sentence for whatever is wrong with them.

        Classes are types, or names as ``module:Class`` that are imported from ``folder`` (the working directory). ``source`` is a class
        whose ``get_source_generators`` gives records; it wins over ``files``. ``parameters`` is a file or the values themselves;
        without, those recorded beside the files hold, each from its event on. ``workers`` take events in turn, as live.
        """
        if workers < 1:
            raise UsageError(f"a replay needs at least one worker, not {workers}")
        self.worker_class = _loaded(worker_class, folder, reload)
        self.reducer_class = None if reducer_class is None else _loaded(reducer_class, folder, False)
        self._workers = workers
        companions = Companions() if source is not None else _companions(files)
        feeds = self._feeds(files, source, folder)
        self._survey = Survey(feeds)
        self.trigger_map = self._map(companions, broadcast_first)
        self._epochs = self._read_epochs(companions, parameters)

    @staticmethod
    def _feeds(
        files: Sequence[str | Path], source: str | type | None, folder: str | Path | None
    ) -> list[Feed]:
        if source is not None:
            return source_feeds(_loaded(source, folder, False))
        if not files:
            raise UsageError("there is nothing to replay: name recordings with -f, or a source with -s")
        return [file_feed(path) for path in files]

    def _map(self, companions: Companions, broadcast_first: bool) -> TriggerMap:
        if companions.map_path is not None:
            logger.info("the trigger map is the recorded one, %s", companions.map_path)
            return recorded_map(companions.map_path, self._survey)
        return derived_map(self._survey, broadcast_first=broadcast_first)

    @staticmethod
    def _read_epochs(
        companions: Companions, parameters: str | Path | Mapping[str, bytes] | None
    ) -> list[tuple[int, dict[str, bytes]]]:
        """The parameter sets with the events from which on they hold; a replay is not recorded again."""
        epochs: list[tuple[int, dict[str, bytes]]] = []
        if isinstance(parameters, Mapping):
            epochs = [(0, dict(parameters))]
        elif parameters is not None:
            epochs = [(0, load_parameter_file(parameters, allow_pickle=True))]
        elif companions.epochs_path is not None:
            epochs = [(epoch.first_event, epoch.parameters) for epoch in read_epochs(companions.epochs_path)]
        elif companions.parameters_path is not None:
            epochs = [(0, load_parameter_file(companions.parameters_path))]
        for _, values in epochs:
            values.pop(DUMP_PREFIX.name, None)
        return epochs

    def _pipeline(self, latency: float | None) -> tuple[InlinePipeline, list[RecordedSource]]:
        shared: dict[int, SharedFeed] = {}
        streams_of: dict[int, list[str]] = {}
        for stream, feeds in self._survey.stream_feeds.items():
            for feed in feeds:
                streams_of.setdefault(id(feed), []).append(stream)
        sources: dict[str, RecordedSource] = {}
        for stream in self.trigger_map.streams:
            feeds = self._survey.stream_feeds.get(stream, [])
            for feed in feeds:
                if id(feed) not in shared:
                    shared[id(feed)] = SharedFeed(feed, streams_of[id(feed)])
            layout = stream_layout(self.trigger_map, stream)
            sources[stream] = RecordedSource(stream, [shared[id(feed)] for feed in feeds], layout, latency)
        pipeline = InlinePipeline(
            {stream: (lambda one=one: one) for stream, one in sources.items()},  # type: ignore[misc]
            self._inline_workers(),
            lambda: None if self.reducer_class is None else ReducerAnalysis(self.reducer_class),
            ControllerSettings(),
        )
        return pipeline, list(sources.values())

    def _inline_workers(self) -> list[InlineWorker]:
        tags = tuple(sorted(self.trigger_map.tags - DEBUG_TAGS | {"generic"}))
        workers = [
            InlineWorker(f"replay-worker-{number}", tags, lambda: Map(self.worker_class))
            for number in range(self._workers)
        ]
        if self.trigger_map.tags & DEBUG_TAGS:
            workers.append(InlineWorker("replay-debugworker", tuple(sorted(DEBUG_TAGS)), lambda: Map(None)))
        return workers

    def run(
        self,
        *,
        port: int | None = None,
        keep_alive: bool = False,
        start: threading.Event | None = None,
        done: threading.Event | None = None,
        stop: threading.Event | None = None,
        latency: float | None = None,
    ) -> ReplayReport:
        """Replay. Raises a UserError when the run cannot begin.

        ``port`` serves results, parameters and progress on localhost (0: a free port). The run begins when ``start`` is set, if given;
        ``done`` is set when it is over, also when it failed. With ``keep_alive``, or with ``port`` and ``stop``, the server stays until
        ``stop`` is set or the process is interrupted. ``latency`` is the least time between two events, in seconds.
        """
        stop = stop or threading.Event()
        begun = time.perf_counter()
        pipeline, sources = self._pipeline(latency)
        server = None if port is None else ReplayServer(pipeline, port)
        try:
            if server is not None:
                server.start()
            if self._epochs:
                pipeline.controller.set_parameters(self._epochs[0][1])
                pipeline.controller.plan_epochs(self._epochs[1:])
            _wait_for(start, stop, pipeline)
            report = self._play(pipeline, sources, stop, begun)
            if done is not None:
                done.set()
            while keep_alive and not stop.is_set():
                pipeline.step()
                time.sleep(KEEP_ALIVE_PAUSE)
            return report
        finally:
            if done is not None:
                done.set()
            if server is not None:
                server.stop()
            pipeline.close()

    def _play(
        self, pipeline: InlinePipeline, sources: Sequence[RecordedSource], stop: threading.Event, begun: float
    ) -> ReplayReport:
        def look() -> None:
            if stop.is_set():
                pipeline.controller.stop("the replay was interrupted")
            elif pipeline.idle and all(source.exhausted for source in sources):
                pipeline.controller.stop("the recordings end before the trigger map does")

        active = pipeline.play(self.trigger_map, look)
        run = active.run
        analysis = pipeline.reducer.analysis
        return ReplayReport(
            run.ledger.counts(),
            run.faults.groups,
            run.losses_by_cause(),
            {} if analysis is None else analysis.publish,
            time.perf_counter() - begun,
        )


def _wait_for(start: threading.Event | None, stop: threading.Event, pipeline: InlinePipeline) -> None:
    while start is not None and not start.is_set() and not stop.is_set():
        pipeline.step()
        start.wait(KEEP_ALIVE_PAUSE)


def _loaded(reference: str | type, folder: str | Path | None, reload: bool) -> type:
    return load_class(reference, folder, reload=reload) if isinstance(reference, str) else reference


def _companions(files: Sequence[str | Path]) -> Companions:
    """What lies beside the recordings. Raises a UsageError when they belong to different runs."""
    found = [(path, find_companions(path)) for path in files]
    runs = {companions.run for _, companions in found}
    if len(runs) > 1:
        names = ", ".join(sorted(run or "one without a run id in its name" for run in runs))
        raise UsageError(
            f"these recordings are of {len(runs)} different runs ({names}); name the files of one run"
        )
    return next((one for _, one in found if one.map_path is not None), found[0][1] if found else Companions())


def replay(
    worker_class: str | type,
    reducer_class: str | type | None,
    files: Sequence[str | Path] = (),
    *,
    source: str | type | None = None,
    parameters: str | Path | Mapping[str, bytes] | None = None,
    workers: int = 2,
) -> ReplayReport:
    """Run an analysis over recordings and return what came of it.

    >>> report = replay("worker:Worker", "reducer:Reducer", ["scan.cbors"])  # doctest: +SKIP
    >>> report.publish["map"]  # doctest: +SKIP
    """
    return Replay(
        worker_class, reducer_class, files, source=source, parameters=parameters, workers=workers
    ).run()
