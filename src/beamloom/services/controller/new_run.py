"""A new run, made for the processes that are there, or the reasons why it cannot be."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from beamloom.engine.accounts.budget import Budget
from beamloom.engine.runs.parts import RunSettings
from beamloom.engine.runs.run import Run
from beamloom.services.controller.arming import ArmingRefused, takes_part
from beamloom.services.controller.detectors import in_streams
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.sharing import ingesters_of, part_of, problems
from beamloom.services.controller.updating import first_edition
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap


def checked_map(written: TriggerMap, ensemble: Ensemble, settings: ControllerSettings) -> TriggerMap:
    """The map ``written`` in terms of streams, where these processes can run it. Raises ArmingRefused or TriggerMapError."""
    tags = [worker.register.tags for worker in ensemble.staying]
    trigger_map = in_streams(written, settings.detectors, list(ensemble.streams), tags)
    if ensemble.reducer is None:
        raise ArmingRefused("there is no reducer; start one with 'beamloom reducer'")
    faults = [
        f"{one.name}: {one.register.fault}"
        for one in participants(trigger_map, ensemble)
        if one.register.fault
    ]
    faults += problems(ensemble, trigger_map.streams)
    if faults:
        raise ArmingRefused("the run was not armed: " + "; ".join(faults))
    return trigger_map


def participants(trigger_map: TriggerMap, ensemble: Ensemble) -> Sequence[Member]:
    """The processes that have to confirm a run."""
    return [member for member in ensemble if takes_part(member, trigger_map)]


def new_run(
    trigger_map: TriggerMap,
    ensemble: Ensemble,
    settings: ControllerSettings,
    now: float,
    budget: Budget | None = None,
    idle_limit: float | None = None,
) -> Run:
    """A run of ``trigger_map``, which names streams alone, with an id of its own; what is None is as in the settings."""
    times = RunSettings(
        settings.lookahead_seconds,
        settings.straggler_timeout,
        share_grace=settings.share_grace,
        reducer_timeout=settings.reducer_timeout,
        budget=budget or Budget.of(settings.max_failed, stop=settings.on_max_failed == "stop"),
        idle_limit=settings.idle_limit if idle_limit is None else idle_limit,
        ingester_timeout=settings.ingester_timeout,
        stateful=any(worker.register.stateful for worker in ensemble.staying),
    )
    run = Run(str(uuid.uuid4()), trigger_map, times, now)
    run.begin_edition(first_edition(ensemble))
    for stream in run.layouts:
        members = ingesters_of(ensemble, stream)
        if len(members) > 1:
            peers = [member.peer for member in members]
            run.share_out(stream, peers, now, in_turn=part_of(members[0], stream).in_turn)
    return run
