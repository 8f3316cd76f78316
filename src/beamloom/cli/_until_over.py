"""Runs a pipeline for one source of frames: files to their end, a device until Ctrl-C; whatever ends it, everything is written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from beamloom.cli._run_verdict import verdict
from beamloom.cli._supervising import kept_up_to_date, told_to_end, welcome
from beamloom.client import Pipeline, connect
from beamloom.errors import NotReachable, PipelineError, TimedOut
from beamloom.placement import LocalPlacement, PlacementError, Screen, State

LOOK_SECONDS: Final = 0.1
CONSULT_SECONDS: Final = 2.0
FINISH_SECONDS: Final = 60.0
"""How long a run that was stopped may take to write everything."""
INTERRUPTED: Final = 130

Summarise = Callable[[Pipeline, str], list[str]]
"""Lines on a run that is over, from its id."""


class Ending:
    """Looks after the processes while a run goes on."""

    def __init__(self, placement: LocalPlacement, screen: Screen, end: threading.Event) -> None:
        self._placement = placement
        self._screen = screen
        self._end = end
        self._looks = 0

    def pause(self) -> bool:
        """Wait a moment; False when told to end. Raises PlacementError where a process is given up."""
        self._looks += 1
        if self._looks % round(CONSULT_SECONDS / LOOK_SECONDS) == 0:
            self._placement.consult()
        for status in self._placement.status():
            if status.state is State.GIVEN_UP:
                raise PlacementError(f"the run cannot go on: {self._placement.last_words(status)}")
        return not self._end.wait(LOOK_SECONDS)


def run_to_its_end(
    placement: LocalPlacement,
    screen: Screen,
    streams: list[str] | None,
    summarise: Summarise,
    *,
    ready_timeout: float,
    play: Callable[[], Any] = lambda: None,
    keep: bool = False,
) -> int:
    """Arm a run of ``streams`` and wait for its end; None: devices arm runs, until told to end. Returns the exit status.

    ``play`` is called when the run is armed. ``keep``: stay when the run is over. Raises PlacementError, PipelineError with everything
    ended.
    """
    lines: list[str] = []
    went_well, interrupted = True, False
    with told_to_end(placement, screen) as end, kept_up_to_date(placement, screen), placement:
        if not placement.wait_ready(ready_timeout, stopped=end.is_set):
            return INTERRUPTED
        screen.say(welcome(placement))
        with connect(placement.controller_url, token=placement.layout.credentials.token) as pipeline:
            ending = Ending(placement, screen, end)
            if streams is not None:
                interrupted = not _one_run(pipeline, ending, streams, play)
            else:
                screen.say("waiting for the device; Ctrl-C ends it, and writes everything")
                while ending.pause():
                    pass
            _stop_run(pipeline, screen)
            if streams is None or not keep or interrupted:
                _end_ingesters(pipeline, placement, screen)
            lines = [line for run in _runs(pipeline) for line in summarise(pipeline, run)]
            bad, went_well = verdict(placement.ask)
            lines = [*lines, *bad] or ["no run was begun"]
            if keep and not interrupted:
                screen.say("\n".join([*lines, "the results stay until Ctrl-C"]))
                while ending.pause():
                    pass
    # Below all that the processes had to say at their end.
    print("\n".join(lines), flush=True)
    if interrupted:
        return INTERRUPTED
    return 0 if went_well else 1


def _one_run(pipeline: Pipeline, ending: Ending, streams: list[str], play: Callable[[], Any]) -> bool:
    """Whether the run came to its end by itself."""
    pipeline.arm(streams)
    play()
    while not _is_over(pipeline):
        if not ending.pause():
            return False
    return True


def _is_over(pipeline: Pipeline) -> bool:
    try:
        return pipeline.progress().finished
    except (NotReachable, TimedOut):
        # A controller that died is started again; one that is given up is seen by who looks after the processes.
        return False


def _end_ingesters(pipeline: Pipeline, placement: LocalPlacement, screen: Screen) -> None:
    """Let no series that waits begin another run; one that did is written, too."""
    ingesters = placement.layout.ingesters
    for name in ingesters:
        placement.retire(name)
    placement.wait_until(lambda statuses: not ingesters & set(statuses), FINISH_SECONDS)
    _stop_run(pipeline, screen)


def _stop_run(pipeline: Pipeline, screen: Screen) -> None:
    """End the run that goes on, if there is one, and wait until it is written."""
    progress = pipeline.progress()
    if progress.run is None or progress.finished:
        return
    screen.say("the run is stopped; what has arrived is worked off and written")
    try:
        pipeline.stop()
        pipeline.wait(FINISH_SECONDS)
    except PipelineError as error:
        screen.say(str(error))


def _runs(pipeline: Pipeline) -> list[str]:
    """All runs of this pipeline, the oldest first."""
    return [summary.run for summary in reversed(list(pipeline.runs))]
