"""The trigger map of a run as a picture: which event is where, in columns for the dashboard and for scripts.

Policy: in the controller's thread what is needed is only copied; the picture is made beside it. A run that has ended does not change any
more, and is unpacked beside it, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from beamloom.control.asking import BadRequest
from beamloom.control.views.run_records import record_of
from beamloom.engine.views.glimpse import Glimpse, WholeGlimpse, glimpse, newest, whole_glimpse, within_run
from beamloom.engine.views.overview import overview
from beamloom.engine.views.weave import Packets, Stage, weave
from beamloom.triggermap import RESERVED_PART, Excerpt, excerpts

USUAL_EVENTS = 200
MOST_EVENTS = 4096
MOST_WITH_WORDS = 1024
"""Of more events it is not said who is to see each packet."""
MOST_BINS = 1024
MOST_MARKS = 200
LAST_EVENT = 2**53
STAGE_NAMES = tuple(stage.name.lower() for stage in Stage)
PACKET_NAMES = tuple(kind.name.lower() for kind in Packets)


class WeaveRow(msgspec.Struct):
    """One stream."""

    stream: str
    complete_until: int
    """Of every event before this one, the packet has come or is known to be missing."""
    packets: list[int]
    """Per event a place in ``packet_names``."""
    wanted_by: list[int]
    """Per event a place in ``virtual_workers``, -1 for none; empty where more than 1024 events are asked for."""


class WeaveWorker(msgspec.Struct):
    """One worker, or a former life of one."""

    name: str
    id: str
    gone: str | None
    """Why it is gone; null as long as it is not."""


class WeaveDeliveries(msgspec.Struct):
    """The deliveries of the events that several workers see, in columns."""

    event: list[int] = []
    worker: list[int] = []
    attempt: list[int] = []
    streams: list[int] = []
    """Places in ``stream_sets``; -1: all streams that are wanted."""


class WeaveMark(msgspec.Struct):
    """Something that begins with an event: a part of the map, or an epoch of the parameters."""

    event: int
    kind: str
    text: str


class WeaveOverview(msgspec.Struct):
    """The whole run in bins: how many events of each are in which state; bin i ends before ``edges[i + 1]``."""

    edges: list[int]
    reduced: list[int]
    failed: list[int]
    lost: list[int]
    assigned: list[int]
    pending: list[int]
    again: list[int]
    """Given out more than once, as far as that is remembered."""


class RunWeave(msgspec.Struct):
    """Some events of a run in columns: entry i is event ``first + i``."""

    run: str | None = None
    at: float = 0.0
    """Unix time (s)."""
    over: bool = False
    total_events: int | None = 0
    assigned_until: int = 0
    settled_until: int = 0
    first: int = 0
    stop: int = 0
    stage_names: tuple[str, ...] = STAGE_NAMES
    stages: list[int] = []
    """Per event a place in ``stage_names``."""
    workers: list[WeaveWorker] = []
    worker: list[int] = []
    """Per event the worker that had it last, a place in ``workers``; -1: nobody yet, or not remembered."""
    attempt: list[int] = []
    """Per event how often it was given out; 0 where nobody had it yet, or that is not remembered."""
    reasons: list[str] = []
    reason: list[int] = []
    """Per event why it failed or was lost, a place in ``reasons``; -1 for none."""
    deliveries: WeaveDeliveries = msgspec.field(default_factory=WeaveDeliveries)
    stream_sets: list[list[str]] = []
    packet_names: tuple[str, ...] = PACKET_NAMES
    rows: list[WeaveRow] = []
    virtual_workers: list[str] = []
    marks: list[WeaveMark] = []
    unusual_before: int | None = None
    """Where the last events before the window begin that have failed, are lost, or were given out again."""
    unusual_after: int | None = None
    """The same of the next ones behind it."""
    overview: WeaveOverview | None = None


NOTHING = RunWeave()
"""Before the first run."""


class Wanted(NamedTuple):
    """What is asked for."""

    run: str
    first: int | None
    """None: the newest events."""
    events: int
    bins: int
    """0: no overview."""


class Look(NamedTuple):
    """What was copied of a run, for its picture."""

    run: str
    over: bool
    events: Glimpse
    whole: WholeGlimpse | None
    epochs: list[tuple[int, int]]
    """First event and number of each epoch of the parameters."""


def wanted(query: Any) -> Wanted:
    """What an address asks for. Raises BadRequest."""
    return Wanted(
        query.get("run", ""),
        None if "from" not in query else _number(query, "from", 0, 0, LAST_EVENT),
        _number(query, "count", USUAL_EVENTS, 1, MOST_EVENTS),
        _number(query, "bins", 0, 0, MOST_BINS),
    )


def _number(query: Any, name: str, usual: int, least: int, most: int) -> int:
    text = str(query.get(name, usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise BadRequest(f"{name} is a whole number from {least} to {most}, not {text!r:.40}")
    return int(text)


def find(controller: Any, asked: Wanted) -> Any:
    """The run that is asked for: what was copied of it, or, where it has ended, its record, which ``picture`` takes as well.

    None where there was no run yet. Raises NoSuchEvent for any other run that is not there.
    """
    if asked.run in ("", "last") and controller.active is None and not controller.past:
        return None
    record = record_of(controller, asked.run)
    return look(record, asked) if record is controller.active else record


def look(record: Any, asked: Wanted) -> Look:
    """What a picture of this run needs."""
    run, chronicle = record.run, getattr(record, "chronicle", None)
    first, stop = (
        newest(run, asked.events) if asked.first is None else within_run(run, asked.first, asked.events)
    )
    return Look(
        run.run_id,
        record.finished_at is not None,
        glimpse(run, chronicle, first, stop),
        whole_glimpse(run, chronicle) if asked.bins else None,
        [(epoch.first_event, epoch.epoch) for epoch in getattr(record, "epochs", [])],
    )


def picture(found: Any, asked: Wanted) -> RunWeave:
    """The answer; takes milliseconds, and is not to be called where somebody waits for leases."""
    if found is None:
        return NOTHING
    seen = found if isinstance(found, Look) else look(found, asked)
    events, one = seen.events, weave(seen.events, with_words=asked.events <= MOST_WITH_WORDS)
    whole = None if seen.whole is None else overview(seen.whole, asked.bins)
    return RunWeave(
        run=seen.run,
        at=time.time(),
        over=seen.over,
        total_events=events.total,
        assigned_until=events.assigned_until,
        settled_until=events.settled_until,
        first=one.first,
        stop=one.stop,
        stages=one.stages,
        workers=[WeaveWorker(peer.partition("@")[0], peer, one.gone.get(peer)) for peer in one.workers],
        worker=one.worker,
        attempt=one.attempt,
        reasons=one.reasons,
        reason=one.reason,
        deliveries=WeaveDeliveries(**vars(one.deliveries)),
        stream_sets=[list(streams) for streams in one.stream_sets],
        rows=[
            WeaveRow(stream, events.complete_until[stream], row, one.wanted[stream] or [])
            for stream, row in one.rows.items()
        ],
        virtual_workers=one.virtual_workers,
        marks=sorted(_marks(seen), key=lambda mark: mark.event)[:MOST_MARKS],
        unusual_before=one.unusual_before,
        unusual_after=one.unusual_after,
        overview=None if whole is None else WeaveOverview(**vars(whole)),
    )


def _marks(seen: Look) -> Iterator[WeaveMark]:
    events = seen.events
    for excerpt in excerpts(events.trigger_map, events.first, events.stop, events.total):
        if excerpt.first != events.first or excerpt.first == 0:
            yield WeaveMark(excerpt.first, "part", _part_words(excerpt))
    for event, number in seen.epochs:
        if max(events.first, 1) <= event < events.stop:
            yield WeaveMark(event, "epoch", f"the parameters of epoch {number} hold from here on")


def _part_words(excerpt: Excerpt) -> str:
    if excerpt.part != RESERVED_PART:
        return f"part {excerpt.part!r} begins"
    return "the start event" if excerpt.first == 0 else "the end event"
