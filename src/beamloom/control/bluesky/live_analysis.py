"""A pipeline as a RunEngine sees it: a callback to which documents are given, and of which plans ask for runs and for feedback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from beamloom.client import Pipeline, connect
from beamloom.client._http import whole_url
from beamloom.control.bluesky.hearing import Ask, Hearing
from beamloom.control.bluesky.inbox import Ahead, Leave
from beamloom.control.bluesky.keeper import Keeper
from beamloom.control.bluesky.scan import Document
from beamloom.devices.bluesky import DocumentPublisher
from beamloom.devices.bluesky.documents import written
from beamloom.devices.fields import MalformedPacket
from beamloom.errors import PipelineError, UsageError
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Longest wait for an answer of the pipeline, in seconds; it is the thread that waits, never the RunEngine."""
CLOSE_SECONDS = 45.0
"""Longest wait of ``close`` for the run that goes on."""


class LiveAnalysis:
    """Has a pipeline analyse each run of a RunEngine: ``RE.subscribe(LiveAnalysis("http://127.0.0.1:5000"))``.

    At ``start`` it arms an open-ended run, then it sends all documents, and ends the run behind ``stop``. It never makes the RunEngine
    wait, and nothing that goes wrong with the pipeline stops a plan. It is a context manager that closes it.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:5000",
        *,
        publish: str = "tcp://127.0.0.1:5578",
        streams: Sequence[str] | TriggerMap | None = None,
        stream_name: str = "primary",
        token: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        """``url`` is that of the controller; ``publish`` is what the stream of the device ``bluesky`` has in the pipeline file as its url.

        ``streams`` take part in the runs, by default all that the pipeline has; a trigger map says more. ``stream_name`` is as in the
        pipeline file. ``token`` and ``ca_file`` are as of ``beamloom.connect``. Raises UsageError where it cannot bind to ``publish``, and
        PipelineError for what is no address.
        """
        url = whole_url(url)
        try:
            self._publisher = DocumentPublisher(publish)
        except ValueError as error:
            why = str(error).rpartition(": ")[2]
            raise UsageError(
                f"documents cannot be published at {publish!r} ({why}); is another RunEngine there? Name a free address as publish=..., "
                "and the same as url of the stream in the pipeline file"
            ) from error
        self.url = url
        self._streams = streams
        self._token, self._ca_file = token, ca_file
        self._lock = threading.Lock()
        self._connected: Pipeline | None = None
        self._latest: Mapping[str, Any] | None = None
        self._closed = False
        self._hearing = Hearing(self.pipeline, counts_rows=not isinstance(streams, TriggerMap))
        self._keeper = Keeper(self.pipeline, self._arm, self._publisher, self._hearing, stream_name)

    @property
    def publish(self) -> str:
        """Where the documents are published, with the port that was really bound."""
        return self._publisher.url

    @property
    def run(self) -> str | None:
        """The id of the run that is armed for the scan that goes on, or was for the last one; None before the first."""
        return self._keeper.run

    @property
    def is_armed(self) -> bool:
        """Whether a run has got what there is of the scan that goes on, or had of the last one."""
        return self._keeper.standing is not None

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Take a document, as a callback of the RunEngine does; returns at once and never raises."""
        if document is self._latest or self._closed:
            # Subscribed twice: by RE.subscribe, and by a plan.
            return
        self._latest = document
        try:
            raw = written(document)
        except MalformedPacket as problem:
            logger.warning("a document of the kind %r is left out: %s", name, problem)
            return
        self._keeper.inbox.put(Document(str(name), raw))

    def pipeline(self) -> Pipeline:
        """The pipeline, as ``beamloom.connect`` gives it. Raises PipelineError where it is away."""
        with self._lock:
            if self._connected is None:
                self._connected = connect(self.url, timeout=TIMEOUT, token=self._token, ca_file=self._ca_file)
            return self._connected

    def _arm(self, pipeline: Pipeline) -> str:
        wanted = self._streams
        if wanted is None:
            wanted = pipeline.known_streams
            if not wanted:
                raise PipelineError(
                    "the pipeline has no streams; give its pipeline file one of the device bluesky"
                )
        return pipeline.arm(wanted)

    # ---- for plans --------------------------------------------------------------------------------------------------------

    def arm_ahead(self) -> Ahead:
        """Ask for a run for the scan that is about to begin; returns at once."""
        asked = Ahead()
        self._keeper.inbox.put(asked)
        return asked

    def ask(self) -> Ask:
        """Ask what the analysis has to say to all that was emitted so far; returns at once."""
        asked = Ask()
        self._keeper.inbox.put(asked)
        return asked

    def leave(self) -> None:
        """No more documents come: the run is ended behind the last of them, also where no ``stop`` came."""
        self._keeper.inbox.put(Leave())

    # ---- for scripts ------------------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until what the RunEngine has emitted is analysed and its runs are over; returns whether that is so. Not for plans."""
        return self._keeper.inbox.wait(timeout)

    def close(self) -> None:
        """End the run that goes on, and let go of the pipeline. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._keeper.close(CLOSE_SECONDS)
        self._hearing.close(CLOSE_SECONDS)
        self._publisher.close()
        if self._connected is not None:
            self._connected.close()

    def __enter__(self) -> LiveAnalysis:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
