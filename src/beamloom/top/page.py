"""A whole picture: the head, the page below it as far as it has room, and at the foot what the keys do.

A pure function of the moment, the view and the size of the terminal: no line is wider, and there are never more lines than it has rows.
"""

from __future__ import annotations

from typing import NamedTuple

from beamloom.top.head import head
from beamloom.top.history import Moment
from beamloom.top.panels import failures, failures_in_detail, help_lines, streams
from beamloom.top.paper import Line, Paper, Span, Style, width
from beamloom.top.processes import processes
from beamloom.top.view import Page, View

LEAST_BODY = 3
"""Rows that a page gets at least; a head that is longer is cut off."""


class Picture(NamedTuple):
    """What is drawn."""

    lines: list[str]
    first: int
    """The first line of the page that is seen: what was asked for, as far as there are so many."""
    rows: int
    """How many lines of the page are seen."""


def picture(moment: Moment, view: View, columns: int, rows: int, paper: Paper) -> Picture:
    """The picture for a terminal of this size."""
    above = head(moment, columns)[: max(rows - LEAST_BODY - 1, 0)]
    below = body(moment, view, columns)
    room = max(rows - len(above) - 1, 0)
    first = max(0, min(view.first, len(below) - room))
    seen = below[first : first + room]
    blank: list[Line] = [[]] * (room - len(seen))
    lines = [*above, *seen, *blank, _foot(view, first, len(seen), len(below), columns)][:rows]
    return Picture([paper.drawn(line, columns) for line in lines], first, room)


def whole(moment: Moment, columns: int, paper: Paper) -> str:
    """All of it as text, however long it is, for what is no terminal."""
    lines = [*head(moment, columns), *body(moment, View(), columns)]
    return "\n".join(paper.drawn(line, columns).rstrip() for line in lines)


def body(moment: Moment, view: View, columns: int) -> list[Line]:
    """The page below the head, of any length. What failed comes first: it must not be below the edge."""
    match view.page:
        case Page.HELP:
            return help_lines(columns)
        case Page.ERRORS:
            return failures_in_detail(moment, columns)
        case Page.WORKERS:
            return processes(moment, view.sort, columns, workers_only=True)
    if moment.look is None:
        return []
    failed = failures(moment)
    return [*failed, *([[]] if failed else []), *streams(moment), [], *processes(moment, view.sort, columns)]


def _foot(view: View, first: int, seen: int, total: int, columns: int) -> Line:
    keys = " q quit  ? help  s sort  w workers  e failures"
    if view.page is not Page.ALL:
        keys = " q quit  a all  ? help  s sort  w workers  e failures"
    where = ""
    if seen < total:
        where = f"lines {first + 1} to {first + seen} of {total}  ↑↓ "
    blank = columns - width(keys) - width(where)
    return [Span(keys + " " * blank + where if blank > 0 else where or keys, Style.REVERSE)]
