"""Checks of streams: devices that are silent or away, packets that somebody else takes, maps that do not fit the data, full memory."""

from __future__ import annotations

from collections.abc import Iterator

from beamloom.doctor.finding import Finding, Gravity, span
from beamloom.doctor.situation import LossView, ProcessView, Situation, StreamView, Wait

STOLEN = "another client takes them"
"""What the engine says of gaps in a steady rhythm."""
STOPPED = "the run was stopped: "
"""What the loss of events begins with which were cut off by somebody's word, not by a fault."""
SHORT = ("ended early", "fell silent")
"""What it says of a series that was shorter than the map."""
ROOM_PATIENCE = 2.0
"""Seconds for which a full memory is everyday life."""


def _waits(now: Situation, what: str) -> Iterator[tuple[ProcessView, Wait]]:
    for process in now.processes:
        for wait in process.waits:
            if wait.what == what:
                yield process, wait


def stalled(now: Situation) -> Iterator[Finding]:
    """A stream has no packet for longer than its limit."""
    if now.running is None:
        return
    for process, wait in _waits(now, "device"):
        others = [
            other
            for one, other in _waits(now, "device")
            if other.about == wait.about and one.name != process.name
        ]
        if not wait.stalled or not all(other.stalled for other in others):
            continue
        stream = next(
            (one for one in now.running.streams if one.name == wait.about), StreamView(name=wait.about)
        )
        came = stream.packets
        if "connect" in wait.why or "listens" in wait.why:
            yield Finding(
                "device-away",
                wait.about,
                f"the device of stream {wait.about!r} is not connected: {wait.why}",
                "see that the device is switched on and sends to this address; the stream goes on by itself when it is there again",
                wait.since,
            )
        elif stream.discarded and not came:
            yield Finding(
                "beginning-missed",
                wait.about,
                f"stream {wait.about!r} has sent {stream.discarded:,} messages of a series whose beginning did not come here: "
                "nothing of it is taken",
                "begin the series again, after the run is armed; if it was armed before the series, another program that is connected "
                "to the device has taken the beginning: find it (a second pipeline, a viewer, a forgotten 'beamloom probe') and end it",
                wait.since,
            )
        else:
            so_far = f"after {came:,} packets" if came else "not one since the run was armed"
            yield Finding(
                "stream-stalled",
                wait.about,
                f"stream {wait.about!r} is stalled: no packet for {span(now.now - wait.since)}, {so_far}, though the device is connected",
                "see whether the device is triggered and acquires; if the scan is over, end the run by POST /api/v1/stop, "
                "or give runs an idle_limit",
                wait.since,
            )


def stolen(now: Situation) -> Iterator[Finding]:
    """A second consumer takes packets of a stream."""
    for loss in _losses(now):
        if STOLEN in loss.cause:
            yield Finding(
                "packets-stolen",
                _stream_in(loss.cause),
                f"{loss.cause.partition(';')[0]} ({loss.count:,} events lost: {loss.events})",
                "find the other program that is connected to this device (a second pipeline, a viewer, "
                "a forgotten 'beamloom probe') and end it",
            )


def lengths(now: Situation) -> Iterator[Finding]:
    """The map and the data have different lengths."""
    run = now.run
    if run is None:
        return
    for stream in run.streams:
        if stream.surplus:
            yield Finding(
                "map-too-short",
                stream.name,
                f"the map is shorter than the data: stream {stream.name!r} sent {stream.surplus:,} packets behind the last event "
                f"of the map, {_events(run.total_events)}; they are in no event",
                "arm as many events as the scan has points, or a part with 'repeat': null",
                gravity=Gravity.WARNING,
            )
    for loss in run.losses:
        if any(words in loss.cause for words in SHORT):
            yield Finding(
                "map-too-long",
                _stream_in(loss.cause),
                f"the map is longer than the data: {loss.cause} ({loss.count:,} events lost: {loss.events})",
                "arm as many events as the device sends, or a part with 'repeat': null, whose end the devices tell",
            )
    behind = [stream for stream in run.streams if not stream.ended and not stream.stopped]
    over = [stream for stream in run.streams if stream.ended]
    if over and behind and not run.finished:
        missing = [
            wait for _, wait in _waits(now, "device") if wait.about in {stream.name for stream in behind}
        ]
        for wait in missing:
            yield Finding(
                "streams-apart",
                wait.about,
                f"stream {over[0].name!r} has ended its series and stream {wait.about!r} has not: its packets are waited for",
                "it is waited for straggler_timeout seconds, then what is missing is lost; "
                "see that all devices get the same number of triggers",
                wait.since,
                Gravity.WARNING,
            )


def full(now: Situation) -> Iterator[Finding]:
    """The retention of a stream is full, so that its device is not read."""
    for process, wait in _waits(now, "room"):
        if now.now - wait.since >= ROOM_PATIENCE or wait.stalled:
            yield Finding(
                "retention-full",
                wait.about,
                f"stream {wait.about!r} is not read: {process.name} keeps as much as it may, {wait.why}",
                "the workers or the reducer are slower than the device: see what they wait for below, start more workers, "
                "or give the ingester more retention_bytes",
                wait.since,
                Gravity.WARNING,
            )


def skipped(now: Situation) -> Iterator[Finding]:
    """Events are lost for other causes."""
    for loss in _losses(now):
        if STOLEN in loss.cause or any(words in loss.cause for words in SHORT):
            continue
        if loss.cause.startswith(STOPPED):
            yield _cut_short(loss)
            continue
        run = "last" if now.run is None else now.run.run
        first = loss.events.partition(",")[0].partition("-")[0]
        yield Finding(
            "events-lost",
            _stream_in(loss.cause),
            f"{loss.count:,} {'event is' if loss.count == 1 else 'events are'} lost ({loss.events}): {loss.cause}",
            f"the cause names the stream and what it did; 'beamloom explain {run[:8]} {first}' tells the story of "
            f"{'it' if loss.count == 1 else 'the first of them'}",
            gravity=Gravity.WARNING,
        )


def _cut_short(loss: LossView) -> Finding:
    return Finding(
        "run-cut-short",
        "",
        f"{loss.cause}; {loss.count:,} {'event' if loss.count == 1 else 'events'} ({loss.events}) had not come from all streams by then",
        "nothing, if that was meant",
        gravity=Gravity.NOTE,
    )


def _losses(now: Situation) -> tuple[LossView, ...]:
    return () if now.run is None else now.run.losses


def _events(total: int | None) -> str:
    return "which has an open end" if total is None else f"which has {total:,} events"


def _stream_in(cause: str) -> str:
    """The stream that the engine names in a cause; empty where it names none."""
    _, quote, rest = cause.partition("stream '")
    return rest.partition("'")[0] if quote else ""
