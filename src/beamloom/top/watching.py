"""Asks the controller again and again, in a thread of its own: a terminal that nobody answers still answers its keys.

One round of questions at a time, the next only a while after the last answer. What does not answer is asked again, for ever: a controller
that comes back is shown again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from beamloom.client import Failure, Progress
from beamloom.client._http import Service
from beamloom.errors import PipelineError, RequestRefused
from beamloom.top.history import History, Moment
from beamloom.top.look import Config, Diagnosis, Flow, Load, Look, Stream

V1 = "/api/v1"
LATELY = {"stages": "true", "scan": "false", "seconds": "10"}
"""Where the time of processes goes, and over how much of the past."""


def look_at(controller: Service, *, failures: bool) -> Look:
    """One round of questions. Raises PipelineError."""
    try:
        progress = controller.get(f"{V1}/progress", Progress)
    except RequestRefused as refusal:
        if refusal.status != 404:
            raise
        raise PipelineError(
            f"what answers at {controller.url} is no controller; give the address that 'beamloom up' shows for it"
        ) from refusal
    return Look(
        time.monotonic(),
        time.time(),
        progress,
        controller.get(f"{V1}/doctor", Diagnosis),
        controller.get(f"{V1}/streams", dict[str, Stream]),
        controller.get(f"{V1}/config", Config),
        controller.get(f"{V1}/flow", Flow),
        controller.get(f"{V1}/load", dict[str, Load], LATELY),
        controller.get(f"{V1}/errors", list[Failure]) if failures else None,
    )


class Watcher:
    """Keeps the newest moment; ``changed`` is called in the thread that asks."""

    def __init__(self, controller: Service, interval: float, changed: Callable[[], None]) -> None:
        """``interval``: seconds between an answer and the next question."""
        self._controller = controller
        self._interval = interval
        self._changed = changed
        self._history = History()
        self._lock = threading.Lock()
        self._moment = Moment(controller.url, time.time())
        self._failures = False
        self._hurry = threading.Event()
        self._over = False
        self.problem: Exception | None = None
        """What ended the asking, other than ``close``: a mistake here, which is to be raised where it is seen."""
        self._thread = threading.Thread(target=self._watch, name="watching", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def close(self) -> None:
        """Ask no more. An answer that is under way is not waited for."""
        self._over = True
        self._hurry.set()

    @property
    def moment(self) -> Moment:
        """The newest one."""
        with self._lock:
            return self._moment

    def want_failures(self, wanted: bool) -> None:
        """Whether failures are asked for in detail; they can be long. The first ones are asked for at once."""
        if wanted and not self._failures:
            self._hurry.set()
        self._failures = wanted

    def _watch(self) -> None:
        try:
            while not self._over:
                self._hurry.clear()
                self._take_a_look()
                self._changed()
                self._hurry.wait(self._interval)
        except Exception as problem:  # noqa: BLE001  it is raised in the main thread
            self.problem = problem
            self._changed()
        finally:
            self._controller.close()

    def _take_a_look(self) -> None:
        try:
            look = look_at(self._controller, failures=self._failures)
        except PipelineError as error:
            with self._lock:
                before = self._moment
                since = time.time() if before.away is None else before.away_since
                self._moment = Moment(
                    before.address, since or 0.0, before.look, before.pace, str(error), since
                )
            return
        with self._lock:
            self._moment = Moment(self._controller.url, look.wall, look, self._history.add(look))
