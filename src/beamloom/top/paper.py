"""What lines are drawn with: styles and glyphs, as far as the terminal has them, and never wider than it is.

A line is made of spans of one style. Colours only repeat what words or glyphs say: all is drawn without them where ``NO_COLOR`` is set, and
with ASCII alone where nothing else can be shown. What came from others cannot move the cursor.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Style(StrEnum):
    """How a span looks; the value is its number in ECMA-48 (SGR)."""

    PLAIN = ""
    BOLD = "1"
    FAINT = "2"
    REVERSE = "7"
    GOOD = "32"
    WARNING = "33"
    TROUBLE = "31"
    ACCENT = "36"


COLOURS = frozenset({Style.GOOD, Style.WARNING, Style.TROUBLE, Style.ACCENT})
RESET = "\x1b[0m"
CUT = "…"
ASCII = str.maketrans(
    {"…": "~", "–": "-", "—": "-", "·": ".", "●": "*", "█": "#", "▓": "=", "▒": "+", "░": ":", "↑": "^", "↓": "v", "×": "x"}
)  # fmt: skip
"""What stands for the glyphs that are used here; any other becomes a question mark."""


class Span(NamedTuple):
    """Some text in one style."""

    text: str
    style: Style = Style.PLAIN


Line: TypeAlias = Sequence[Span | str]
"""A text alone is a plain span."""


class Share(NamedTuple):
    """A part of a bar: how much it is, and the glyph and style that it is filled with."""

    size: float
    glyph: str
    style: Style = Style.PLAIN


@dataclass(frozen=True)
class Paper:
    """A kind of terminal."""

    coloured: bool = True
    ascii_only: bool = False
    styled: bool = True
    """Whether it shows styles at all; a file does not."""

    @classmethod
    def of(
        cls,
        environment: Mapping[str, str],
        encoding: str | None,
        *,
        ascii_only: bool = False,
        styled: bool = True,
    ) -> Paper:
        """The one that the environment and the encoding of the output speak of (https://no-color.org)."""
        locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
        known = "utf" in locale.lower() or not locale
        able = known and "utf" in (encoding or "").lower()
        return cls(
            coloured=not environment.get("NO_COLOR"),
            ascii_only=ascii_only or not able,
            styled=styled and environment.get("TERM") != "dumb",
        )

    def drawn(self, line: Line, columns: int) -> str:
        """The line as it is written: of ``columns`` cells at the most, what is longer cut off."""
        spans = [span if isinstance(span, Span) else Span(span) for span in line]
        whole = sum(width(self._plain(span.text)) for span in spans)
        room = columns if whole <= columns else columns - 1
        written, used = [], 0
        for span in spans:
            text = fitted(self._plain(span.text), room - used)
            used += width(text)
            written.append(self._styled(text, span.style))
        if whole > columns > 0:
            written.append(CUT.translate(ASCII) if self.ascii_only else CUT)
        return "".join(written)

    def _plain(self, text: str) -> str:
        shown = "".join(character if character.isprintable() else " " for character in text)
        if not self.ascii_only:
            return shown
        return shown.translate(ASCII).encode("ascii", "replace").decode()

    def _styled(self, text: str, style: Style) -> str:
        if not text or not self.styled or style is Style.PLAIN or (style in COLOURS and not self.coloured):
            return text
        return f"\x1b[{style}m{text}{RESET}"


def bar(shares: Iterable[Share], total: float, columns: int) -> list[Span]:
    """Shares of ``total`` side by side, ``columns`` wide; what there is at all has a cell at least, as long as there is room."""
    spans, used, done = [], 0, 0.0
    for size, glyph, style in shares:
        if size <= 0 or total <= 0:
            continue
        done += size
        end = min(columns, max(used + 1, round(columns * done / total)))
        spans.append(Span(glyph * (end - used), style))
        used = end
    return [*spans, Span(" " * (columns - used))]


def width(text: str) -> int:
    """Cells of a terminal that a text takes (Unicode Standard Annex 11: wide and full-width characters take two)."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def fitted(text: str, columns: int) -> str:
    """As much of the beginning of a text as ``columns`` cells hold."""
    if width(text) <= columns:
        return text
    used = 0
    for place, character in enumerate(text):
        used += _cells(character)
        if used > columns:
            return text[:place]
    return text


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """A text of exactly ``columns`` cells, cut off or filled up; ``right``: filled up in front."""
    if width(text) > columns:
        text = fitted(text, columns - 1) + CUT if columns > 1 else fitted(text, columns)
    blank = " " * (columns - width(text))
    return blank + text if right else text + blank


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
