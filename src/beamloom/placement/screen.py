"""What a person sees of running processes: their output with names in front, and on a terminal a table that is kept up to date."""

from __future__ import annotations

import contextlib
import re
import shutil
import textwrap
import threading
from collections.abc import Sequence
from typing import Protocol, TextIO

from beamloom.placement.notices import Notice
from beamloom.placement.processes import ProcessStatus, State

SUPERVISOR = "beamloom"
"""The name in front of what the supervisor itself has to say."""

NOTICES_SHOWN = 4
LOG_HEAD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:(INFO|DEBUG) +)?")
"""What a line of the log begins with; the table has no room for the time, nor for what is no warning."""
CLEAR_DOWN = "\x1b[J"
LINE_UP = "\x1b[{count}F"
BOLD, RED, YELLOW, GREEN, PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"
COLOURS = {State.GIVEN_UP: RED, State.RESTARTING: YELLOW, State.STOPPING: YELLOW, State.RUNNING: GREEN}


class Screen(Protocol):
    """Where the supervisor shows what happens; called from several threads."""

    def open(self, names: Sequence[str]) -> None:
        """These processes will be shown."""

    def output(self, name: str, text: str) -> None:
        """One line that a process wrote."""

    def say(self, sentence: str) -> None:
        """One sentence of the supervisor, or several lines."""

    def show(self, title: str, statuses: Sequence[ProcessStatus], notices: Sequence[Notice] = ()) -> None:
        """How all processes are now, and what is wrong; called often."""

    def close(self) -> None:
        """Nothing more will be shown."""


class SilentScreen:
    """Shows nothing: for tests, scripts and notebooks."""

    def open(self, names: Sequence[str]) -> None:
        """Shows nothing."""

    def output(self, name: str, text: str) -> None:
        """Shows nothing."""

    def say(self, sentence: str) -> None:
        """Shows nothing."""

    def show(self, title: str, statuses: Sequence[ProcessStatus], notices: Sequence[Notice] = ()) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Shows nothing."""


class _Stream:
    """What is written to, which may be gone before the processes are: a closed terminal, a pipe that nobody reads, a full disk.

    Whoever shows something has processes to attend, and is told nothing of that.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write it; what the encoding does not have is shown as ``?``."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError):
            pass

    def flush(self) -> None:
        """Write out what is buffered."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class PlainScreen:
    """Lines only: for log files and pipes. A process's state is written when it changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = _Stream(stream)
        self._width = len(SUPERVISOR)
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[State, int | None]] = {}
        self._wrong: dict[str, str] = {}

    def open(self, names: Sequence[str]) -> None:
        """Make room for the longest name."""
        self._width = max(map(len, (*names, SUPERVISOR)))

    def output(self, name: str, text: str) -> None:
        """Write the line, its process in front."""
        with self._lock:
            self._write(name, text)

    def say(self, sentence: str) -> None:
        """Write the sentence."""
        with self._lock:
            for line in sentence.splitlines():
                self._write(SUPERVISOR, line)

    def show(self, title: str, statuses: Sequence[ProcessStatus], notices: Sequence[Notice] = ()) -> None:
        """Write a line for each process whose state changed, and for what begins to be wrong or is so no more."""
        with self._lock:
            now_wrong = {notice.key: notice.text for notice in notices}
            for key, text in now_wrong.items():
                if key not in self._wrong:
                    self._write(SUPERVISOR, text)
            for key, text in self._wrong.items():
                if key not in now_wrong:
                    self._write(SUPERVISOR, f"no more: {text.partition(': ')[2]}")
            self._wrong = {**now_wrong, **{key: self._wrong[key] for key in now_wrong if key in self._wrong}}
            for status in statuses:
                now = (status.state, status.pid)
                # Waiting is how all begin, and the other states come with a sentence of their own.
                told = status.state in (State.RUNNING, State.ENDED)
                if told and self._seen.get(status.name) != now:
                    where = f" on {status.host}" if status.host else ""
                    what = f"runs{where} as process {status.pid}" if status.pid else status.state
                    self._write(SUPERVISOR, f"{status.name} {what}")
                self._seen[status.name] = now

    def close(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()

    def _write(self, name: str, text: str) -> None:
        self._stream.write(f"{name:<{self._width}} | {text}\n")
        self._stream.flush()


class TableScreen:
    """A terminal: lines scroll above a table of the processes, which is drawn again in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = _Stream(stream)
        self._width = len(SUPERVISOR)
        self._lock = threading.Lock()
        self._drawn: list[str] = []

    def open(self, names: Sequence[str]) -> None:
        """Make room for the longest name."""
        self._width = max(map(len, (*names, SUPERVISOR)))

    def output(self, name: str, text: str) -> None:
        """Let the line scroll in above the table."""
        self._scroll([f"{name:<{self._width}} | {text.expandtabs()}"])

    def say(self, sentence: str) -> None:
        """Let the sentence scroll in above the table."""
        self._scroll([f"{BOLD}{SUPERVISOR:<{self._width}} | {line}{PLAIN}" for line in sentence.splitlines()])

    def show(self, title: str, statuses: Sequence[ProcessStatus], notices: Sequence[Notice] = ()) -> None:
        """Draw the table again."""
        columns, rows = shutil.get_terminal_size()
        table = table_of(title, statuses, columns)[: max(rows - 2, 1)]
        below = notice_lines(notices, columns)[: max(rows - 2 - len(table), 0)]
        coloured = [_coloured(line, statuses) for line in table]
        colour = YELLOW
        for line in below:
            if not line.startswith("    "):
                colour = RED if line.startswith("  trouble") else YELLOW
            coloured.append(f"{colour}{line}{PLAIN}")
        with self._lock:
            self._erase()
            self._draw(coloured)

    def close(self) -> None:
        """Leave the table as it is, the cursor below it."""
        with self._lock:
            self._drawn = []
            self._stream.flush()

    def _scroll(self, lines: Sequence[str]) -> None:
        with self._lock:
            table = self._drawn
            self._erase()
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._draw(table)

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(LINE_UP.format(count=len(self._drawn)) + CLEAR_DOWN)
        self._drawn = []

    def _draw(self, table: Sequence[str]) -> None:
        self._stream.write("".join(f"{line}\n" for line in table))
        self._stream.flush()
        self._drawn = list(table)


def screen_on(stream: TextIO, *, plain: bool = False) -> Screen:
    """The screen that suits a stream: a table on a terminal, lines elsewhere or when asked for."""
    return TableScreen(stream) if stream.isatty() and not plain else PlainScreen(stream)


def table_of(title: str, statuses: Sequence[ProcessStatus], columns: int) -> list[str]:
    """The processes as lines of a table, none longer than ``columns``: name, pid, state, time up, restarts, last message."""
    header = ("process", "pid", "state", "up", "restarts", "last message")
    rows = [
        (
            status.name,
            f"{status.host} {status.pid or '-'}".strip(),
            str(status.state),
            duration(status.uptime),
            str(status.restarts),
            LOG_HEAD.sub("", status.message.expandtabs()),
        )
        for status in statuses
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header) - 1)]
    right = (False, True, False, True, True)
    lines = [title]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(row, widths, right, strict=False)
        ]
        lines.append("  " + "  ".join((*cells, row[-1])))
    return [_fitted(line, columns) for line in lines]


def notice_lines(notices: Sequence[Notice], columns: int) -> list[str]:
    """What is wrong as lines below the table, none longer than ``columns``; where that is much, how many more there are.

    Each takes two lines at most, the second one further to the right.
    """
    lines = [line for notice in notices[:NOTICES_SHOWN] for line in _folded(notice.text, columns)]
    if len(notices) > NOTICES_SHOWN:
        lines.append(_fitted(f"  and {len(notices) - NOTICES_SHOWN} more: see 'beamloom doctor'", columns))
    return lines


def _folded(text: str, columns: int) -> list[str]:
    """A sentence in one line or two; what does not fit into them is cut off."""
    first, *rest = textwrap.wrap(text, max(columns - 2, 1), subsequent_indent="  ") or [""]
    tail = [" ".join(line.strip() for line in rest)] if rest else []
    return [_fitted(f"  {first}", columns), *(_fitted(f"    {line}", columns) for line in tail)]


def duration(seconds: float | None) -> str:
    """A duration in the two largest units that matter: ``12 s``, ``3 min 05 s``, ``2 h 10 min``; ``-`` for None."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(int(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _fitted(line: str, columns: int) -> str:
    # A control character in somebody's output must not move the cursor about in our table.
    shown = "".join(character if character.isprintable() else " " for character in line)
    return shown.rstrip() if len(shown) <= columns else shown[: columns - 1] + "…"


def _coloured(line: str, statuses: Sequence[ProcessStatus]) -> str:
    for status in statuses:
        if line.startswith(f"  {status.name} "):
            colour = COLOURS.get(status.state, "")
            return (
                line.replace(f" {status.state} ", f" {colour}{status.state}{PLAIN} ", 1) if colour else line
            )
    return f"{BOLD}{line}{PLAIN}"
