"""Deals the blows of a schedule to the processes of a pipeline, each when so many events are settled."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack

from beamloom.placement import LocalPlacement, PlacementError
from chaos.excuses import Excuse, Sent
from chaos.schedule import Blow, Kind
from chaos.watching import Asker, Watch, slow_viewers

PATIENCE = 60.0
"""Seconds that a process may take to be there again before the next blow; a blow that finds nobody is left out."""
CHANGES_PER_SECOND = 100


class Dealer:
    """Deals blows, and remembers what was done."""

    def __init__(self, placement: LocalPlacement, watch: Watch, camera: Sent) -> None:
        """``camera``: what the camera has sent."""
        self._placement = placement
        self._camera = camera
        self._watch = watch
        self._viewers = ExitStack()
        self._threads: list[threading.Thread] = []
        self._asker = Asker(placement.controller_url)
        self._gain = 1
        self.dealt: list[Blow] = []
        self.camera_deaths: list[Excuse] = []
        """Of its ingester."""
        self.changes = 0
        """Of the parameter that were taken."""

    def __enter__(self) -> Dealer:
        return self

    def __exit__(self, *exception: object) -> None:
        for thread in self._threads:
            thread.join()
        self._viewers.close()
        with self._asker:
            pass

    def deal(self, blow: Blow, patience: float) -> bool:
        """Wait for the moment of a blow and deal it; False when the run was over, or stood still, before."""
        there = self._watch.wait_for(
            lambda told: bool(told.get("finished")) or told.get("completed_events", 0) >= blow.at, patience
        )
        if not there or self._watch.last.get("finished"):
            return False
        match blow.kind:
            case Kind.VIEWERS:
                self._viewers.enter_context(slow_viewers(self._placement.reducer_url))
            case Kind.PARAMETERS:
                self._start(self._change_parameters, blow)
            case Kind.STOP_WORKER | Kind.STOP_REDUCER | Kind.STOP_CONTROLLER | Kind.STOP_INGESTER:
                self._start(self._stop, blow)
            case _:
                for target in blow.targets:
                    self._kill(target)
        self.dealt.append(blow)
        return True

    def _start(self, work: object, blow: Blow) -> None:
        thread = threading.Thread(target=work, args=(blow,), name=f"{blow.kind} at {blow.at}")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _signal(self, target: str, number: signal.Signals) -> int | None:
        """The process that it was sent to; None where there was none: it died of something else between two looks."""
        self._placement.wait_until(lambda there: there[target].pid is not None, PATIENCE)
        try:
            return self._placement.kill(target, number)
        except PlacementError:
            return None

    def _kill(self, target: str) -> None:
        pid = self._signal(target, signal.SIGKILL)
        if target.endswith("-ingester") and pid is not None:
            # Its connections are open until the system has taken the process apart.
            self._placement.wait_until(lambda there: there[target].pid != pid, PATIENCE)
            if target == "camera-ingester":
                self.camera_deaths.append(Excuse(self._camera.messages))

    def _stop(self, blow: Blow) -> None:
        (target,) = blow.targets
        self._signal(target, signal.SIGSTOP)
        # How long it stands still is the fault itself.
        time.sleep(blow.seconds)
        self._signal(target, signal.SIGCONT)

    def _change_parameters(self, blow: Blow) -> None:
        begin = time.monotonic()
        for number in range(int(blow.seconds * CHANGES_PER_SECOND)):
            time.sleep(max(0.0, begin + number / CHANGES_PER_SECOND - time.monotonic()))
            self._gain += 1
            self.changes += self._asker.post("parameters", {"gain": self._gain})
