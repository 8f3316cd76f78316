"""The whole of a measurement: the hooks alone, the pipeline as it is, and with one worker more."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from beamloom.analysis import load_class
from beamloom.benching.collecting import collect
from beamloom.benching.costs import LiveRun, limits
from beamloom.benching.findings import Findings, predict, user_costs
from beamloom.benching.live import LivePipeline
from beamloom.benching.material import Material
from beamloom.benching.plain_loop import Loop, PlainLoop
from beamloom.errors import UsageError
from beamloom.pipeline_file import Pipeline, read_pipeline
from beamloom.pipeline_file._shape import Reducer, WorkerGroup
from beamloom.replay import Replay
from beamloom.services.controller.resuming import initial_values
from beamloom.settings import ControllerSettings, StreamSettings
from beamloom.version import VERSION

BUSY = 0.7
"""Below this part of the rate that its costs allow a pipeline has not had the machine for itself."""
FEWEST_EVENTS = 200
"""A first run has at least so many, to see how fast they go."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured."""

    worker_class: str | None = None
    reducer_class: str | None = None
    files: Sequence[str] = ()
    source: str | None = None
    pipeline: Path | None = None
    """A pipeline file, which gives classes, workers, parameters and settings where they are not given here."""
    captures: dict[str, str] = {}
    """Files by stream, of streams of the pipeline file; without a recording the others are read from their devices."""
    most_events: int = 1000
    """So many packets of each stream are read, where there is no recording."""
    parameters: str | None = None
    workers: int | None = None
    seconds: float = 3.0
    """How long each part is measured."""
    most_bytes: int = 1 << 29
    """Of packets, which are held in memory."""
    allow_pickle: bool = False
    live: bool = True
    """Whether real processes are run."""
    verify: bool = True
    """Whether one more worker is tried."""


class Bench:
    """One measurement."""

    def __init__(self, question: Question, say: Callable[[str], None] = lambda text: None) -> None:
        """``say`` is told what is being done. Raises a UserError for whatever cannot be measured as asked."""
        self._question = question
        self._say = say
        self._pipeline = _pipeline_of(question)
        group = self._pipeline.worker_groups[0]
        self._folder = self._pipeline.analysis
        self._worker_class, self._reducer_class = group.worker_class, self._pipeline.reducer.reducer_class
        with tempfile.TemporaryDirectory(prefix="beamloom-bench-") as folder:
            self._replay = self._prepared(Path(folder))
            self._material = Material(self._replay, question.most_bytes)

    def _prepared(self, folder: Path) -> Replay:
        question = self._question
        files = list(question.files)
        detectors = None
        if not files and question.source is None and question.pipeline is not None:
            self._say("reading from the devices")
            files = list(
                map(str, collect(self._pipeline.streams, question.captures, question.most_events, folder))
            )
            detectors = self._pipeline.detectors
        elif question.captures:
            raise UsageError(
                "--capture takes the place of a recording: leave out -f and -s, and name a pipeline file"
            )
        self._say("reading the recording")
        return Replay(
            self._worker_class,
            self._reducer_class,
            files,
            source=question.source,
            parameters=question.parameters or _parameters_of(self._pipeline),
            workers=self.workers,
            allow_pickle=question.allow_pickle,
            folder=self._folder,
            detectors=detectors,
        )

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return sum(group.count for group in self._pipeline.worker_groups)

    @property
    def bytes_of(self) -> dict[str, float]:
        """Mean bytes of a packet of each stream."""
        return self._material.bytes_of

    def alone(self) -> PlainLoop:
        """Measure the hooks in a plain loop."""
        self._say("calling the hooks in a plain loop")
        loop = Loop(
            load_class(self._worker_class, self._folder),
            load_class(self._reducer_class, self._folder),
            self._material,
            self._replay.parameters,
            self._replay.detectors,
        )
        return loop.measure(self._question.seconds)

    def run(self) -> Findings:
        """Measure."""
        plain = self.alone()
        found = Findings(
            version=VERSION,
            events=self._material.extent.total,
            streams=self._material.bytes_of,
            plain=plain,
        )
        if not self._question.live:
            return found
        live = self.live(self.workers)
        user = user_costs(plain)
        lowest = limits(live, user, live.workers)
        one_more = predict(live, plain)
        if self._question.verify:
            one_more = msgspec.structs.replace(one_more, measured=self.live(self.workers + 1).rate)
        return msgspec.structs.replace(
            found,
            live=live,
            limits=lowest,
            without_analysis=limits(live, user, live.workers, without_analysis=True)[0].rate,
            one_more=one_more,
            remarks=_remarks(live, self._material, lowest[0].rate),
        )

    def live(self, workers: int) -> LiveRun:
        """Run real processes with so many workers, as fast as they go; those of other groups than the first are always there."""
        groups = self._pipeline.worker_groups
        first = msgspec.structs.replace(groups[0], count=max(1, groups[0].count + workers - self.workers))
        pipeline = msgspec.structs.replace(
            self._pipeline, workers=(first, *groups[1:]), detectors=dict(self._replay.detectors)
        )
        count = sum(group.count for group in (first, *groups[1:]))
        what = f"{count} worker{'s' if count > 1 else ''}"
        self._say(f"starting real processes with {what}")
        with (
            tempfile.TemporaryDirectory(prefix="beamloom-bench-") as folder,
            LivePipeline(pipeline, self._material, self._replay.parameters, Path(folder)) as live,
        ):

            def tell(done: int, total: int) -> None:
                self._say(f"{what}: {done} of {total} events")

            extent = self._material.extent
            enough = max(1, FEWEST_EVENTS // max(1, extent.body))
            # The first run is slower: what is imported once, and caches. The second one tells how long a third has to be.
            live.run(1, tell)
            probe = live.run(enough, tell)
            passes = max(1, round(self._question.seconds * probe.rate / max(1, extent.body)))
            while passes > 2 * enough:
                # A short run says little of a long one: what it takes to begin and to end is in it.
                enough = min(passes, 10 * enough)
                probe = live.run(enough, tell)
                passes = max(1, round(self._question.seconds * probe.rate / max(1, extent.body)))
                if probe.seconds >= self._question.seconds / 2:
                    return probe
            return live.run(passes, tell)


def _parameters_of(pipeline: Pipeline) -> dict[str, bytes] | None:
    """The values that the pipeline file gives; None where it gives none."""
    match pipeline.parameters:
        case None:
            return None
        case str(path):
            return initial_values(ControllerSettings(parameters_file=path))
        case values:
            return initial_values(ControllerSettings(parameters=values))


def _remarks(live: LiveRun, material: Material, largest: float) -> list[str]:
    remarks = []
    if live.rate < BUSY * largest:
        remarks.append(
            f"the pipeline had {100 * live.rate / largest:.0f} % of the rate that its costs allow: something else was at work here"
        )
    if live.failed:
        remarks.append(
            f"{live.failed} of {live.events} events failed: what fails is quick, and these figures are not those of an analysis that "
            "works; look at 'beamloom replay'"
        )
    if live.lost:
        remarks.append(
            f"{live.lost} events were lost: the recording lacks packets that the trigger map wants"
        )
    if not material.extent.body:
        remarks.append("the recording has no event that could be repeated")
    return remarks


def _pipeline_of(question: Question) -> Pipeline:
    """The pipeline that is measured; its streams are not those that are read."""
    if question.pipeline is None:
        if question.worker_class is None or question.reducer_class is None:
            raise UsageError("name a pipeline file, or a worker class with -w and a reducer class with -r")
        return Pipeline(
            name="bench",
            streams={"played": StreamSettings(device="played")},
            workers=WorkerGroup(worker_class=question.worker_class, count=question.workers or 2),
            reducer=Reducer(reducer_class=question.reducer_class),
            analysis=str(Path.cwd()),
        )
    pipeline = read_pipeline(question.pipeline)
    groups = pipeline.worker_groups
    first = msgspec.structs.replace(
        groups[0],
        worker_class=question.worker_class or groups[0].worker_class,
        count=question.workers or groups[0].count,
    )
    reducer = msgspec.structs.replace(
        pipeline.reducer, reducer_class=question.reducer_class or pipeline.reducer.reducer_class
    )
    return msgspec.structs.replace(pipeline, workers=(first, *groups[1:]), reducer=reducer)
