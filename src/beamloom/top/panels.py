"""The parts of the pages: streams, what failed, and what the keys do."""

from __future__ import annotations

import textwrap

from beamloom.client import Failure
from beamloom.top.history import Moment
from beamloom.top.look import StreamFlow
from beamloom.top.paper import Line, Span, Style
from beamloom.top.tables import Column, table, title
from beamloom.top.words import UNKNOWN, Tone, capital, carries, count, counted, percent, rate, stream_says

FEW = 3
"""Failures that are shown among other things."""
TONES = {Tone.WARNING: Style.WARNING, Tone.TROUBLE: Style.TROUBLE}


def streams(moment: Moment) -> list[Line]:
    """A line for each stream."""
    look = moment.look
    if look is None or not look.flow.streams:
        return [title("Streams"), [" No ingester takes part, so there are no streams."]]
    rows = []
    for name, flow in sorted(look.flow.streams.items()):
        stream = look.streams.get(name)
        tone, said = stream_says(flow, stream, moment.now)
        rows.append(
            [
                Span(name),
                Span(count(None if stream is None else stream.packets)),
                Span(rate(flow.packets_per_second)),
                Span(carries(flow.layout)),
                Span(_fill(flow)),
                Span(said, TONES.get(tone, Style.PLAIN)),
            ]
        )
    columns = (
        Column("stream"),
        Column("packets", right=True),
        Column("per s", right=True),
        Column("carries", most=28),
        Column("kept", right=True),
        Column("is"),
    )
    return [title("Streams"), *table(columns, rows)]


def _fill(flow: StreamFlow) -> str:
    """How much of the memory is taken by packets that may have to be sent again."""
    if flow.retained_bytes is None or not flow.retention_limit:
        return UNKNOWN
    disk = f" + {flow.spooled_events:,} on disk" if flow.spooled_events else ""
    return percent(flow.retained_bytes / flow.retention_limit) + disk


def failures(moment: Moment) -> list[Line]:
    """The first few kinds of failure and loss; nothing where there are none."""
    if moment.look is None:
        return []
    progress = moment.look.progress
    lines: list[Line] = []
    for error in progress.errors:
        where, what = error.get("where"), f"{error.get('error')}: {error.get('message')}"
        events = f", events {error['events']}" if error.get("events") else ""
        lines.append([Span(f" {error.get('count')} × ", Style.TROUBLE), f"{where}{events}: {what}"])
    for loss in progress.losses:
        lines.append(
            [Span(f" {loss.get('count')} lost ", Style.WARNING), f"{loss.get('events')}: {loss.get('cause')}"]
        )
    if not lines:
        return []
    more = len(lines) - FEW
    rest: list[Line] = [[Span(f" and {more} more: key e", Style.FAINT)]] if more > 0 else []
    return [title("Failures and losses (e: in detail)"), *lines[:FEW], *rest]


def failures_in_detail(moment: Moment, columns: int) -> list[Line]:
    """All of them, with tracebacks."""
    if moment.look is None:
        return []
    lines: list[Line] = [title("Failures and losses")]
    found = moment.look.failures
    if found is None:
        return [*lines, [" Asking for them"]]
    for failure in found:
        lines += [*_failure(failure, columns), []]
    for loss in moment.look.progress.losses:
        said = f"{counted(loss.get('count', 0), 'event')} lost: {loss.get('events')}: {loss.get('cause')}"
        lines += [[Span(line, Style.WARNING)] for line in _wrapped(said, columns)]
    if len(lines) == 1:
        lines.append([" Nothing has failed in this run, and nothing was lost."])
    return lines


def _failure(failure: Failure, columns: int) -> list[Line]:
    head = f"{counted(failure.count, 'time')}: {failure.where}: {failure.error}: {failure.message}"
    lines: list[Line] = [[Span(line, Style.TROUBLE)] for line in _wrapped(head, columns)]
    if failure.ranges:
        ranges = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in failure.ranges[:8])
        more = f" and {len(failure.ranges) - 8} more ranges" if len(failure.ranges) > 8 else ""
        lines += [
            [line]
            for line in _wrapped(f"events {ranges}{more}; met by {', '.join(failure.workers)}", columns)
        ]
    lines += [[f"   {line.expandtabs(4)}"] for line in failure.traceback.rstrip().splitlines()]
    if failure.what_to_do:
        lines += [[Span(line, Style.BOLD)] for line in _wrapped(capital(failure.what_to_do), columns)]
    return lines


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, 20), initial_indent=" ", subsequent_indent="   ") or [""]


HELP = (
    ("q", "ends this; the pipeline goes on"),
    ("w", "workers alone; once more: everything"),
    ("e", "failures and losses with tracebacks; once more: everything"),
    ("s", "sort processes by name, events, events per second, share of time that they are busy"),
    ("arrows, j, k", "scroll by a line; Page Up, Page Down, space by a page; Home, End"),
    ("a, Esc", "back to everything"),
    ("?, h", "this help"),
)
MEANINGS = (
    (
        "in, out",
        "events per second over the last 2 s: whole ones that arrive; results that the reducer takes",
    ),
    ("newest ... took", "from the moment its last packet came to the moment the reducer had its result"),
    ("in the result", "share of the events that are settled; the others have failed or were lost"),
    ("pending", "events that no worker has yet"),
    ("busy", "share of its time over the last 10 s in which a process did not wait"),
    ("kept", "share of an ingester's memory that is taken by packets which may have to be sent again"),
)


def help_lines(columns: int) -> list[Line]:
    """What the keys do, and what the figures mean."""
    lines: list[Line] = [title("Keys")]
    for rows in (HELP, MEANINGS):
        if rows is MEANINGS:
            lines += [[], title("Figures")]
        for name, words in rows:
            first, *rest = textwrap.wrap(words, max(columns - 18, 20))
            lines.append([Span(f" {name:<15}", Style.BOLD), first])
            lines += [[f"{'':16}{line}"] for line in rest]
    return lines
