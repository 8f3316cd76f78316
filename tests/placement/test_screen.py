"""What a person sees of running processes."""

from __future__ import annotations

import errno
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.placement import PlainScreen, ProcessStatus, State, TableScreen
from beamloom.placement.notices import Notice
from beamloom.placement.screen import duration, notice_lines, table_of


def status(
    name: str, state: State = State.RUNNING, *, pid: int | None = 7, message: str = ""
) -> ProcessStatus:
    """A process as the screen gets it."""
    return ProcessStatus(name=name, pid=pid, state=state, uptime=3.0, restarts=0, message=message)


class Terminal:
    """The lines that a terminal shows, for the few control sequences that the table uses."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = 0

    def feed(self, text: str) -> None:
        """Show what was written."""
        for piece in re.split(r"(\x1b\[\d*[A-Za-z]|\n)", text):
            if piece == "\n":
                self._row += 1
                self.lines += [""] * (self._row + 1 - len(self.lines))
            elif up := re.fullmatch(r"\x1b\[(\d+)F", piece):
                self._row -= int(up[1])
            elif piece == "\x1b[J":
                self.lines = [*self.lines[: self._row], ""]
            elif not piece.startswith("\x1b["):
                self.lines[self._row] += piece


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.4, "0 s"),
        (59.9, "59 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_a_duration_is_shown_in_the_two_units_that_matter(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_the_table_has_a_line_for_each_process() -> None:
    processes = [status("controller"), status("worker-1", State.RESTARTING, pid=None, message="died")]
    assert table_of("my pipeline", processes, 120) == [
        "my pipeline",
        "  process     pid  state        up  restarts  last message",
        "  controller    7  running     3 s         0",
        "  worker-1      -  restarting  3 s         0  died",
    ]


@given(st.text() | st.just("a\x1b[2Jb\nc"), st.integers(20, 200))
def test_no_line_of_the_table_is_wider_than_the_terminal(message: str, columns: int) -> None:
    for line in table_of("title", [status("a", message=message)], columns):
        assert len(line) <= columns
        assert line.isprintable()


def test_lines_scroll_above_a_table_that_stays_in_place() -> None:
    stream, terminal = io.StringIO(), Terminal()
    screen = TableScreen(stream)
    screen.open(["a", "b"])
    screen.show("pipeline", [status("a"), status("b", State.RESTARTING)])
    screen.output("a", "first")
    screen.show("pipeline", [status("a")])
    screen.say("two\nsentences")
    screen.show("pipeline", [status("a"), status("b")])
    screen.close()
    terminal.feed(stream.getvalue())
    assert terminal.lines == [
        "a        | first",
        "beamloom | two",
        "beamloom | sentences",
        "pipeline",
        "  process  pid  state     up  restarts  last message",
        "  a          7  running  3 s         0",
        "  b          7  running  3 s         0",
        "",
    ]


def test_where_there_is_no_terminal_a_state_is_written_when_it_changes() -> None:
    stream = io.StringIO()
    screen = PlainScreen(stream)
    screen.open(["worker-1"])
    for _ in range(3):
        screen.show("pipeline", [status("worker-1")])
    screen.output("worker-1", "hello")
    screen.say("worker-1 was killed by SIGKILL and starts again in 0.2 s")
    screen.show("pipeline", [status("worker-1", State.RESTARTING, pid=None)])
    screen.show("pipeline", [status("worker-1", pid=8)])
    assert stream.getvalue().splitlines() == [
        "beamloom | worker-1 runs as process 7",
        "worker-1 | hello",
        "beamloom | worker-1 was killed by SIGKILL and starts again in 0.2 s",
        "beamloom | worker-1 runs as process 8",
    ]


STALLED = Notice(
    "stream-stalled eiger", "trouble: stream 'eiger' is stalled: no packet for 12 s, after 7 packets"
)
LATER = Notice(
    "stream-stalled eiger", "trouble: stream 'eiger' is stalled: no packet for 14 s, after 7 packets"
)


def test_lines_say_once_when_something_begins_to_be_wrong_and_when_it_is_so_no_more() -> None:
    stream = io.StringIO()
    screen = PlainScreen(stream)
    screen.open(["a"])
    for notices in ([], [STALLED], [LATER], [LATER], []):
        screen.show("pipeline", [status("a")], notices)
    said = [line.partition(" | ")[2] for line in stream.getvalue().splitlines()]
    assert said[-2:] == [STALLED.text, f"no more: {STALLED.text.partition(': ')[2]}"]
    assert len(said) == 3


def test_the_table_has_what_is_wrong_below_it_within_the_terminal() -> None:
    assert notice_lines([STALLED], 40) == [
        "  trouble: stream 'eiger' is stalled: no",
        "    packet for 12 s, after 7 packets",
    ]
    many = [Notice(str(number), f"warning: {number}") for number in range(9)]
    assert notice_lines(many, 80)[-1] == "  and 5 more: see 'beamloom doctor'"
    stream = io.StringIO()
    screen = TableScreen(stream)
    screen.open(["a"])
    screen.show("pipeline", [status("a")], [STALLED])
    screen.show("pipeline", [status("a")], [LATER])
    terminal = Terminal()
    terminal.feed(stream.getvalue())
    shown = [line for line in terminal.lines if "stalled" in line]
    assert len(shown) == 1
    assert "14 s" in shown[0]


def test_on_a_narrow_terminal_the_table_has_messages_and_not_their_times() -> None:
    lines = table_of(
        "bad",
        [
            status(
                "worker-1", message="2026-11-21 22:25:44.988 WARNING event 108 failed in Worker.process_event"
            ),
            status("reducer", message="2026-11-21 22:25:30.304 INFO    reducer takes part as reducer@bb"),
        ],
        80,
    )
    assert lines[2].endswith("WARNING event 108 failed in Worker.pro…")
    assert lines[3].endswith("  reducer takes part as reducer@bb")


def test_a_notice_that_is_longer_than_a_line_goes_on_in_a_second_one() -> None:
    text = "warning: user code fails: Worker.process_event: ValueError: the peak is outside of the region of interest"
    lines = notice_lines(
        [Notice("user-code-fails", text), Notice("long", text * 3), Notice("short", "warning: so")], 80
    )
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    assert " ".join(line.strip() for line in lines[:2]) == text
    assert lines[1].startswith("    ")
    assert lines[3].endswith("…")
    assert lines[4] == "  warning: so"


class Gone(io.StringIO):
    """A terminal that was closed, a pipe that nobody reads, a file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("kind", [PlainScreen, TableScreen])
def test_a_terminal_that_is_gone_ends_nobody_who_shows_something(
    kind: type[PlainScreen] | type[TableScreen],
) -> None:
    screen = kind(Gone())
    screen.output("worker-1", "a line")
    screen.say("a sentence")
    screen.show("title", [status("worker-1")])
    screen.close()


@pytest.mark.parametrize("kind", [PlainScreen, TableScreen])
def test_a_terminal_of_an_older_encoding_shows_what_it_can(
    kind: type[PlainScreen] | type[TableScreen],
) -> None:
    written = io.BytesIO()
    screen = kind(io.TextIOWrapper(written, encoding="latin-1"))
    screen.output("worker-1", "angle 3° → 4°")
    assert written.getvalue().decode("latin-1") == "worker-1 | angle 3° ? 4°\n"
