"""What is seen of the demo while it runs: on a terminal maps that grow, elsewhere a line every second."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Protocol, TextIO

from beamloom.demo.live import Moment
from beamloom.demo.pictures import BLOCKS, GAP, LETTERS, PALETTES, Style, side_by_side
from beamloom.demo.sample import Picture

ERASE = "\x1b[{lines}F\x1b[J"
LINE_SECONDS = 1.0
BAR = 24


class DemoScreen(Protocol):
    """Where the demo shows what happens."""

    style: Style

    def say(self, text: str) -> None:
        """Some lines that stay."""

    def show(self, moment: Moment, brightest: Mapping[str, float]) -> None:
        """The run as it is now; called often. ``brightest``: the counts at the top of each element's scale."""

    def close(self) -> None:
        """The run is over: what was shown of it in passing goes."""


class TerminalScreen:
    """Draws in place: the maps as they grow, where there is room for them, and a line of figures."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        self.style = style
        self._stream = stream
        self._drawn = 0

    def say(self, text: str) -> None:
        """Write the lines."""
        self.close()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def show(self, moment: Moment, brightest: Mapping[str, float]) -> None:
        """Draw again."""
        columns, rows = shutil.get_terminal_size()
        lines = maps_text(moment.maps, brightest, self.style)
        wide = sum(picture.shape[1] + len(GAP) for picture in moment.maps.values())
        lines = [*lines, ""] if wide <= columns and len(lines) + 3 < rows else []
        lines.append(figures(moment)[: columns - 1])
        erase = ERASE.format(lines=self._drawn) if self._drawn else ""
        self._stream.write(erase + "".join(f"{line}\n" for line in lines))
        self._stream.flush()
        self._drawn = len(lines)

    def close(self) -> None:
        """Erase what is drawn."""
        if self._drawn:
            self._stream.write(ERASE.format(lines=self._drawn))
            self._stream.flush()
        self._drawn = 0


class LineScreen:
    """Writes lines only, for files and pipes."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        self.style = style
        self._stream = stream
        self._next = 0.0

    def say(self, text: str) -> None:
        """Write the lines."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def show(self, moment: Moment, brightest: Mapping[str, float]) -> None:
        """Write the figures, if the last time is long enough ago."""
        now = time.monotonic()
        if now >= self._next or moment.finished:
            self._next = now + LINE_SECONDS
            self.say(figures(moment))

    def close(self) -> None:
        """Nothing goes."""


def screen_on(stream: TextIO) -> DemoScreen:
    """The screen that suits a stream."""
    shades = BLOCKS if _can_show(stream, BLOCKS + "▀▄─") else LETTERS
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        colours = shades == BLOCKS and not os.environ.get("NO_COLOR")
        return TerminalScreen(stream, Style(colours, shades))
    return LineScreen(stream, Style(colours=False, shades=shades))


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def figures(moment: Moment) -> str:
    """The run in one line."""
    filled = BAR * moment.settled // max(moment.total, 1)
    return (
        f"[{'=' * filled}{' ' * (BAR - filled)}] {moment.settled}/{moment.total} events  "
        f"{moment.rate:4.0f}/s  {moment.failed} failed  {moment.lost} lost"
    )


def maps_text(
    maps: Mapping[str, Picture], brightest: Mapping[str, float], style: Style, *, title: str = ""
) -> list[str]:
    """The maps of all elements beside each other, each below its name."""
    columns: list[Sequence[str]] = []
    for element, picture in maps.items():
        width = picture.shape[1]
        heading = style.bold(f"{element} {title}".strip().ljust(width)[:width])
        columns.append(
            [heading, style.line * width, *style.drawn(picture, brightest[element], PALETTES[element])]
        )
    return side_by_side(columns, [picture.shape[1] for picture in maps.values()])
