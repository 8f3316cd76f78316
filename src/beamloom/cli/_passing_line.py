"""One line on a terminal that tells what is being done now, and is gone in the end; nothing where nobody looks."""

from __future__ import annotations

import shutil
import sys


class PassingLine:
    """On the standard error, so that it is never among results."""

    def __init__(self) -> None:
        self.shows = sys.stderr.isatty()
        """Whether there is a terminal."""
        self._open = False

    def say(self, text: str) -> None:
        """What is being done, in the place of what was said before; cut off where the terminal is narrower."""
        if self.shows:
            self._open = True
            self._write(f"\r{text[: self._columns]:<{self._columns}}")

    def close(self) -> None:
        """Leave no line behind."""
        if self._open:
            self._open = False
            self._write("\r" + " " * self._columns + "\r")

    @property
    def _columns(self) -> int:
        # In the last column some terminals begin a new line.
        return shutil.get_terminal_size().columns - 1

    def _write(self, text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)
