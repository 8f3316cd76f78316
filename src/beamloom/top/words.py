"""Numbers and states as people read them; what is not known is a dash."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from beamloom.client import Progress
from beamloom.doctor.finding import span
from beamloom.top.history import Moment
from beamloom.top.look import Finding, Layout, Stream, StreamFlow

UNKNOWN = "–"


class Tone(StrEnum):
    """What a sentence means; each is told by a word and a colour."""

    GOOD = "well"
    WARNING = "warning"
    TROUBLE = "trouble"
    IDLE = "idle"
    UNKNOWN = "unknown"


class Say(NamedTuple):
    """A sentence on how things are, and one on what to do."""

    tone: Tone
    text: str
    todo: str = ""
    note: str = ""
    """What is over, and somebody may want to know."""


def count(number: int | None) -> str:
    """``1,234``."""
    return UNKNOWN if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """``1 event``, ``2,000 events``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def rate(number: float | None) -> str:
    """With three digits that count: ``0.25``, ``12.5``, ``1,250``."""
    if number is None:
        return UNKNOWN
    digits = 0 if number >= 100 or number == 0 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f}"


def percent(share: float | None) -> str:
    """``34 %``; what is not quite all is never 100 %."""
    if share is None:
        return UNKNOWN
    return "99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def capital(text: str) -> str:
    """The same with a capital letter and an end, as a sentence."""
    whole = text[:1].upper() + text[1:]
    return whole if not whole or whole.endswith((".", "!", "?")) else f"{whole}."


def health(moment: Moment) -> Say:
    """How things are. Well is said only of a pipeline that answers, in which nothing is wrong but what is over."""
    said = _now(moment)
    notes = [finding for finding in _findings(moment) if finding.gravity == "note"]
    return said._replace(note=capital(notes[0].what)) if notes and not said.todo else said


def _now(moment: Moment) -> Say:
    look = moment.look
    if moment.away is not None:
        since = "" if moment.away_since is None else f" for {span(moment.now - moment.away_since)}"
        shown = "" if look is None else " What is shown is how things were."
        return Say(
            Tone.UNKNOWN, f"No answer{since}: {capital(moment.away)}{shown}", "It is asked again and again."
        )
    if look is None:
        return Say(Tone.UNKNOWN, f"Asking the controller at {moment.address}")
    wrong = [finding for finding in _findings(moment) if finding.gravity != "note"]
    if wrong:
        worst = next((finding for finding in wrong if finding.gravity == "trouble"), wrong[0])
        more = f" And {len(wrong) - 1} more: see 'beamloom doctor'." if len(wrong) > 1 else ""
        tone = Tone.TROUBLE if worst.gravity == "trouble" else Tone.WARNING
        return Say(tone, capital(worst.what) + more, capital(worst.do))
    progress = look.progress
    if progress.run is None:
        return Say(Tone.IDLE, "Ready: no run has been armed yet.")
    amiss = progress.failed + progress.lost
    if amiss:
        verb = "is" if amiss == 1 else "are"
        return Say(Tone.WARNING, f"{counted(amiss, 'event')} of this run {verb} not in the result.")
    if not progress.finished:
        return Say(Tone.GOOD, "All is well.")
    if progress.stopped:
        return Say(Tone.IDLE, f"The run ended early: {capital(progress.stopped)}")
    return Say(Tone.GOOD, "The run is complete: every event is in the result.")


def _findings(moment: Moment) -> list[Finding]:
    return [] if moment.look is None or moment.away is not None else moment.look.doctor.findings


def left(moment: Moment) -> str | None:
    """How long the run takes from now on, as far as anybody can know; None where it has ended or its end is open."""
    if moment.look is None or moment.away is not None:
        return None
    progress, speed = moment.look.progress, moment.pace
    if progress.finished or progress.total_events is None or not speed:
        return None
    return span((progress.total_events - progress.completed_events) / speed)


def milliseconds(seconds: float | None) -> str:
    """``6.3 ms``, ``340 ms``; ten seconds and more as ``12 s``."""
    if seconds is None:
        return UNKNOWN
    number = 1000 * seconds
    return span(seconds) if seconds >= 10 else f"{number:.1f} ms" if number < 10 else f"{number:,.0f} ms"


def in_result(progress: Progress) -> str:
    """The share of the events that are settled which the result has; never rounded up to all."""
    settled = progress.reduced + progress.failed + progress.lost
    if not settled:
        return UNKNOWN
    if progress.reduced == settled:
        return "100 %"
    return f"{min(99.9, math.floor(1000 * progress.reduced / settled) / 10):.1f} %"


STATES = {
    "receiving": (Tone.GOOD, "receiving"),
    "connected": (Tone.GOOD, "connected"),
    "complete": (Tone.IDLE, "all packets are here"),
    "stopped": (Tone.IDLE, "not read any more"),
    "idle": (Tone.IDLE, "no run reads it"),
    "connecting": (Tone.WARNING, "connecting"),
    "silent": (Tone.WARNING, "silent"),
    "full": (Tone.WARNING, "full"),
    "disconnected": (Tone.TROUBLE, "not connected"),
    "faulty": (Tone.TROUBLE, "cannot be opened"),
    "unknown": (Tone.TROUBLE, "not known"),
}
"""States of streams, and how they are told."""


def stream_says(flow: StreamFlow, stream: Stream | None, now: float) -> tuple[Tone, str]:
    """How a stream is, and what was unusual in it."""
    tone, text = STATES.get(flow.state, (Tone.WARNING, flow.state))
    if stream is not None and stream.stalled:
        since = "" if stream.silent_since is None else f" for {span(now - stream.silent_since)}"
        tone, text = Tone.TROUBLE, f"stalled{since}"
    elif flow.state == "silent" and flow.seconds_since_last:
        text = f"{text} for {span(flow.seconds_since_last)}"
    if flow.why and tone in (Tone.WARNING, Tone.TROUBLE):
        text = f"{text}: {flow.why}"
    said = [] if stream is None else unusual(stream)
    if said and tone in (Tone.GOOD, Tone.IDLE):
        tone = Tone.WARNING
    return tone, "; ".join([text, *said])


def carries(layout: Layout | None) -> str:
    """``256 × 256 uint16``, or the names of its values."""
    if layout is None:
        return UNKNOWN
    if layout.problem:
        return "cannot be read"
    if layout.shape is not None:
        return f"{' × '.join(map(str, layout.shape)) or 'one value'} {layout.dtype}"
    return ", ".join(layout.fields or []) or "no values"


def unusual(stream: Stream) -> list[str]:
    """What was unusual in a stream, each in a few words."""
    said = []
    for number, words in (
        (stream.gaps, "missing"),
        (stream.dropped, "given up"),
        (stream.malformed, "unreadable"),
        (stream.duplicates, "came twice"),
        (stream.late, "late"),
        (stream.reordered, "put in order"),
        (stream.restarts, "times begun anew"),
        (stream.reconnects, "times reconnected"),
    ):
        if number:
            said.append(f"{number:,} {words}")
    return said
