"""One live run of real sources through the services of a pipeline, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.devices.device import Source
from beamloom.events import Event, Result
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import TriggerMap


class Outcome:
    """How a run ended: so many events reduced, failed and lost, what the worker made of each, and the run itself."""

    def __init__(self, active: ActiveRun, results: dict[int, Any]) -> None:
        ledger = active.run.ledger
        self.counts = (len(ledger.reduced), len(ledger.failed), len(ledger.lost))
        self.results = results
        self.active = active


def run_through(
    sources: Mapping[str, Callable[[], Source]],
    trigger_map: TriggerMap,
    look: Callable[[Event], Any],
    while_it_runs: Callable[[], object] = lambda: None,
    after_step: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run ``trigger_map`` with one worker that returns ``look(event)``. ``while_it_runs`` is called once, when the run is armed."""

    class Looking:
        def process_event(self, event: Event) -> Any:
            return look(event)

    class Keeping:
        def __init__(self) -> None:
            self.publish: dict[str, Any] = {"results": {}}

        def process_result(self, result: Result) -> None:
            self.publish["results"][result.event_number] = result.payload

    analysis = ReducerAnalysis(Keeping)
    workers = [InlineWorker("worker-1", ("generic",), lambda: Map(Looking))]
    with InlinePipeline(sources, workers, lambda: analysis) as pipeline:
        active = pipeline.arm(trigger_map)
        while_it_runs()
        while not active.finished:
            pipeline.step()
            after_step()
        return Outcome(active, dict(analysis.publish["results"]))
