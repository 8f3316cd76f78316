"""A pipeline as a notebook or a script sees it.

Everything is asked for when it is used, and nothing is kept but connections: two notebooks see the same. All methods may be called
by several threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec

from beamloom.access.clients import credentials_of
from beamloom.client import _display
from beamloom.client._by_name import address_of
from beamloom.client._events import settled_events
from beamloom.client._feedback import Feedback, feedback_of, said_of
from beamloom.client._http import whole_url
from beamloom.client._parameters import PipelineParameters
from beamloom.client._processes import Processes
from beamloom.client._result import Group, Results, node_of
from beamloom.client._rules import Rules
from beamloom.client._run import Coverage, Failure, Progress, RunSummary, Settled
from beamloom.client._runs import PastRun, Runs
from beamloom.client._shadow import Shadow
from beamloom.client._update import CodeUpdated, update_code
from beamloom.client._watch import Follower, Version, versions
from beamloom.client._workers import WorkersChanged, have_workers
from beamloom.errors import MapRefused, NotReachable, PipelineError, RequestRefused, RunAborted, TimedOut
from beamloom.triggermap import TriggerMap, open_ended, uniform

LOOK_SECONDS = 0.1
"""Between two looks at a run that is waited for."""
ARM_SECONDS = 60.0
"""Longest wait for a run to be armed; the controller gives up before."""


def connect(
    url: str,
    *,
    pipeline: str | None = None,
    timeout: float = 10.0,
    trust_pickle: bool = False,
    token: str | None = None,
    ca_file: str | None = None,
) -> Pipeline:
    """The pipeline whose controller is at ``url``; a reducer's address will do where only results are wanted.

    Where several pipelines are found at one address, ``pipeline`` names the one that is meant, by default the first; the address may name
    it as well (``http://127.0.0.1:5000/pipelines/NAME``).

    ``timeout`` is the longest wait for an answer (s). With ``trust_pickle`` structures arrive as the Python objects that the reducer
    published, by pickle: only for reducers that you trust as you trust your own code. ``token`` is what the pipeline asks for where it is
    reached by other machines, by default that of the environment (``BEAMLOOM_TOKEN``); ``ca_file`` holds the certificates to trust (PEM,
    ``BEAMLOOM_CA_FILE``), by default those of the system. Raises NotReachable where nobody answers.
    """
    url, credentials = whole_url(url), credentials_of(token, ca_file)
    if pipeline is not None:
        url = address_of(url, pipeline, timeout, credentials)
    processes = Processes.at(url, timeout, credentials)
    return Pipeline(processes, trust_pickle=trust_pickle)


class Pipeline:
    """A pipeline; ``beamloom.connect`` makes it. It is a context manager that closes the connections, and leaves the pipeline as it is."""

    def __init__(self, processes: Processes, *, trust_pickle: bool = False) -> None:
        self._processes = processes
        self._results = Results(processes, trust_pickle=trust_pickle)

    @property
    def url(self) -> str:
        """The address by which it is known."""
        return self._processes.url

    def close(self) -> None:
        """Close the connections."""
        self._processes.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- results ----------------------------------------------------------------------------------------------------------

    @property
    def result(self) -> Group:
        """What the reducer publishes: ``result["map"]``, ``result["map"][10:20]``, ``result.attrs``, ``result.tree()``."""
        root = node_of(self._results, "")
        if not isinstance(root, Group):
            raise PipelineError("the reducer publishes no tree; have it publish a dictionary")
        return root

    def outline(self, path: str = "") -> dict[str, Any]:
        """What is published at ``path``, without elements: names, shapes, types, and the values of what is a single number."""
        return self._results.outline(path)

    def watch(
        self,
        path: str,
        *,
        timeout: float | None = None,
        interval: float = 0.05,
        until_finished: bool = False,
    ) -> Iterator[Version]:
        """Part of the results, now and whenever it has changed: ``for version in pipeline.watch("map"): draw(version.value)``.

        ``path`` is like ``map/value``, or a JSONPath. At most one version comes in ``interval`` seconds, always the newest. With
        ``until_finished`` the last version of the run that goes on is the last one. Raises TimedOut where nothing new has come for
        ``timeout`` seconds; without it, a reducer that is away is waited for.
        """
        over = self._is_finished if until_finished else _never
        stop = threading.Event()
        return versions(self._results, path, timeout=timeout, interval=interval, over=over, stop=stop)

    def follow(
        self,
        path: str,
        function: Callable[[Version], object],
        *,
        interval: float = 0.05,
        until_finished: bool = False,
    ) -> Follower[Version]:
        """Call ``function`` with each version that ``watch`` would give, in a thread of its own, until that is stopped."""
        over = self._is_finished if until_finished else _never

        def start(stop: threading.Event) -> Iterator[Version]:
            return versions(self._results, path, timeout=None, interval=interval, over=over, stop=stop)

        return Follower(start, function)

    def _is_finished(self) -> bool:
        return self.progress().finished

    def coverage(self) -> Coverage:
        """Which events the results hold, which not, and why: ``print(pipeline.coverage())`` answers whether a map is complete."""
        return self._processes.of_reducer(lambda reducer: reducer.get("/api/v1/coverage", Coverage))

    # ---- runs -------------------------------------------------------------------------------------------------------------

    def arm(
        self,
        what: TriggerMap | Mapping[str, Any] | Sequence[str],
        events: int | None = None,
        *,
        all_wrap: bool = True,
        max_failed: int | str | None = None,
        on_max_failed: str | None = None,
    ) -> str:
        """Begin a run; returns its id as soon as every process is ready and the devices may send.

        ``what`` is a trigger map (of a builder, or as JSON), one part (``{stream: [cell, ...]}``), or names of streams: then each of
        ``events`` events has a packet of each, and without ``events`` it goes on until ``stop``.
        When more than ``max_failed`` events (``20`` or ``"5%"``) have failed, the run is ``degraded``, and with ``on_max_failed="stop"``
        it is stopped; without them the settings of the controller hold. Raises MapRefused with the reason.
        """
        route, body, wrap = _written(what, events, all_wrap)
        controller = self._processes.controller
        try:
            answer = controller.ask(
                "POST",
                route,
                params={"all_wrap": wrap, **_budget(max_failed, on_max_failed)},
                content=body,
                timeout=max(ARM_SECONDS, controller.timeout),
            )
        except RequestRefused as refusal:
            if refusal.status < 500:
                raise MapRefused(str(refusal), refusal.status) from None
            raise
        return msgspec.json.decode(answer.content, type=str)

    def stop(self) -> None:
        """End the run: what has arrived is worked off, the rest is lost. Returns at once; ``wait`` waits for the end."""
        self._processes.controller.post("/api/v1/stop", b"", type(None))

    def progress(self) -> Progress:
        """How far the run is."""
        return self._processes.controller.get("/api/v1/progress", Progress)

    def wait(self, timeout: float | None = None) -> Progress:
        """Wait until the run that goes on is over; returns how it ended, also where somebody stopped it.

        Raises RunAborted where it came to its end otherwise, and TimedOut.
        """
        progress = self.progress()
        run = progress.run
        if run is None:
            raise PipelineError("there is no run to wait for; arm one first")
        end = None if timeout is None else time.monotonic() + timeout
        away_since: float | None = None
        while progress.run == run and not progress.finished:
            if end is not None and time.monotonic() > end:
                raise TimedOut(f"{progress}; it is not over after {timeout:g} s. Wait longer, or stop() it")
            time.sleep(LOOK_SECONDS)
            try:
                progress, away_since = self.progress(), None
            except (NotReachable, TimedOut):
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > self._processes.controller.timeout:
                    raise
        if progress.run != run:
            raise RunAborted(self._why_gone(run))
        if progress.aborted:
            raise RunAborted(f"run {run} was aborted: {progress.stopped}")
        return progress

    def _why_gone(self, run: str) -> str:
        for one in self.runs:
            if one.run == run:
                return f"run {run} was aborted: {one.stopped or 'another run was armed'}"
        return f"the controller knows no run {run} any more: it was started again; arm a new run"

    def events(self, *, timeout: float | None = None, follow: bool = False) -> Iterator[Settled]:
        """What became of events, as it happens: first of all that are settled already, then what is new, until the run is over.

        With ``follow`` it goes on with the runs after it. Raises TimedOut where nothing has happened for ``timeout`` seconds.
        """
        return settled_events(self._processes.controller, timeout=timeout, follow=follow)

    def feedback(
        self,
        *kinds: str,
        run: str | None = None,
        after: Feedback | str | int | None = None,
        timeout: float | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Feedback]:
        """What the analysis says with ``self.feedback(...)``: ``for one in pipeline.feedback("next_position"): move(one.payload)``.

        Of these kinds, or of all: first what the run that goes on has said already, then what is new, each once and in order, also where
        the controller is started again. With ``run`` (an id, or ``last``) it ends with that run; else it goes on with those after it.
        ``after`` begins behind one that is known. It ends when ``stop`` is set, too. Raises TimedOut where nothing has come for
        ``timeout`` seconds.
        """
        return feedback_of(
            self._processes.controller, run=run, after=_place(after), kinds=kinds, timeout=timeout, stop=stop
        )

    def feedback_so_far(
        self, *kinds: str, run: str | None = None, after: Feedback | str | int | None = None
    ) -> list[Feedback]:
        """What the analysis has said until now: of ``run``, else behind ``after``, else of the run that goes on, or of the last one."""
        if run is None and after is None and (run := self.progress().run) is None:
            return []
        return list(said_of(self._processes.controller, run=run, after=_place(after), kinds=kinds))

    def on_feedback(
        self,
        function: Callable[[Feedback], object],
        *kinds: str,
        run: str | None = None,
        after: Feedback | str | int | None = None,
    ) -> Follower[Feedback]:
        """Call ``function`` with all that ``feedback`` would give, in a thread of its own, until that is stopped."""

        def start(stop: threading.Event) -> Iterator[Feedback]:
            return self.feedback(*kinds, run=run, after=after, stop=stop)

        return Follower(start, function)

    def errors(self) -> list[Failure]:
        """What failed in the run: each kind of failure once, with its traceback and its events."""
        return self._processes.controller.get("/api/v1/errors", list[Failure])

    @property
    def runs(self) -> Runs:
        """The runs that the controller knows, newest first; ``runs[run]`` has the results of one that has ended.

        ``pipeline.runs[run].result["map"]`` is read as ``pipeline.result["map"]`` is, and ``.coverage()`` says which events are in it.
        ``runs["last"]`` is the newest of them.
        """
        return Runs(
            lambda: self._processes.controller.get("/api/v1/runs", list[RunSummary]),
            lambda run: PastRun(self._processes, run, trust_pickle=self._results.trust_pickle),
        )

    @property
    def parameters(self) -> PipelineParameters:
        """The parameters, as a mapping."""
        self._processes.controller  # noqa: B018  without one, that is said now
        return PipelineParameters(self._processes)

    @property
    def rules(self) -> Rules:
        """The rules that follow the data: ``rules.submit("chain.yaml")``, ``rules[7].wait()``, ``rules[7].retry_failed()``."""
        return Rules(self._processes.rules)

    @property
    def known_streams(self) -> list[str]:
        """The streams that the ingesters receive: those that a run may have."""
        ingesters = self.processes()["ingesters"]
        return sorted({stream for ingester in ingesters for stream in ingester["streams"]})

    def processes(self) -> dict[str, Any]:
        """The processes that take part, as ``/api/v1/config`` tells them."""
        return self._processes.controller.get("/api/v1/config", dict[str, Any])

    def load(self) -> dict[str, Any]:
        """How busy each worker was, over its last event, the last ten and the run, as ``/api/v1/load`` tells it."""
        return self._processes.controller.get("/api/v1/load", dict[str, Any])

    def set_workers(self, count: int, kind: int | None = None) -> WorkersChanged:
        """Have so many workers: start more, or stop the newest, which end after their event.

        ``kind`` is the number of a group of the pipeline file, from 0, where there are several. Raises RequestRefused where the pipeline
        cannot do that, such as where nobody can start workers.
        """
        return have_workers(self._processes.controller, count, kind)

    def update(self, worker: str = "", edition: int | None = None, patience: float = 60.0) -> CodeUpdated:
        """Have the workers go on with newer code: what is in the files of their class now, or the class ``worker`` (module:Class).

        With ``edition``, workers of that number take over that were started by hand. ``patience``: seconds in which the newer ones have
        to be ready. Raises RequestRefused where they cannot take over; the others go on then.
        """
        return update_code(self._processes.controller, worker, edition, patience)

    @property
    def shadow(self) -> Shadow:
        """Another analysis over copies of some events: ``start``, ``state``, ``result``, ``compare``, ``promote``, ``stop``."""
        return Shadow(self._processes, self._results)

    @property
    def streams(self) -> dict[str, dict[str, Any]]:
        """What became of the packets of each stream of the run."""
        return self._processes.controller.get("/api/v1/streams", dict[str, dict[str, Any]])

    def problems(self) -> list[str]:
        """What is in the way of a run, a sentence each; empty where one could be armed."""
        controller = self._processes.controller
        answer = controller.ask("GET", "/api/v1/health", also=503)
        return list(controller.decoded(answer, dict[str, Any])["problems"])

    # ---- looks ------------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        kind = "" if self._processes.has_controller else " (results only)"
        return f"<Pipeline at {self.url}{kind}>"

    def _repr_html_(self) -> str:
        try:
            if not self._processes.has_controller:
                return _display.pipeline_html(f"{self.url} (results only)", None, {}, [])
            return _display.pipeline_html(self.url, self.progress(), self.streams, self.problems())
        except PipelineError as error:
            return _display.pipeline_html(self.url, None, {}, [str(error)])


def _budget(max_failed: int | str | None, on_max_failed: str | None) -> dict[str, str]:
    given = {"max_failed": max_failed, "on_max_failed": on_max_failed}
    return {name: str(value) for name, value in given.items() if value is not None}


def _place(after: Feedback | str | int | None) -> str:
    if after is None:
        return ""
    return after.place if isinstance(after, Feedback) else str(after)


def _never() -> bool:
    return False


def _written(
    what: TriggerMap | Mapping[str, Any] | Sequence[str], events: int | None, all_wrap: bool
) -> tuple[str, bytes, str]:
    """Route, body and whether the controller is to put a start and an end around it."""
    wrap = "true" if all_wrap else "false"
    if isinstance(what, TriggerMap):
        # It has its start and end already, or was made without on purpose.
        return "/api/v1/sequence", what.encode(), "false"
    if isinstance(what, Mapping):
        route = "/api/v1/sequence" if "sequence" in what or "parts" in what else "/api/v1/mapping"
        return route, msgspec.json.encode(what), wrap
    made = open_ended(what, all_wrap=all_wrap) if events is None else uniform(what, events, all_wrap=all_wrap)
    return "/api/v1/sequence", made.encode(), "false"
