"""How a pipeline looks in a notebook, and as text. Names and sentences of others are escaped; nothing here asks the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

MOST_CHILDREN = 50
"""Children of a group that are shown."""
_STYLE = (
    "font:13px/1.5 system-ui,sans-serif;border:1px solid #d5dbe1;border-radius:8px;padding:.6em 1em;max-width:56em;"
    "background:#fff;color:#1d2733"
)
_FAINT = "color:#55606e"
_BAD = "color:#b93a22"
_COLOURS = {"reduced": "#2f7d4f", "failed": "#b93a22", "lost": "#d08a1d"}
_CELL = "padding:.1em 1em .1em 0;text-align:left;background:#fff;color:#1d2733"


class Tree:
    """A part of the results to look at: as text by ``print``, folded in a notebook."""

    def __init__(self, name: str, outline: Mapping[str, Any]) -> None:
        self.name = name
        self.outline = outline

    def __str__(self) -> str:
        return "\n".join(_tree_lines(self.name, self.outline, ""))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return tree_html(self.name, self.outline)


def counted(number: int, noun: str) -> str:
    """``1 event``, ``2,000 events``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def array_text(outline: Mapping[str, Any]) -> str:
    """What a dataset is, in a few words: ``float64 (20, 30)``, or the value where there is only one."""
    if outline.get("dtype") is None:
        return "no value"
    if not outline["shape"] and outline.get("value") is not None:
        value = outline["value"]
        return repr(value) if isinstance(value, str) else str(value)
    return f"{outline['dtype']} {tuple(outline['shape'])}"


TOLD_ONCE = frozenset({"coverage", "coverage_complete"})
"""Attributes that every dataset has. A tree does not repeat them in each line: ``pipeline.coverage()`` tells them."""


# ---- results ---------------------------------------------------------------------------------------------------------------


def _tree_lines(name: str, outline: Mapping[str, Any], indent: str) -> Iterable[str]:
    attributes = "".join(f"  {key}={_short(value)}" for key, value in _own_attributes(outline))
    if "children" not in outline:
        yield f"{indent}{name}: {array_text(outline)}{attributes}"
        return
    yield f"{indent}{name}/{attributes}"
    for child, inner in outline["children"].items():
        yield from _tree_lines(child, inner, indent + "  ")


def tree_html(name: str, outline: Mapping[str, Any]) -> str:
    """A group or dataset, its groups to be unfolded."""
    return f'<div style="{_STYLE}">{_node_html(name, outline, opened=True)}</div>'


def _node_html(name: str, outline: Mapping[str, Any], *, opened: bool) -> str:
    attributes = "".join(
        f' <span style="{_FAINT}">{escape(key)}={escape(_short(value))}</span>'
        for key, value in _own_attributes(outline)
    )
    if "children" not in outline:
        return f"<div><b>{escape(name)}</b> {escape(array_text(outline))}{attributes}</div>"
    children = list(outline["children"].items())
    inside = "".join(
        _node_html(child, inner, opened=len(children) <= 8) for child, inner in children[:MOST_CHILDREN]
    )
    if len(children) > MOST_CHILDREN:
        inside += f'<div style="{_FAINT}">and {len(children) - MOST_CHILDREN} more</div>'
    if not children:
        inside = f'<div style="{_FAINT}">nothing yet</div>'
    return (
        f"<details{' open' if opened else ''}><summary><b>{escape(name)}</b>{attributes}</summary>"
        f'<div style="margin-left:1.4em">{inside}</div></details>'
    )


def _own_attributes(outline: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((key, value) for key, value in outline["attributes"].items() if key not in TOLD_ONCE)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ---- runs ------------------------------------------------------------------------------------------------------------------


def progress_text(progress: Any) -> str:
    """A run in one line."""
    if progress.run is None:
        return "no run yet"
    of = "" if progress.total_events is None else f" of {progress.total_events:,}"
    parts = [f"{progress.completed_events:,}{of} events settled"]
    parts += [f"{getattr(progress, kind):,} {kind}" for kind in ("failed", "lost") if getattr(progress, kind)]
    stopped = (
        f"; {'aborted' if progress.aborted else 'stopped'}: {progress.stopped}" if progress.stopped else ""
    )
    degraded = "; degraded" if getattr(progress, "degraded", None) and not progress.stopped else ""
    return f"run {progress.run[:8]} {progress.phase}: {', '.join(parts)}{stopped}{degraded}"


def progress_html(progress: Any) -> str:
    """A run as a bar with its counts."""
    return f'<div style="{_STYLE}">{_run_html(progress)}</div>'


def _run_html(progress: Any) -> str:
    if progress.run is None:
        return f'<div style="{_FAINT}">No run yet: arm(...) begins one.</div>'
    total = progress.total_events or max(progress.completed_events + progress.assigned, 1)
    bars = "".join(
        f'<div title="{kind}" style="width:{100 * getattr(progress, kind) / total:.2f}%;background:{colour}"></div>'
        for kind, colour in _COLOURS.items()
    )
    counts = " · ".join(
        f'<span style="color:{colour}">{getattr(progress, kind):,} {kind}</span>'
        for kind, colour in _COLOURS.items()
    )
    of = "open end" if progress.total_events is None else f"of {counted(progress.total_events, 'event')}"
    lines = [
        f"<div>run <code>{escape(progress.run)}</code> <b>{escape(progress.phase)}</b></div>",
        '<div style="display:flex;height:.8em;border-radius:.4em;overflow:hidden;background:#e8ecf0;margin:.3em 0">'
        f"{bars}</div>",
        f"<div>{counts} · {progress.assigned:,} under way · {of}</div>",
    ]
    if progress.stopped:
        word = "aborted" if progress.aborted else "stopped"
        lines.append(f'<div style="{_BAD}">{word}: {escape(progress.stopped)}</div>')
    for error in progress.errors[:3]:
        said = f"{error.get('where')}: {error.get('error')}: {error.get('message')} (events {error.get('events')})"
        lines.append(f'<div style="{_BAD}">{escape(said)}</div>')
    for loss in progress.losses[:3]:
        said = f"lost {loss.get('events')}: {loss.get('cause')}"
        lines.append(f'<div style="color:{_COLOURS["lost"]}">{escape(said)}</div>')
    more = max(len(progress.errors) - 3, 0) + max(len(progress.losses) - 3, 0)
    if more:
        lines.append(
            f'<div style="{_FAINT}">and {counted(more, "other cause")}: see errors() and progress()</div>'
        )
    return "".join(lines)


def pipeline_html(url: str, progress: Any, streams: Mapping[str, Any], problems: Iterable[str]) -> str:
    """A whole pipeline: its run, its streams, and what is in the way of the next run."""
    said = "".join(f'<div style="{_BAD}">{escape(problem)}</div>' for problem in problems)
    rows = [
        (
            name,
            f"{one['packets']:,}",
            f"{one['gaps']:,}",
            f"{one['dropped'] + one['malformed']:,}",
            "stopped"
            if one["stopped"]
            else "ended"
            if one["ended"]
            else f"until event {one['complete_until']:,}",
        )
        for name, one in streams.items()
    ]
    table = _table(("stream", "packets", "gaps", "dropped or malformed", "is"), rows) if rows else ""
    run = "" if progress is None else _run_html(progress)
    return f'<div style="{_STYLE}"><div><b>Pipeline</b> <span style="{_FAINT}">{escape(url)}</span></div>{run}{said}{table}</div>'


def parameters_html(rows: Iterable[tuple[str, Any, Mapping[str, Any]]]) -> str:
    """Parameters with their values and what is said of them."""
    told = [
        (
            name,
            f"{_short(value)} {described.get('unit') or ''}".strip(),
            str(described.get("dtype", "")),
            str(described.get("description") or ""),
        )
        for name, value, described in rows
    ]
    return f'<div style="{_STYLE}">{_table(("parameter", "value", "type", "description"), told)}</div>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th style="{_CELL};{_FAINT};font-weight:normal">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(text)}</td>' for text in row) + "</tr>" for row in rows
    )
    return f'<table style="border-collapse:collapse;margin-top:.4em;font-size:13px"><tr>{head}</tr>{body}</table>'
