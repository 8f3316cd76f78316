"""Numbers and states as people read them; what is not known is a dash."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from beamloom.doctor.finding import span
from beamloom.top.history import Moment
from beamloom.top.look import Stream

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
    """How things are. Well is said only of a pipeline that answers, in which nothing is wrong."""
    look = moment.look
    if moment.away is not None:
        since = "" if moment.away_since is None else f" for {span(moment.now - moment.away_since)}"
        shown = "" if look is None else " What is shown is how things were."
        return Say(
            Tone.UNKNOWN, f"No answer{since}: {capital(moment.away)}{shown}", "It is asked again and again."
        )
    if look is None:
        return Say(Tone.UNKNOWN, f"Asking the controller at {moment.address}")
    grave = sorted(look.doctor.findings, key=lambda finding: finding.gravity != "trouble")
    if grave:
        more = f" And {len(grave) - 1} more: see 'beamloom doctor'." if len(grave) > 1 else ""
        tone = Tone.TROUBLE if grave[0].gravity == "trouble" else Tone.WARNING
        return Say(tone, capital(grave[0].what) + more, capital(grave[0].do))
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


def left(moment: Moment) -> str | None:
    """How long the run takes from now on, as far as anybody can know; None where it has ended or its end is open."""
    if moment.look is None or moment.away is not None:
        return None
    progress, speed = moment.look.progress, moment.pace.events_out
    if progress.finished or progress.total_events is None or not speed:
        return None
    return span((progress.total_events - progress.completed_events) / speed)


def unusual(stream: Stream, now: float) -> list[str]:
    """What was unusual in a stream, each in a few words."""
    said = []
    if stream.stalled:
        since = "" if stream.silent_since is None else f" for {span(now - stream.silent_since)}"
        said.append(f"stalled{since}")
    for number, words in (
        (stream.gaps, "missing"),
        (stream.dropped, "dropped"),
        (stream.malformed, "malformed"),
        (stream.duplicates, "duplicate"),
        (stream.late, "late"),
        (stream.reordered, "out of order"),
    ):
        if number:
            said.append(f"{number:,} {words}")
    if stream.restarts:
        said.append(counted(stream.restarts, "restart"))
    if stream.reconnects:
        said.append(counted(stream.reconnects, "reconnection"))
    return said
