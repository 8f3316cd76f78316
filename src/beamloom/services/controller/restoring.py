"""From what a store holds to where the controller stood: the checkpoint, and then all that has happened since, once more."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from beamloom.engine.feedback import FeedbackLog
from beamloom.engine.provenance import add_epoch
from beamloom.engine.runs.checkpoint import thaw
from beamloom.engine.runs.inputs import replay
from beamloom.engine.runs.run import Run
from beamloom.services.controller.ended_runs import EndedRun, RunOfAnotherVersion
from beamloom.services.controller.statekeeping import (
    Began,
    Came,
    ControllerState,
    Entry,
    Fed,
    Logged,
    RunPapers,
    Told,
    Went,
    read_state,
)
from beamloom.store import Stored
from beamloom.triggermap import TriggerMap
from beamloom.version import VERSION

logger = logging.getLogger(__name__)


class Restored(msgspec.Struct):
    """Where the controller stood."""

    state: ControllerState
    past: list[EndedRun]
    run: Run | None = None
    """The run that went on, as it stood in the end."""
    papers: RunPapers | None = None
    """Those of that run."""
    written: TriggerMap | None = None
    entries: int = 0
    """How many entries were gone through."""


def restore(stored: Stored) -> Restored:
    """Read and replay. What cannot be read, for instance as another version wrote it, is logged and left out."""
    try:
        state, entries, papers = read_state(stored)
    except msgspec.DecodeError as error:
        logger.error("what the former controller has kept cannot be read (%s); this one begins anew", error)
        return Restored(ControllerState(), [])
    over = [EndedRun(one) for one in papers.values() if one.finished_at is not None and _can_be_listed(one)]
    restored = Restored(state, over, entries=len(entries))
    if state.active is not None and (own := papers.get(state.active.run)) is not None:
        _restore_run(restored, own, entries)
    _replay(state, entries)
    return restored


def _can_be_listed(papers: RunPapers) -> bool:
    if papers.digest is not None:
        return True
    try:
        return bool(EndedRun(papers).digest)
    except RunOfAnotherVersion as error:
        logger.warning("run %s is not in the list of runs any more: %s", papers.run, error)
        return False


def _restore_run(restored: Restored, papers: RunPapers, entries: Iterable[Entry]) -> None:
    active = restored.state.active
    if active is None or papers.finished_at is not None:
        return
    if restored.state.version != VERSION:
        logger.error(
            "run %s was begun by version %s and cannot be gone on with by %s; arm it again",
            papers.run,
            restored.state.version,
            VERSION,
        )
        return
    trigger_map = TriggerMap.from_json(papers.trigger_map, all_wrap=False)
    try:
        run = thaw(active.state, trigger_map)
        replay(run, (entry.body for entry in entries if isinstance(entry, Told)))
    # Whatever it is, each controller that was started would end by it.
    except Exception as error:
        logger.exception("run %s cannot be gone on with: %s; arm it again", papers.run, error)
        return
    restored.run, restored.papers = run, papers
    restored.written = TriggerMap.from_json(papers.written, all_wrap=False)


def _replay(state: ControllerState, entries: Iterable[Entry]) -> None:
    log = None if state.active is None else FeedbackLog(state.active.feedback)
    for entry in entries:
        match entry:
            case Came(peer=peer, register=register):
                state.members[peer] = register
            case Went(peer=peer):
                state.members.pop(peer, None)
            case Began(epoch=epoch, given=given, values=values, record=record):
                state.epoch, state.given = epoch, given
                state.epochs_of_run[epoch] = values
                if record is not None and state.active is not None:
                    replaced = add_epoch(state.active.epochs, record)
                    if replaced is not None:
                        state.epochs_of_run.pop(replaced.epoch, None)
            case Logged(lines=lines):
                state.logs += lines
                state.log_count += len(lines)
            case Fed(run=run, feedback=feedback):
                if log is not None and state.active is not None and state.active.run == run:
                    log.take(feedback[0].number - 1, feedback)
            case Told():
                pass
    if state.active is not None and log is not None:
        state.active.feedback = log.state
