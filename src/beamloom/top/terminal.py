"""The terminal: keys one by one, a screen of its own, and everything as it was in the end.

Only lines that changed are written, which is little over a slow connection. Ctrl-Z gives the terminal back, and ``fg`` goes on.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""Another screen, no cursor, no lines that go on in the next row, nothing on it."""
LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
NAMES: Final = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\x1b[5~": "page-up", b"\x1b[6~": "page-down",
    b"\x1b[H": "home", b"\x1bOH": "home", b"\x1b[1~": "home", b"\x1b[F": "end", b"\x1bOF": "end", b"\x1b[4~": "end",
    b"\x1b": "esc", b" ": "space", b"\x03": "ctrl-c", b"\x04": "ctrl-d",
}  # fmt: skip
"""What terminals send for keys that are no characters."""
SEQUENCE_SECONDS: Final = 0.05
"""Within which what follows an ESC belongs to it."""
ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def keys_of(sent: bytes) -> list[str]:
    """The keys that a terminal sent; a sequence that is not known is no key."""
    keys, place = [], 0
    while place < len(sent):
        length = _length(sent, place)
        one = sent[place : place + length]
        place += length
        if one in NAMES:
            keys.append(NAMES[one])
        elif not one.startswith(b"\x1b") and (text := one.decode(errors="ignore")).isprintable() and text:
            keys.append(text)
    return keys


def _length(sent: bytes, place: int) -> int:
    """Of a character, or a sequence: ESC [ ... a letter or ~, ESC O a letter (ECMA-48, 5.4)."""
    rest = sent[place:]
    if rest[:2] == b"\x1b[":
        for end, octet in enumerate(rest[2:], 3):
            if 0x40 <= octet <= 0x7E:
                return end
        return len(rest)
    if rest[:2] == b"\x1bO":
        return min(3, len(rest))
    first = rest[0]
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


class Terminal:
    """The terminal of this process."""

    def __init__(self) -> None:
        self._drawn: list[str] = []
        self._size = (0, 0)
        self._before: list[Any] | None = None
        # Unlike a pipe's, its closed end is known to be closed, whoever has the number of its descriptor by then.
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self.told_to_end = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Draw on it and read its keys; whatever happens, it is given back."""
        handlers: dict[int, Any] = {signal.SIGWINCH: self._resized, signal.SIGTSTP: self._put_aside}
        handlers |= dict.fromkeys(ENDS, self._told)
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            self._enter()
            yield
        finally:
            # A terminal that is gone, as after SIGHUP, takes nothing back.
            with suppress(OSError, termios.error):
                self._leave()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._waker.close()
            self._woken.close()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        # A serial line says 0.
        return columns or 80, rows or 24

    def wake(self) -> None:
        """End a wait; may be called by any thread, and by handlers of signals."""
        # What is full wakes as well; what is closed has nobody who waits.
        with suppress(OSError):
            self._waker.send(b".")

    def wait(self, seconds: float) -> list[str]:
        """The keys that were pressed, as soon as there is one; none when the time is over, or somebody wakes."""
        keyboard = sys.stdin.fileno()
        ready, _, _ = select.select([keyboard, self._woken], [], [], seconds)
        if self._woken in ready:
            self._woken.recv(4096)
        if keyboard not in ready:
            return []
        sent = os.read(keyboard, 4096)
        if sent == b"\x1b" and select.select([keyboard], [], [], SEQUENCE_SECONDS)[0]:
            sent += os.read(keyboard, 4096)
        if not sent:
            self.told_to_end = True
        return keys_of(sent)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, from the top; what stands there already is not written again."""
        size = self.size
        written = []
        if size != self._size:
            self._size, self._drawn = size, []
            written.append("\x1b[2J")
        for row, line in enumerate(lines):
            if row >= len(self._drawn) or self._drawn[row] != line:
                # First erased, then written: behind a line that fills its row the cursor is still on its last cell.
                written.append(f"\x1b[{row + 1};1H\x1b[K{line}")
        if len(lines) < len(self._drawn):
            written.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._drawn = list(lines)
        if written:
            sys.stdout.write("".join(written))
            sys.stdout.flush()

    def _enter(self) -> None:
        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        self._drawn, self._size = [], (0, 0)
        sys.stdout.write(ENTER)
        sys.stdout.flush()

    def _leave(self) -> None:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def _resized(self, number: int, frame: FrameType | None) -> None:
        self.wake()

    def _told(self, number: int, frame: FrameType | None) -> None:
        self.told_to_end = True
        self.wake()

    def _put_aside(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # Here it goes on.
        signal.signal(signal.SIGTSTP, self._put_aside)
        self._enter()
        self.wake()
