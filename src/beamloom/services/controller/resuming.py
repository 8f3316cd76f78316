"""What a controller hands on, and how another one takes it up."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from beamloom.detectors.geometry import Detectors
from beamloom.engine.feedback import Feedback, FeedbackLog
from beamloom.engine.runs.checkpoint import freeze
from beamloom.engine.runs.run import Run
from beamloom.parameters import (
    DUMP_PREFIX,
    Parameter,
    ParameterError,
    encode_value,
    load_parameter_file,
)
from beamloom.recordings.folder import RecordedEpoch
from beamloom.services.controller.active_run import ActiveRun
from beamloom.services.controller.arming import analysis_of
from beamloom.services.controller.ended_runs import EndedRun, EndedRuns, RunOfAnotherVersion
from beamloom.services.controller.ensemble import Ensemble
from beamloom.services.controller.logbook import Logbook
from beamloom.services.controller.outliving import Outliving
from beamloom.services.controller.parameter_epochs import ParameterEpochs
from beamloom.services.controller.recorder import RunRecorder
from beamloom.services.controller.restoring import Restored
from beamloom.services.controller.statekeeping import ActiveState, ControllerState, RunPapers
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Leads, TakeStock

logger = logging.getLogger(__name__)


class Resumable(Protocol):
    """What of a controller is handed on."""

    settings: ControllerSettings
    ensemble: Ensemble
    epochs: ParameterEpochs
    active: ActiveRun | None
    past: EndedRuns
    logbook: Logbook
    run_papers: RunPapers | None
    outliving: Outliving

    def keep_feedback(self, run: str, new: list[Feedback]) -> None:
        """The analysis of a run has said something."""


def snapshot(controller: Resumable) -> ControllerState:
    """All that a new controller has to know."""
    active = controller.active
    going_on = None
    if active is not None and not active.finished:
        run = active.run
        going_on = ActiveState(run.run_id, freeze(run), active.ticks, active.epochs, active.feedback.state)
    return ControllerState(
        controller.epochs.number,
        controller.epochs.parameters.given,
        {member.peer: member.register for member in controller.ensemble},
        controller.epochs.of_run,
        going_on,
        list(controller.logbook.lines),
        controller.logbook.count,
    )


def papers_of(active: ActiveRun) -> RunPapers:
    """What is known of a run now."""
    return RunPapers(
        active.run.run_id,
        active.run.trigger_map.encode(),
        active.written.encode(),
        active.started_at,
        active.finished_at,
        freeze(active.run),
        active.record_prefix,
        list(active.epochs),
        active.digest,
        active.feedback.state,
    )


def put_away(active: ActiveRun) -> EndedRun:
    """What is remembered of a run when the next one begins."""
    return EndedRun(papers_of(active), active.chronicle)


def resume(controller: Resumable, restored: Restored, channel: Channel, now: float) -> None:
    """Stand where the former controller stood, and ask all processes that it knew how they stand."""
    began = time.perf_counter()
    state = restored.state
    controller.past.add(restored.past)
    controller.logbook.go_on(state.logs, state.log_count)
    controller.epochs.number, controller.epochs.of_run = state.epoch, state.epochs_of_run
    if state.given:
        controller.epochs.parameters.set_many(state.given)
    for peer, register in state.members.items():
        controller.ensemble.add(peer, register, now)
        channel.connect(peer, register.address)
        channel.send(peer, Leads(channel.address))
        try:
            descriptions = [Parameter.from_wire(one) for one in register.descriptions]
            controller.epochs.parameters.describe(descriptions, owner=register.name)
        except ParameterError as error:
            logger.error("%s: %s", register.name, error)
    if restored.run is None or restored.papers is None or restored.written is None:
        for member in controller.ensemble:
            channel.send(member.peer, TakeStock(None))
        if (last := controller.past.take_last()) is not None:
            _show_again(controller, last, channel)
    else:
        ticks = {} if state.active is None else state.active.ticks
        log = FeedbackLog(None if state.active is None else state.active.feedback)
        active = ActiveRun(
            restored.run,
            restored.written,
            controller.ensemble,
            channel,
            ticks,
            controller.outliving.flush,
            controller.keep_feedback,
            log,
            controller.settings.feedback_stops,
        )
        active.started_at, active.record_prefix = restored.papers.started_at, restored.papers.record_prefix
        active.epochs = [] if state.active is None else state.active.epochs
        controller.active, controller.run_papers = active, restored.papers
        controller.outliving.witness(restored.run)
        active.take_over(now)
        logger.warning(
            "run %s is gone on with, where another controller was: %d events are settled, %d entries were read in %.2f s",
            restored.run.run_id,
            restored.run.ledger.settled_count,
            restored.entries,
            time.perf_counter() - began,
        )


def _show_again(controller: Resumable, last: EndedRun, channel: Channel) -> None:
    """Whoever waited for the end of the last run is still to see it."""
    try:
        active = ActiveRun(
            last.run,
            last.written,
            controller.ensemble,
            channel,
            {},
            keep_feedback=controller.keep_feedback,
            feedback=last.feedback,
        )
    except RunOfAnotherVersion as error:
        logger.warning("%s", error)
        controller.past.add([last])
        return
    active.started_at, active.finished_at, active.epochs = last.started_at, last.finished_at, last.epochs
    active.record_prefix = last.record_prefix
    controller.active = active


def recorder_of(controller: Resumable, detectors: Detectors) -> RunRecorder | None:
    """What goes on with the files that the former controller wrote of the run that goes on."""
    active, papers = controller.active, controller.run_papers
    if active is None or papers is None or not papers.record_prefix:
        return None
    epochs = [
        RecordedEpoch(one.epoch, one.first_event, controller.epochs.of_run.get(one.epoch, {}))
        for one in active.epochs
    ]
    return RunRecorder(papers.record_prefix, papers.run, active.run.trigger_map, detectors, epochs)


def new_recorder(
    run: Run, epochs: ParameterEpochs, detectors: Detectors, ensemble: Ensemble
) -> RunRecorder | None:
    """What records the map, the classes and the parameters of a run that begins, where that is wanted."""
    if not epochs.record_prefix:
        return None
    recorder = RunRecorder(
        epochs.record_prefix, run.run_id, run.trigger_map, detectors, analysis=analysis_of(ensemble)
    )
    recorder.epoch(epochs.number, 0, epochs.parameters.current)
    return recorder


def initial_values(settings: ControllerSettings) -> dict[str, bytes]:
    """The parameters that hold from the start, where no former controller knows better."""
    values: dict[str, bytes] = {}
    if settings.parameters_file:
        values |= load_parameter_file(settings.parameters_file, allow_pickle=True)
    values |= {name: encode_value(name, value) for name, value in settings.parameters.items()}
    if settings.record_prefix:
        values.setdefault(DUMP_PREFIX.name, settings.record_prefix.encode())
    return values
