"""The processes that take part: how much each has done, where its time goes, and whether something is wrong with it."""

from __future__ import annotations

import re

from beamloom.doctor.finding import size
from beamloom.top.history import Moment
from beamloom.top.look import Load, Look, Process
from beamloom.top.paper import Line, Share, Span, Style, bar
from beamloom.top.tables import GAP, Cell, Column, table, title, widths_of
from beamloom.top.words import UNKNOWN, count, percent, rate

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


def processes(moment: Moment, sort: str, columns: int, *, workers_only: bool = False) -> list[Line]:
    """A line for each process, with a bar of where its time goes."""
    name = "Workers" if workers_only else "Processes"
    look = moment.look
    found = [] if look is None else _members(look, workers_only=workers_only)
    if not found:
        none = "No worker takes part; start one with 'beamloom worker'."
        return [
            title(name),
            [f" {none}" if workers_only else " No process takes part; start a pipeline with 'beamloom up'."],
        ]
    busy = {one.name: _busy(moment, one) for one, _, _ in found}
    if sort != "name":
        found = sorted(found, key=lambda member: _key(member[0], busy[member[0].name], sort))
    wide = columns >= WIDE
    heads = [
        Column("name"),
        Column("events", right=True),
        Column("per s", right=True),
        Column("busy", right=True),
    ]
    if not workers_only:
        heads.insert(1, Column("role"))
    if workers_only or wide:
        heads.append(Column("memory", right=True))
    if wide:
        heads.append(Column("where", most=28))
        heads.append(Column("waits for", most=40) if workers_only else Column("of", most=28))
    rows: list[list[Cell]] = []
    for one, role, what in found:
        load = look.load.get(one.name, Load()) if look is not None else Load()
        row: list[Cell] = [
            Span(one.name),
            Span(count(one.processed_events)),
            Span(rate(one.event_rate)),
            Span(percent(busy[one.name])),
        ]
        if not workers_only:
            row.insert(1, Span(role))
        if workers_only or wide:
            row.append(Span(_memory(load)))
        if wide:
            row += [Span(f"{one.host}:{one.pid}"), Span(_waits(load) if workers_only else what)]
        rows.append(row)
    taken = sum(cells + len(GAP) for cells in widths_of(heads, rows)) + 1
    room = max(LEAST_BAR, min(MOST_BAR, columns - taken - 1))
    heads.append(Column("time spent"))
    for row, (one, _, _) in zip(rows, found, strict=True):
        row.append(_in_the_way(one) or _stages(moment, one, room))
    legend: list[Span] = [Span(" ")]
    loads = [] if look is None else look.load.values()
    shown = {one for load in loads for one, spent in load.stages.items() if spent}
    for stage, words, (_, glyph, style) in STAGES:
        if stage in shown:
            legend += [Span(glyph, style), Span(f" {words}   ", Style.FAINT)]
    return [title(f"{name}, by {sort}"), *table(heads, rows), *([legend] if len(legend) > 1 else [])]


def _in_the_way(process: Process) -> Span | None:
    """Why it does no work, or soon none."""
    if process.fault:
        return Span(process.fault, Style.TROUBLE)
    return Span(f"drains: {process.drains}", Style.WARNING) if process.drains else None


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
    shares = _shares(moment, process)
    return 1.0 - shares.get("waiting", 0.0) if shares else None


def _shares(moment: Moment, process: Process) -> dict[str, float]:
    load = None if moment.look is None else moment.look.load.get(process.name)
    return {} if load is None else load.shares


def _memory(load: Load) -> str:
    if not load.memory_bytes:
        return UNKNOWN
    return size(load.memory_bytes) + (f" of {size(load.memory_limit)}" if load.memory_limit else "")


def _waits(load: Load) -> str:
    return "; ".join(f"{wait.what} {wait.about}".rstrip() for wait in load.waits) or "nothing"


def _key(process: Process, busy: float | None, sort: str) -> float:
    """The largest comes first; equals stay in their order."""
    by = {"events": process.processed_events, "rate": process.event_rate, "busy": busy or 0.0}
    return -float(by[sort])


def _by_name(process: Process) -> list[tuple[bool, int, str]]:
    """So that worker-10 comes after worker-9."""
    parts = re.split(r"(\d+)", process.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _stages(moment: Moment, process: Process, room: int) -> Cell:
    spent = _shares(moment, process)
    if not spent:
        return Span("–")
    shares = [share._replace(size=spent.get(name, 0.0)) for name, _, share in STAGES]
    return bar([share for share in shares if share.size * room >= 0.5], sum(spent.values()), room)
