"""The thread that keeps runs of the pipeline in step with those of the RunEngine.

Policy: the RunEngine never waits for it, and nothing that the pipeline does or does not do stops a plan. A pipeline that is away, or
refuses, is asked again every second for as long as the scan goes on and until the next one begins; one line of the log says why, and one
that it is there again. What was emitted meanwhile is kept, and sent when a run is armed. A pipeline that comes back without the run is
given another one, from the first document on. A run that somebody stopped, or put another one in the place of, is left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum

from beamloom.client import Pipeline, Progress
from beamloom.control.bluesky.hearing import Ask, Hearing, Standing
from beamloom.control.bluesky.inbox import Ahead, Close, Inbox, Item, Leave
from beamloom.control.bluesky.scan import Document, Scan
from beamloom.devices.bluesky import DocumentPublisher
from beamloom.errors import PipelineError, RequestRefused

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two attempts to arm a run, and between two looks at one."""
CLIENT_SECONDS = 1.0
"""Longest wait for the ingester's connection when a run is armed; one that is connected all the time makes no new one."""
MOST_RUNS = 5
"""Runs that are armed for one scan, where the pipeline loses them."""
LOOK_SECONDS = 0.05
"""Between two looks at a run that is about to end."""
LAST_ROWS_SECONDS = 30.0
"""Longest wait, behind the end of a scan, for its last rows to be settled, and for the run to be over."""
SETTLED_SECONDS = 2.0
"""How long a run whose rows are all settled may go on until it is ended: its detectors may be about to end it themselves."""


class Fate(Enum):
    """What has become of a run."""

    GOING = "it goes on"
    OVER = "it has ended, or somebody has ended it"
    LOST = "the pipeline has lost it"


class Keeper:
    """Arms a run for each scan, sends its documents, and ends it."""

    def __init__(
        self,
        pipeline: Callable[[], Pipeline],
        arm: Callable[[Pipeline], str],
        publisher: DocumentPublisher,
        hearing: Hearing,
        stream_name: str,
    ) -> None:
        """``arm`` begins a run and returns its id; both functions raise PipelineError. ``hearing`` is passed what plans ask."""
        self.inbox = Inbox()
        self.run: str | None = None
        """The run that is armed for the scan that goes on, or was for the last one."""
        self.standing: Standing | None = None
        """What was sent to it; None until it has all that there is."""
        self._pipeline = pipeline
        self._arm = arm
        self._publisher = publisher
        self._hearing = hearing
        self._stream_name = stream_name
        self._ahead: str | None = None
        self._arrivals = 0
        self._problem = ""
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="beamloom documents", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End the run that goes on, and the thread."""
        self.inbox.put(Close())
        self._thread.join(timeout)

    def _work(self) -> None:
        while not self._closing:
            match item := self._get(None):
                case Ahead():
                    self._arm_ahead(item)
                case Document("start", _):
                    self._follow(item)
                case Leave():
                    self._end_what_was_armed_ahead()
                case Close():
                    self._closing = True
            self.inbox.all_done()
        self._end_what_was_armed_ahead()

    def _get(self, timeout: float | None) -> Item | None:
        """The next item; None if none comes in time. What plans ask is passed on, as all that was emitted before has been sent."""
        item = self.inbox.get(timeout)
        if isinstance(item, Ask):
            self._hearing.put(item, lambda: self.standing)
            return None
        return item

    # ---- before a scan ----------------------------------------------------------------------------------------------------

    def _arm_ahead(self, asked: Ahead) -> None:
        """Arm a run for the scan that is about to begin, unless nobody waits for that any more."""
        self._end_what_was_armed_ahead()
        while not self._closing and not asked.answer.cancelled():
            if (run := self._try_to_arm()) is not None:
                self._ahead = run
                if asked.answer.set_running_or_notify_cancel():
                    asked.answer.set_result(run)
                return
            asked.problem = self._problem
            end = time.monotonic() + RETRY_SECONDS
            while (left := end - time.monotonic()) > 0 and not asked.answer.cancelled():
                if (item := self._get(min(left, LOOK_SECONDS))) is not None:
                    # The plan is over, or goes on without having waited.
                    self.inbox.put_back(item)
                    asked.answer.cancel()

    def _end_what_was_armed_ahead(self) -> None:
        if self._ahead is not None:
            run, self._ahead = self._ahead, None
            # Nothing of it has begun.
            self._stop()
            self._end(run, Scan(self._stream_name))

    def _try_to_arm(self) -> str | None:
        """The id of a new run to which the documents can be sent; None, and it was said why."""
        before = self._publisher.arrivals
        self.standing = None
        try:
            run = self._arm(self._pipeline())
        except PipelineError as error:
            self._say(f"no run could be armed: {error}")
            return None
        end = time.monotonic() + CLIENT_SECONDS
        while self._publisher.arrivals == before and time.monotonic() < end:
            time.sleep(0.002)
        self._arrivals = self._publisher.arrivals
        self._said_well()
        self.run = run
        return run

    # ---- a scan -----------------------------------------------------------------------------------------------------------

    def _follow(self, start: Document) -> None:
        scan = Scan(self._stream_name)
        scan.take(start)
        run, self._ahead = self._ahead or self._arm_for(scan), None
        for _ in range(MOST_RUNS):
            if run is None:
                break
            logger.info("run %s is armed for the scan %s", run, scan.uid)
            fate, why = self._pass_on(run, scan)
            if fate is Fate.GOING:
                fate, why = self._end(run, scan)
            if fate is not Fate.LOST:
                break
            logger.warning("the pipeline has lost run %s (%s); the scan is sent anew", run, why)
            run = self._arm_for(scan)
        while not scan.ended and not self._closing:
            self._next(scan, None)

    def _arm_for(self, scan: Scan) -> str | None:
        """A run for a scan that goes on already; None where there was none until the next one began."""
        while not self._closing:
            if (run := self._try_to_arm()) is not None:
                return run
            end = time.monotonic() + RETRY_SECONDS
            while (left := end - time.monotonic()) > 0 and not self._closing:
                if not scan.ended:
                    self._next(scan, left)
                elif (item := self._get(left)) is not None and not isinstance(item, Leave):
                    self.inbox.put_back(item)
                    logger.warning(
                        "the scan %s was not analysed: no run could be armed for it in time", scan.uid
                    )
                    return None
        return None

    def _next(self, scan: Scan, timeout: float | None) -> Document | None:
        """The next document of the scan, which has taken it in; None if none comes in time, or there is no more."""
        item = self._get(timeout)
        if isinstance(item, Document):
            if problem := scan.take(item):
                logger.warning("a document of the kind %r is not as it should be: %s", item.name, problem)
            return item
        if isinstance(item, Ahead):
            item.problem = "a scan goes on already, and its run takes in the runs of Bluesky inside it"
            if item.answer.set_running_or_notify_cancel():
                item.answer.set_result(None)
        elif item is not None:
            scan.ended = True
            self._closing = isinstance(item, Close)
        return None

    def _pass_on(self, run: str, scan: Scan) -> tuple[Fate, str]:
        """Send the documents of a scan as they come; returns what has become of the run, and why."""
        self._send(scan, scan.documents)
        look = time.monotonic() + RETRY_SECONDS
        while not scan.ended:
            document = self._next(scan, look - time.monotonic())
            if document is not None:
                self._send(scan, [document])
            self._greet_who_came(scan)
            if time.monotonic() >= look:
                look = time.monotonic() + RETRY_SECONDS
                fate, why = self._fate(run)
                if fate is Fate.OVER:
                    logger.warning("run %s is over, and the rest of its scan is not analysed: %s", run, why)
                if fate is not Fate.GOING:
                    return fate, why
        return Fate.GOING, ""

    def _greet_who_came(self, scan: Scan) -> None:
        """An ingester that was started again reads the scan from its first document on."""
        if (arrivals := self._publisher.arrivals) > self._arrivals:
            self._arrivals = arrivals
            self._send(scan, scan.documents)

    def _send(self, scan: Scan, documents: tuple[Document, ...] | list[Document]) -> None:
        for document in documents:
            self._publisher.send(document.name, document.raw)
        self.standing = None if self.run is None else Standing(self.run, scan.rows)

    def _fate(self, run: str) -> tuple[Fate, str]:
        """What has become of a run, and why."""
        try:
            progress = self._pipeline().progress()
            known = progress.run == run or any(one.run == run for one in self._pipeline().runs)
        except PipelineError as error:
            self._say(f"the scan goes on without the pipeline: {error}")
            return Fate.GOING, ""
        self._said_well()
        if progress.run == run and not progress.finished:
            return Fate.GOING, ""
        if not known:
            return Fate.LOST, "it was started anew"
        if progress.run != run:
            return Fate.OVER, "another run was armed"
        return Fate.LOST if progress.aborted else Fate.OVER, progress.stopped or "it came to its end"

    # ---- behind a scan ----------------------------------------------------------------------------------------------------

    def _end(self, run: str, scan: Scan) -> tuple[Fate, str]:
        """Wait until all rows are settled, and end the run where it does not end by itself; returns what has become of it, and why."""
        begun = time.monotonic()
        settled: float | None = None
        stopped = False
        while (now := time.monotonic()) < begun + LAST_ROWS_SECONDS:
            progress = self._progress()
            if progress is not None and (progress.run != run or progress.finished):
                return self._fate(run)
            if progress is not None and progress.completed_events > scan.rows:
                settled = settled or now
            if not stopped and settled is not None and now > settled + SETTLED_SECONDS:
                stopped = self._stop()
            self._greet_who_came(scan)
            time.sleep(LOOK_SECONDS)
        if not stopped:
            logger.warning(
                "rows of run %s are not settled %g s after the scan; it is ended", run, LAST_ROWS_SECONDS
            )
            self._stop()
        return Fate.OVER, ""

    def _progress(self) -> Progress | None:
        try:
            progress = self._pipeline().progress()
        except PipelineError as error:
            self._say(f"the end of the run is waited for: {error}")
            return None
        self._said_well()
        return progress

    def _stop(self) -> bool:
        try:
            self._pipeline().stop()
        except RequestRefused:
            return True  # it has ended meanwhile
        except PipelineError as error:
            self._say(f"the run could not be ended: {error}")
            return False
        return True

    def _say(self, problem: str) -> None:
        """Say it, unless it was said last."""
        if problem != self._problem:
            logger.warning("%s; it is tried again", problem)
        self._problem = problem

    def _said_well(self) -> None:
        if self._problem:
            logger.warning("the pipeline is there again")
        self._problem = ""
