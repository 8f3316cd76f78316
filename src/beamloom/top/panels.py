"""The parts of the pages: streams, processes, what failed, and what the keys do."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from beamloom.client import Failure
from beamloom.top.history import Moment
from beamloom.top.look import Look, Process
from beamloom.top.paper import Line, Share, Span, Style, bar
from beamloom.top.tables import GAP, Cell, Column, table, widths_of
from beamloom.top.words import capital, count, counted, percent, rate, unusual

STAGES = (
    ("user", "your code", Share(0, "█", Style.ACCENT)),
    ("receiving", "receiving", Share(0, "▓", Style.GOOD)),
    ("reading", "reading", Share(0, "=", Style.GOOD)),
    ("sending", "sending", Share(0, "▒", Style.WARNING)),
    ("other", "other", Share(0, "-", Style.FAINT)),
    ("waiting", "waiting", Share(0, "·", Style.FAINT)),
)
"""Where the time of a process goes: by the name in the API, in words, and how it is drawn."""
LEAST_BAR, MOST_BAR = 12, 40
WIDE = 110
"""Columns from which on there is room for where a process is."""
FEW = 3
"""Failures that are shown among other things."""


def streams(moment: Moment) -> list[Line]:
    """A line for each stream."""
    look = moment.look
    if look is None or not look.streams:
        return [_title("Streams"), [" Streams are shown here when a run is armed that uses them."]]
    rows = []
    for name, stream in look.streams.items():
        said = unusual(stream, moment.now)
        style = Style.TROUBLE if stream.stalled else Style.WARNING if said else Style.PLAIN
        ended = look.progress.finished or stream.ended
        rows.append(
            [
                Span(name),
                Span(count(stream.packets)),
                Span(rate(None if ended else moment.pace.packets.get(name))),
                Span(count(stream.complete_until)),
                Span("ended" if stream.ended else "open"),
                Span(", ".join(said) or "nothing", style),
            ]
        )
    columns = (
        Column("stream"),
        Column("packets", right=True),
        Column("per s", right=True),
        Column("complete until", right=True),
        Column("series"),
        Column("what was unusual"),
    )
    return [_title("Streams"), *table(columns, rows)]


def processes(moment: Moment, sort: str, columns: int, *, workers_only: bool = False) -> list[Line]:
    """A line for each process, with a bar of where its time goes."""
    title = "Workers" if workers_only else "Processes"
    look = moment.look
    found = [] if look is None else _members(look, workers_only=workers_only)
    if not found:
        none = "No worker takes part; start one with 'beamloom worker'."
        return [
            _title(title),
            [f" {none}" if workers_only else " No process takes part; start a pipeline with 'beamloom up'."],
        ]
    busy = {one.name: _busy(moment, one) for one, _, _ in found}
    if sort != "name":
        found = sorted(found, key=lambda member: _key(member[0], busy[member[0].name], sort))
    wide = columns >= WIDE
    heads = [
        Column("name", most=24),
        Column("role", most=11),
        Column("events", right=True),
        Column("per s", right=True),
        Column("busy", right=True),
    ]
    if wide:
        heads += [Column("where", most=28), Column("of", most=28)]
    rows: list[list[Cell]] = []
    for one, role, what in found:
        row: list[Cell] = [
            Span(one.name),
            Span(role),
            Span(count(one.processed_events)),
            Span(rate(one.event_rate)),
            Span(percent(busy[one.name])),
        ]
        if wide:
            row += [Span(f"{one.host}:{one.pid}"), Span(what)]
        rows.append(row)
    taken = sum(cells + len(GAP) for cells in widths_of(heads, rows)) + 1
    room = max(LEAST_BAR, min(MOST_BAR, columns - taken - 1))
    heads.append(Column("time spent"))
    for row, (one, _, _) in zip(rows, found, strict=True):
        row.append(Span(one.fault, Style.TROUBLE) if one.fault else _stages(moment, one, room))
    legend: list[Span] = [Span(" ")]
    shown = {stage for shares in moment.pace.stages.values() for stage, share in shares.items() if share}
    for name, words, (_, glyph, style) in STAGES:
        if name in shown:
            legend += [Span(glyph, style), Span(f" {words}   ", Style.FAINT)]
    return [_title(f"{title}, by {sort}"), *table(heads, rows), *([legend] if len(legend) > 1 else [])]


def _members(look: Look, *, workers_only: bool) -> list[tuple[Process, str, str]]:
    """Each process, its role, and what it is for, in the order of the data's way, and by name."""
    config = look.config
    workers = [
        (one, one.role or "worker", ", ".join(one.tags)) for one in sorted(config.workers, key=_by_name)
    ]
    if workers_only:
        return workers
    ingesters = [(one, "ingester", ", ".join(one.streams)) for one in sorted(config.ingesters, key=_by_name)]
    reducer = [] if config.reducer is None else [(config.reducer, "reducer", config.reducer.http or "")]
    return [*ingesters, *workers, *reducer]


def _busy(moment: Moment, process: Process) -> float | None:
    stages = moment.pace.stages.get(process.name)
    return None if not stages else 1.0 - stages.get("waiting", 0.0)


def _key(process: Process, busy: float | None, sort: str) -> float:
    """The largest comes first; equals stay in their order."""
    by = {"events": process.processed_events, "rate": process.event_rate, "busy": busy or 0.0}
    return -float(by[sort])


def _by_name(process: Process) -> list[tuple[bool, int, str]]:
    """So that worker-10 comes after worker-9."""
    parts = re.split(r"(\d+)", process.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _stages(moment: Moment, process: Process, room: int) -> Cell:
    spent = moment.pace.stages.get(process.name)
    if not spent:
        return Span("–")
    shares = [share._replace(size=spent.get(name, 0.0)) for name, _, share in STAGES]
    return bar([share for share in shares if share.size * room >= 0.5], sum(spent.values()), room)


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
    return [_title("Failures and losses (e: in detail)"), *lines[:FEW], *rest]


def failures_in_detail(moment: Moment, columns: int) -> list[Line]:
    """All of them, with tracebacks."""
    if moment.look is None:
        return []
    lines: list[Line] = [_title("Failures and losses")]
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
    ("in, out", "events per second over the last 10 s: all packets came; reduced, failed or lost"),
    ("behind", "events whose packets have all come, and of which there is no result yet"),
    ("pending", "events that no worker has yet"),
    ("busy", "share of its time over the last 10 s in which a process did not wait"),
    ("unusual", "packets that are missing, dropped, malformed, duplicate, late or out of order"),
)


def help_lines(columns: int) -> list[Line]:
    """What the keys do, and what the figures mean."""
    lines: list[Line] = [_title("Keys")]
    for rows, title in ((HELP, ""), (MEANINGS, "Figures")):
        if title:
            lines += [[], _title(title)]
        for name, words in rows:
            first, *rest = textwrap.wrap(words, max(columns - 18, 20))
            lines.append([Span(f" {name:<15}", Style.BOLD), first])
            lines += [[f"{'':16}{line}"] for line in rest]
    return lines


def _title(text: str) -> Sequence[Span]:
    return [Span(f" {text}", Style.BOLD)]
