"""A program in a terminal of its own: its keys are typed, and what it draws is read from the screen."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pytest

SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """What a terminal shows after what was written to it: the sequences of ECMA-48 that are used here, and no other."""

    def __init__(self, columns: int, rows: int) -> None:
        self.resize(columns, rows)
        self.modes: set[str] = set()

    def resize(self, columns: int, rows: int) -> None:
        """Another size; what stands there stays, as far as there is room."""
        self.columns, self.rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0

    @property
    def lines(self) -> list[str]:
        """What can be read."""
        return ["".join(cells).rstrip() for cells in self._cells]

    def write(self, text: str) -> None:
        """Raises ValueError for a sequence that is not known."""
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                found = SEQUENCE.match(text, place)
                if found is None:
                    raise ValueError(f"{text[place : place + 12]!r} is no sequence that is known here")
                self._obey(*found.groups())
                place = found.end()
                continue
            self._put(text[place])
            place += 1

    def _put(self, character: str) -> None:
        if character == "\n":
            self._row = min(self._row + 1, self.rows - 1)
        elif character == "\r":
            self._column = 0
        elif self._column < self.columns:
            self._cells[self._row][self._column] = character
            self._column += 1

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        if private:
            (self.modes.add if letter == "h" else self.modes.discard)(numbers)
        elif letter == "H":
            row, column = (int(number or 1) for number in (numbers or ";").split(";"))
            self._row, self._column = min(row, self.rows) - 1, min(column, self.columns) - 1
        elif letter == "K":
            # Behind a row that is full the cursor is still on its last cell.
            first = min(self._column, self.columns - 1)
            self._cells[self._row][first:] = [" "] * (self.columns - first)
        elif letter == "J":
            first = 0 if numbers == "2" else self._row
            for row in range(first, self.rows):
                self._cells[row] = [" "] * self.columns
        elif letter != "m":
            raise ValueError(f"the sequence ...{letter} is not known here")


class InTerminal:
    """A program that runs in a terminal of ``size`` (columns, rows)."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._near, self._far = pty.openpty()
        self._lock = threading.Lock()
        self._screen = Screen(*size)
        self.written = ""
        """All that was written so far."""
        self._problem: Exception | None = None
        self._set_size(size)
        self.settings_before = termios.tcgetattr(self._far)
        more = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
        self.process = subprocess.Popen(
            command, stdin=self._far, stdout=self._far, stderr=self._far, env={**kept, **more}
        )
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> InTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._far)
        self._reader.join()
        os.close(self._near)

    @property
    def settings(self) -> list[object]:
        """How the terminal is set."""
        return termios.tcgetattr(self._far)

    @property
    def modes(self) -> set[str]:
        """The private modes that are on, by number."""
        with self._lock:
            return set(self._screen.modes)

    @property
    def lines(self) -> list[str]:
        """What can be read on the screen now."""
        with self._lock:
            if self._problem is not None:
                raise self._problem
            return self._screen.lines

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._near, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Pull at its corner."""
        with self._lock:
            self._screen.resize(columns, rows)
        self._set_size((columns, rows))
        self.process.send_signal(signal.SIGWINCH)

    def wait_for(self, what: str | Callable[[list[str]], object], timeout: float = 20.0) -> list[str]:
        """The lines of the screen as soon as they hold this text, or make this true."""
        end = time.monotonic() + timeout
        while True:
            lines = self.lines
            if what in "\n".join(lines) if isinstance(what, str) else what(lines):
                return lines
            if time.monotonic() > end or self.process.poll() not in (None, 0):
                pytest.fail(f"waited in vain for {what!r} on the screen:\n" + "\n".join(lines))
            time.sleep(0.01)

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, rows = size
        fcntl.ioctl(self._far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pending = ""
        while True:
            try:
                received = os.read(self._near, 1 << 16)
            except OSError:  # nobody has the other end any more
                return
            text = decoder.decode(received)
            with self._lock:
                self.written += text
                pending += text
                # A sequence may be cut in two.
                cut = pending.rfind("\x1b")
                whole = len(pending) if cut < 0 or SEQUENCE.match(pending, cut) else cut
                try:
                    self._screen.write(pending[:whole])
                except ValueError as problem:
                    self._problem = problem
                    return
                pending = pending[whole:]
