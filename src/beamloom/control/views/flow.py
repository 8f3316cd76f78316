"""How data flows at this moment: in at the ingesters, out at the reducer, and how long it takes in between.

Policy: asked of the ingesters when somebody looks, and computed from what is noted anyhow; an event costs nothing by it. The lag is that of
the newest event whose result the reducer has taken: from the moment when the last of its packets was read by its ingester to the moment
when the reducer's word of its result was heard. On one machine both times are of one clock. The clock of another machine is set right by
what its signs of life say of it, which is uncertain by the time of the quickest message. What somebody did not answer is not guessed, and
what cannot be, a result before its packet, is not told.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from beamloom.engine.views.chronicle import Took

SECONDS = 2.0
"""Over which rates are told."""
CLOCKS_AGREE = 0.001
"""Seconds to which clocks that are synchronized agree."""
COMPLETE = ("complete", "stopped", "idle")
"""States of streams from which nothing more is to come."""
SUMS = (
    "packets_per_second",
    "bytes_per_second",
    "retained_bytes",
    "retention_limit",
    "retained_packets",
    "spooled_events",
)
"""Of a stream that several ingesters share, the sum of what each says; of all else the largest."""
MAXIMA = ("last_number", "last_event", "packet_bytes", "events_per_second", "complete_until")

Answers = Mapping[str, dict[str, Any] | None]
"""By process id; None of one that has not answered."""


def ask(controller: Any, now: float, reply: Callable[[Callable[[], dict[str, Any]]], None]) -> None:
    """Ask the ingesters; ``reply`` is called once with what makes the whole of their answers, as the API gives it."""
    active = controller.active
    going_on = active is not None and not active.finished
    newest = active.chronicle.newest if going_on else None
    peers = [member.peer for member in controller.ensemble.ingesters]
    controller.inquiries.look(
        None if active is None else active.run.run_id,
        None if newest is None else newest.stop - 1,
        peers,
        now,
        lambda answers: reply(lambda: flow(controller, active, newest, answers)),
    )


def flow(controller: Any, active: Any, newest: Took | None, answers: Answers) -> dict[str, Any]:
    """What is known; ``newest`` is what the reducer had taken last when the ingesters were asked."""
    streams = _streams(controller, answers)
    going_on = active is not None and not active.finished
    wanted = (
        {stream: streams[stream] for stream in active.run.layouts if stream in streams} if going_on else {}
    )
    whole = going_on and len(wanted) == len(active.run.layouts)
    for stream, one in wanted.items():
        # An ingester that has just taken a stream up says 0 until something comes.
        if one["answered"] and (report := active.reports.by_stream.get(stream)) is not None:
            one["complete_until"] = max(one.get("complete_until") or 0, report.complete_until)
    return {
        "run": None if active is None else active.run.run_id,
        "at": time.time(),
        "started_at": None if active is None else active.started_at,
        "finished": active is not None and active.finished,
        "rate_in": _rate_in(wanted) if whole else None,
        "rate_out": active.chronicle.taken_per_second(SECONDS) if going_on else None,
        "lag": _lag(newest, wanted, whole=whole),
        "streams": streams,
    }


def _rate_in(streams: dict[str, dict[str, Any]]) -> float | None:
    if any(not one["answered"] for one in streams.values()):
        return None
    rates = [one["events_per_second"] for one in streams.values() if one["state"] not in COMPLETE]
    return min(rates, default=0.0)


def _lag(newest: Took | None, streams: dict[str, dict[str, Any]], *, whole: bool) -> dict[str, Any]:
    lag: dict[str, Any] = {"seconds": None, "event": None, "seconds_ago": None, "why": None}
    if newest is None:
        return {**lag, "why": "no result has been taken in a run that goes on"}
    event = newest.stop - 1
    lag = {**lag, "event": event, "seconds_ago": max(time.time() - newest.at, 0.0)}
    silent = [stream for stream, one in streams.items() if not one["answered"]]
    if silent or not whole:
        return {
            **lag,
            "why": f"the ingester of {silent[0]} does not answer" if silent else "an ingester is away",
        }
    came = [one["came"] for one in streams.values() if one.get("came") is not None]
    if not came or any(one.get("forgotten") for one in streams.values()):
        return {**lag, "why": f"it is too long ago that the packets of event {event} came"}
    seconds = newest.at - max(came)
    if seconds < -CLOCKS_AGREE:
        return {**lag, "why": "the clocks of the machines are too far apart; synchronize them by NTP"}
    return {**lag, "seconds": max(seconds, 0.0)}


def _streams(controller: Any, answers: Answers) -> dict[str, dict[str, Any]]:
    """By stream, what its ingesters say; the device and the ingesters are known in any case."""
    streams: dict[str, dict[str, Any]] = {}
    for member in controller.ensemble.ingesters:
        answer = answers.get(member.peer)
        told = (answer or {}).get("streams", {})
        for stream, device in member.register.streams.items():
            one = _one(told.get(stream), _ahead(member), member.register.fault)
            one = {"device": device, "ingesters": [member.name], **one}
            streams[stream] = one if stream not in streams else _joined(streams[stream], one)
    return streams


def _ahead(member: Any) -> float:
    """Seconds by which the clock of a process is ahead of this one."""
    here = member.register.host == socket.gethostname()
    return 0.0 if here or member.clock_offset is None else float(member.clock_offset)


def _one(told: dict[str, Any] | None, ahead: float, fault: str | None) -> dict[str, Any]:
    if told is None:
        return {"answered": False, "state": "unknown", "why": "its ingester does not answer", "came": None}
    came = told.get("came")
    at = None if came is None else float(came["at"]) - ahead
    said = {**told, "answered": True, "came": at}
    return {**said, "state": "faulty", "why": fault} if fault is not None else said


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two shares of one stream as one."""
    worse = one if one["state"] != "receiving" else other
    joined = {**other, **one, "state": worse["state"], "why": worse.get("why", "")}
    joined["ingesters"] = [*one["ingesters"], *other["ingesters"]]
    joined["answered"] = one["answered"] and other["answered"]
    joined["layout"] = one.get("layout") or other.get("layout")
    for names, how in ((SUMS, sum), (MAXIMA, max), (("came",), max)):
        for name in names:
            both = [share[name] for share in (one, other) if share.get(name) is not None]
            joined[name] = how(both) if both else None
    both = [
        share["seconds_since_last"] for share in (one, other) if share.get("seconds_since_last") is not None
    ]
    joined["seconds_since_last"] = min(both, default=None)
    return joined
