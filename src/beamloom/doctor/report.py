"""Findings, and the story of an event, as text for a terminal of any width."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beamloom.doctor.finding import Finding, Gravity, listed, span

BOLD, RED, YELLOW, GREEN, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"
COLOURS = {Gravity.TROUBLE: RED, Gravity.WARNING: YELLOW, Gravity.NOTE: GREEN}
MARGIN = 10
NARROWEST = 40


def report(head: str, findings: Sequence[Finding], now: float, columns: int, *, coloured: bool) -> str:
    """What was found, one paragraph each, and how much that is in the end; ``now`` is Unix time (s)."""
    width = max(columns, NARROWEST)
    lines = [*_wrapped(head, "", width), ""]
    for finding in findings:
        lines += [*_paragraph(finding, now, width, coloured), ""]
    troubles = sum(finding.gravity is Gravity.TROUBLE for finding in findings)
    warnings = sum(finding.gravity is Gravity.WARNING for finding in findings)
    notes = len(findings) - troubles - warnings
    if not findings:
        lines.append(_in("Nothing is wrong.", GREEN, coloured))
    else:
        counts = [_counted(troubles, "trouble"), _counted(warnings, "warning"), _counted(notes, "note")]
        lines.append(f"{listed(list(filter(None, counts)))}.")
    return "\n".join(lines)


def _paragraph(finding: Finding, now: float, width: int, coloured: bool) -> list[str]:
    first, *rest = _wrapped(_sentence(finding.what), " " * MARGIN, width)
    mark = _in(f"{finding.gravity.upper():<{MARGIN}}", COLOURS[finding.gravity], coloured)
    lines = [mark + first[MARGIN:], *rest]
    if finding.since is not None:
        lines.append(f"{'since':<{MARGIN}}{clock(finding.since, now)}, {span(now - finding.since)} ago")
    first, *rest = _wrapped(_sentence(finding.do), " " * MARGIN, width)
    return [*lines, f"{'to do':<{MARGIN}}{first[MARGIN:]}", *rest]


def story(told: Mapping[str, Any], columns: int, *, coloured: bool) -> str:
    """The story of an event as ``/api/v1/events/{number}`` tells it, a line for each thing that happened."""
    width = max(columns, NARROWEST)
    head = f"Event {told['event']} of run {told['run']}: {told['state']}"
    lines = [_in(head, BOLD, coloured), ""]
    for wanted, cell in sorted(told.get("wanted", {}).items()):
        lines += _wrapped(f"{wanted}: {cell}", " " * (MARGIN + 4), width, f"{'map':<{MARGIN + 4}}")
    begun = None
    for one in told["story"]:
        at = one["at"]
        begun = at if begun is None else begun
        stamp = (
            "" if at is None else time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03}"
        )
        lines += _wrapped(one["text"], " " * (MARGIN + 4), width, f"{stamp:<{MARGIN + 4}}")
    for error in told["errors"]:
        lines += ["", *(f"    {line}" for line in error["traceback"].rstrip().splitlines())]
    if told["unknown"]:
        lines += ["", "Not known any more, or not heard of:"]
        for sentence in told["unknown"]:
            lines += _wrapped(sentence, "    ", width, "  - ")
    return "\n".join(lines)


def clock(at: float, now: float) -> str:
    """A time of the day, with the date where that is another day."""
    then, today = time.localtime(at), time.localtime(now)
    return time.strftime("%H:%M:%S" if then[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", then)


def _wrapped(text: str, indent: str, width: int, first: str | None = None) -> list[str]:
    """Lines of at most ``width``; what came from others cannot move the cursor."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.wrap(
        shown,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _counted(number: int, noun: str) -> str:
    return "" if number == 0 else f"{number} {noun}{'' if number == 1 else 's'}"


def _in(text: str, colour: str, coloured: bool) -> str:
    return f"{colour}{text}{PLAIN}" if coloured else text


def short(findings: Iterable[Finding]) -> list[str]:
    """One line for each, the worst first, for a screen with little room."""
    return [f"{finding.gravity}: {finding.what}" for finding in findings]
