"""The head of every page: how things are in a sentence, and the run in numbers."""

from __future__ import annotations

import textwrap
import time

from beamloom.top.history import Moment
from beamloom.top.paper import Line, Share, Span, Style, bar, padded, width
from beamloom.top.words import Tone, count, health, in_result, left, milliseconds, percent, rate

STYLES = {
    Tone.GOOD: Style.GOOD,
    Tone.WARNING: Style.WARNING,
    Tone.TROUBLE: Style.TROUBLE,
    Tone.IDLE: Style.PLAIN,
    Tone.UNKNOWN: Style.TROUBLE,
}
MOST_LINES = 3
"""Of each sentence."""
LEAST_BAR, WIDEST_BAR = 8, 60


def head(moment: Moment, columns: int) -> list[Line]:
    """The title, the sentence, the run."""
    return [_title(moment, columns), *_sentence(moment, columns), *_run(moment, columns)]


def _title(moment: Moment, columns: int) -> Line:
    version = moment.look.doctor.version if moment.look is not None else ""
    what = f" beamloom top  {moment.address}"
    clock = (
        f"{f'version {version}  ' if version else ''}{time.strftime('%H:%M:%S', time.localtime(moment.now))} "
    )
    blank = columns - width(what) - width(clock)
    return [Span(what + " " * blank + clock if blank > 0 else padded(what, columns), Style.REVERSE)]


def _sentence(moment: Moment, columns: int) -> list[Line]:
    said = health(moment)
    style = STYLES[said.tone]
    mark = f" ● {said.tone.upper()}  "
    indent = " " * width(mark)
    first, *rest = _wrapped(said.text, max(columns - width(mark), 12))
    lines: list[Line] = [[Span(mark, style), Span(first, Style.BOLD)]]
    lines += [[Span(indent), Span(line, Style.BOLD)] for line in rest]
    if said.todo:
        lines += [[indent, line] for line in _wrapped(said.todo, max(columns - width(mark), 12))]
    if said.note:
        lines += [
            [Span(indent), Span(line, Style.FAINT)]
            for line in _wrapped(said.note, max(columns - width(mark), 12))
        ]
    return lines


def _wrapped(text: str, columns: int) -> list[str]:
    lines = textwrap.wrap(text, columns) or [""]
    return (
        lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], " ".join(lines[MOST_LINES - 1 :])]
    )


def _run(moment: Moment, columns: int) -> list[Line]:
    if moment.look is None or moment.look.progress.run is None:
        return [[]]
    progress, flow = moment.look.progress, moment.look.flow
    run = progress.run or ""
    settled, total = progress.completed_events, progress.total_events
    told = (
        f"{count(settled)} events, open end"
        if total is None
        else f"{count(settled)} of {count(total)} events"
    )
    if total:
        told += f" ({percent(settled / total)})"
    remaining = left(moment)
    if remaining is not None:
        told += f", {remaining} left"
    name = f" run {run[:8]}  {progress.phase}  "
    if columns < width(name) + width(told) + LEAST_BAR + 4:
        told = told.replace(" events", "")
    room = min(WIDEST_BAR, columns - width(name) - width(told) - 4)
    line: list[Span] = [Span(name)]
    if total and room >= LEAST_BAR:
        line += [Span("["), *bar(_shares(moment), total, room), Span("]  ")]
    line.append(Span(told))
    going = not progress.finished
    figures = [
        ("in", f"{rate(flow.rate_in if going else None)}/s"),
        ("out", f"{rate(flow.rate_out if going else None)}/s"),
        ("newest result took", milliseconds(flow.lag.seconds if going else None)),
        ("in the result", in_result(progress)),
        ("failed", count(progress.failed)),
        ("lost", count(progress.lost)),
        ("pending", count(progress.pending)),
    ]
    if progress.redelivered:
        figures.append(("redelivered", count(progress.redelivered)))
    if progress.handed_back:
        figures.append(("handed back", count(progress.handed_back)))
    return [line, *_figures(figures, columns), []]


def _shares(moment: Moment) -> list[Share]:
    if moment.look is None:
        return []
    progress = moment.look.progress
    return [
        Share(progress.reduced, "█", Style.GOOD),
        Share(progress.failed, "X", Style.TROUBLE),
        Share(progress.lost, "?", Style.WARNING),
        Share(progress.assigned, "░", Style.ACCENT),
    ]


def _figures(figures: list[tuple[str, str]], columns: int) -> list[Line]:
    """As many on a line as there is room for."""
    lines: list[list[Span]] = [[]]
    used = 0
    for name, value in figures:
        wide = width(name) + width(value) + 4
        if used + wide > columns and lines[-1]:
            lines.append([])
            used = 0
        bad = name in ("failed", "lost") and value not in ("0", "–")
        lines[-1] += [
            Span(f" {name} ", Style.FAINT),
            Span(f"{value}  ", Style.TROUBLE if bad else Style.BOLD),
        ]
        used += wide
    return [*lines]
