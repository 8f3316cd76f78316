"""The story of one event: what the controller knows and remembers of it, and what the other processes say when they are asked.

Policy: what is certain comes from the ledger, the map and the epochs, for every event of a run. The way there is remembered for a while
only; what nobody knows any more is said in ``unknown``, and nothing is guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from beamloom.control.views.run_records import NoSuchEvent, record_of
from beamloom.control.views.story_lines import lines
from beamloom.control.views.waits import waits_of
from beamloom.engine.runs.run import Run
from beamloom.engine.views.chronicle import Chronicle, Past
from beamloom.engine.views.glimpse import given
from beamloom.triggermap import RESERVED_PART, Cell, TriggerMap

Answers = dict[str, dict[str, Any] | None]
"""What processes have answered, by their ids; None of one that has not."""


def ask(
    controller: Any,
    run_id: str,
    event: int,
    now: float,
    reply: Callable[[Callable[[], dict[str, Any]]], None],
) -> None:
    """Begin to find out the story; ``reply`` is called once with what makes it of the answers. Raises NoSuchEvent.

    ``run_id`` may be the beginning of an id; empty: the run that goes on, or the last one.
    """
    record = record_of(controller, run_id)
    total = record.run.ledger.total
    if event < 0 or (total is not None and event >= total):
        raise NoSuchEvent(f"run {record.run.run_id} has no event {event}: it has {total} events, from 0")
    if record.finished_at is not None:
        told = story(controller, record, event, {})
        reply(lambda: told)
        return
    peers = [member.peer for member in controller.ensemble]
    controller.inquiries.begin(
        record.run.run_id,
        event,
        peers,
        now,
        lambda answers: reply(lambda: story(controller, record, event, answers)),
    )


def story(controller: Any, record: Any, event: int, answers: Answers) -> dict[str, Any]:
    """All that is known, as data and as lines in the order of time."""
    run = record.run
    chronicle: Chronicle | None = getattr(record, "chronicle", None)
    past = Past([], [], [], {}, []) if chronicle is None else chronicle.of(event)
    told: dict[str, Any] = {
        "run": run.run_id,
        "event": event,
        "at": time.time(),
        "over": record.finished_at is not None,
        **_outcome(run, event),
        **_place(run, event),
        **_epoch(record, event),
        "streams": _streams(run, event, answers, past),
        "attempts": _attempts(run, event, past),
        "processes": {
            member.name: _said(member, event, answers)
            for member in controller.ensemble
            if member.peer in answers
        },
    }
    told["unknown"] = _unknown(run, event, told, chronicle)
    told["story"] = lines(told)
    return told


def _outcome(run: Any, event: int) -> dict[str, Any]:
    ledger = run.ledger
    state = (
        "reduced" if event in ledger.reduced
        else "failed" if event in ledger.failed
        else "lost" if event in ledger.lost
        else "assigned" if event < ledger.assigned_until
        else "pending"
    )  # fmt: skip
    return {
        "state": state,
        "cause": next((loss.cause for loss in ledger.losses if loss.first <= event < loss.stop), None),
        "errors": [
            {
                "where": group.failure.where,
                "error": group.failure.error,
                "message": group.failure.message,
                "traceback": group.failure.traceback,
            }
            for group in run.faults.groups
            if event in group.events
        ],
    }


def _place(run: Any, event: int) -> dict[str, Any]:
    """Where it is in the map, and what the map wants of each stream."""
    trigger_map, total = run.trigger_map, run.ledger.total
    if trigger_map.total_events is None and trigger_map.wrapped and event + 1 == total:
        # An endless map has no number for its end event, which is as the start event is.
        part = {"name": RESERVED_PART, "round": 2, "offset": 0}
        return {"part": part, "wanted": _wanted(trigger_map, 0)}
    try:
        place = trigger_map.locate(event)
    except IndexError:
        return {"part": None, "wanted": {}}
    part = {"name": place.part, "round": place.round, "offset": place.offset}
    return {"part": part, "wanted": _wanted(trigger_map, event)}


def _wanted(trigger_map: TriggerMap, event: int) -> dict[str, str]:
    return {stream: _words(trigger_map.cell(stream, event)) for stream in trigger_map.streams}


def _words(cell: Cell) -> str:
    """Who is to see a packet, in words."""
    if cell is None:
        return "no packet"
    if not cell:
        return "a packet that nobody wants"
    return ", ".join(
        ("all workers" if one.constraint is None else f"constraint {one.constraint}")
        + f" with {', '.join(sorted(one.tags)) or 'any tags'}"
        for one in cell
    )


def _epoch(record: Any, event: int) -> dict[str, Any]:
    epochs = [epoch for epoch in getattr(record, "epochs", []) if epoch.first_event <= event]
    if not epochs:
        return {"epoch": None, "parameters": None}
    last = max(epochs, key=lambda epoch: (epoch.first_event, epoch.epoch))
    return {"epoch": last.epoch, "parameters": last.values}


def _streams(run: Any, event: int, answers: Answers, past: Past) -> dict[str, Any]:
    """What the ingesters say of the packets; where several share a stream, what the one says that has had it."""
    streams: dict[str, Any] = {stream: {"passed": None} for stream in run.layouts}
    for answer in answers.values():
        for stream, known in (answer or {}).get("streams", {}).items():
            found = streams.setdefault(stream, {"passed": None})
            if found.get("came") is None or known.get("came") is not None:
                found.update(known)
                if (came := found.get("came")) is not None:
                    heard_at = float((answer or {}).get("heard_at", time.time()))
                    found["came"] = {**came, "at": heard_at - came["seconds_ago"]}
    for stream, found in streams.items():
        missed = [one for one in past.missed if f"'{stream}'" in one.loss.cause]
        if missed:
            found["missing"] = {"at": missed[-1].at, "cause": missed[-1].loss.cause}
    return streams


def _attempts(run: Run, event: int, past: Past) -> list[dict[str, Any]]:
    """Its leases, but for those as an event of an open-ended run that the run then never had."""
    attempts = []
    for one in given(past.leases, run.cut_at):
        if not one.first <= event < one.stop:
            continue
        lease, span = one.lease, one.lease.span
        lost = past.lost.get(span.worker)
        took = [end for end in past.taken if (end.worker, end.slot) == (span.worker, span.slot)]
        fell = [end for end in past.failures if (end.worker, end.slot) == (span.worker, span.slot)]
        ended = bool(took or fell)
        attempts.append(
            {
                "attempt": one.times,
                "slot": span.slot,
                "worker": span.worker,
                "streams": None if span.streams is None else list(span.streams),
                "epoch": span.epoch,
                "leased_at": lease.at,
                "together": span.count,
                "taken_at": took[-1].at if took else None,
                "failed_at": fell[-1].at if fell else None,
                "error": fell[-1].error if fell else None,
                "taken_away_at": lost.at if lost is not None and not ended else None,
                "taken_away_because": lost.cause if lost is not None and not ended else None,
            }
        )
    return attempts


def _said(member: Any, event: int, answers: Answers) -> dict[str, Any]:
    answer = answers.get(member.peer)
    known = {key: value for key, value in (answer or {}).items() if key not in ("streams", "heard_at")}
    for wait in waits_of(member):
        # Who is in user code cannot answer, but has said so with its last sign of life.
        if answer is None and wait.what == "user code":
            if wait.about == str(event):
                state = "it is in user code with this event"
                known = {"state": state, "seconds": time.time() - wait.since}
            else:
                known = {"busy": f"it is in user code with event {wait.about}"}
    return {"role": member.role, "answered": answer is not None, **known}


def _unknown(run: Any, event: int, told: dict[str, Any], chronicle: Chronicle | None) -> list[str]:
    """What the story cannot tell, in sentences."""
    missing: list[str] = []
    if told["over"]:
        missing.append("the run is over: its packets are not kept any more, and nobody was asked about them")
    given_out = event < run.last_assigned
    if given_out and not told["attempts"]:
        since = "" if chronicle is None else f" (the latest {chronicle.leases:,} leases are)"
        missing.append(f"who had the event and when is not remembered any more{since}")
    if told["epoch"] is None:
        missing.append("which parameters held is not remembered any more")
    for name, said in told["processes"].items():
        if not said["answered"]:
            busy = f" ({said['busy']})" if "busy" in said else ""
            missing.append(f"{name} did not answer within a second{busy}: what it knows is missing here")
    for stream, known in told["streams"].items():
        if known.get("passed") and known.get("came") is None and "missing" not in known:
            first = known.get("remembered_from")
            since = "nothing" if first is None else f"the packets of events from {first} on"
            missing.append(
                f"when the packet of stream {stream!r} came is not remembered any more ({since} is)"
            )
    return missing
