"""The story of an event in lines for people, in the order of time; what has no time comes first or last."""

from __future__ import annotations

from typing import Any, NamedTuple


class Line(NamedTuple):
    """One thing that happened; ``at`` is Unix time (s), None where nobody knows."""

    at: float | None
    text: str


def lines(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a story (see ``event_story``)."""
    happened = [*_packets(told), *_attempts(told)]
    timed = sorted((line for line in happened if line.at is not None), key=lambda line: line.at or 0.0)
    untimed = [line for line in happened if line.at is None]
    every = [*_map(told), *timed, *untimed, *_now(told), *_outcome(told)]
    return [line._asdict() for line in every]


def _map(told: dict[str, Any]) -> list[Line]:
    part = told["part"]
    if part is None:
        where = "the event is behind the last part of the map"
    else:
        where = f"event {part['offset']} of part {part['name']!r}, counted from 0, in its {ordinal(part['round'])} round"
    epoch = "" if told["epoch"] is None else f"; parameter epoch {told['epoch']}"
    return [Line(None, where + epoch)]


_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def ordinal(number: int) -> str:
    """``1st``, ``22nd``, ``113th``."""
    last = 0 if 10 <= number % 100 <= 20 else number % 10
    return f"{number:,}{_ENDINGS.get(last, 'th')}"


def _packets(told: dict[str, Any]) -> list[Line]:
    found: list[Line] = []
    for stream, known in told["streams"].items():
        came, kept, missing = known.get("came"), known.get("kept"), known.get("missing")
        if came is not None:
            number = came.get("number") if kept is None else kept["number"]
            what = f"packet {number}" if number is not None else "a packet without a number"
            size = kept["bytes"] if kept is not None else came.get("bytes")
            weight = f", {size:,} bytes" if size is not None else f", about {came['bytes_about']:,} bytes"
            frames = f" in {kept['frames']} frames" if kept is not None and kept["frames"] > 1 else ""
            held = "; it is still kept" if kept is not None else ""
            found.append(Line(came["at"], f"stream {stream!r}: {what} came{weight}{frames}{held}"))
        elif kept is not None:
            found.append(
                Line(None, f"stream {stream!r}: packet {kept['number']} is kept, {kept['bytes']:,} bytes")
            )
        elif missing is not None:
            found.append(Line(missing["at"], f"no packet for it: {missing['cause']}"))
        elif known.get("passed") is False:
            found.append(
                Line(
                    None,
                    f"stream {stream!r}: its packet has not come; the stream is complete until event {known['complete_until']}",
                )
            )
    return found


def _attempts(told: dict[str, Any]) -> list[Line]:
    found: list[Line] = []
    for one in told["attempts"]:
        worker = one["worker"].partition("@")[0]
        which = f"attempt {one['attempt']}" + (f" of delivery {one['slot']}" if one["slot"] else "")
        streams = "" if one["streams"] is None else f", streams {', '.join(one['streams'])}"
        found.append(Line(one["leased_at"], f"leased to {worker} ({which}{streams})"))
        if one["taken_at"] is not None:
            found.append(Line(one["taken_at"], f"the reducer has taken the result of {worker}"))
        if one["failed_at"] is not None:
            found.append(Line(one["failed_at"], f"user code failed on {worker}: {one['error']}"))
        if one["taken_away_at"] is not None:
            found.append(Line(one["taken_away_at"], f"taken away from {worker}: {one['taken_away_because']}"))
    return found


def _now(told: dict[str, Any]) -> list[Line]:
    """What processes say of it at this moment."""
    found: list[Line] = []
    for name, said in told["processes"].items():
        if said.get("state"):
            since = None if said.get("seconds") is None else told["at"] - said["seconds"]
            found.append(Line(since, f"{name}: {said['state']}"))
    return found


def _outcome(told: dict[str, Any]) -> list[Line]:
    state = told["state"]
    if state == "lost":
        return [Line(None, f"lost: {told['cause'] or 'the cause is not kept'}")]
    if state == "failed":
        said = [f"{one['where']}: {one['error']}: {one['message']}" for one in told["errors"]]
        return [Line(None, f"failed: {'; '.join(said) or 'the error is not kept'}")]
    if state == "reduced":
        return [Line(None, "reduced: its result is in what is published")]
    if state == "assigned":
        return [Line(None, "under way: given out, and neither reduced nor failed nor lost yet")]
    return [Line(None, "to come: it has not been given out yet")]
