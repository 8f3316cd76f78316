"""Pictures as text: two rows of a picture are one line, so that the pixels are about square on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import numpy as np

from beamloom.demo.sample import Picture

PALETTES: Final[Mapping[str, Sequence[int]]] = {
    "Fe": (233, 52, 88, 124, 130, 166, 202, 208, 214, 215),
    "Cu": (233, 22, 23, 29, 30, 36, 37, 43, 79, 122),
    "Au": (233, 58, 94, 136, 172, 178, 214, 220, 221, 228),
}
"""Rust, verdigris and gold, from dark to bright, among the 256 colours that terminals have."""

BLOCKS: Final = " ░▒▓█"
LETTERS: Final = " .:+#"
"""For terminals and files whose encoding has no blocks."""
MISSING: Final = "?"
GAP: Final = "  "


@dataclass(frozen=True)
class Style:
    """How pictures are drawn."""

    colours: bool
    shades: str = BLOCKS

    @property
    def line(self) -> str:
        """What a heading is underlined with."""
        return "─" if self.shades == BLOCKS else "-"

    def bold(self, text: str) -> str:
        """The text so that it stands out, where that can be."""
        return f"\x1b[1m{text}\x1b[0m" if self.colours else text

    def drawn(self, picture: Picture, brightest: float, palette: Sequence[int]) -> list[str]:
        """The lines of one picture with values from 0 to ``brightest``; NaN is what is not known."""
        levels = picture / brightest
        return self._coloured(levels, palette) if self.colours else self._shaded(levels)

    @staticmethod
    def _coloured(levels: Picture, palette: Sequence[int]) -> list[str]:
        def colour(level: float) -> int | None:
            return None if np.isnan(level) else palette[_step(level, len(palette))]

        lines = []
        for upper, lower in _pairs(levels):
            cells = [_cell(colour(top), colour(bottom)) for top, bottom in zip(upper, lower, strict=True)]
            lines.append("".join(cells) + "\x1b[0m")
        return lines

    def _shaded(self, levels: Picture) -> list[str]:
        lines = []
        for upper, lower in _pairs(levels):
            means = [
                np.mean([level for level in pair if not np.isnan(level)] or [np.nan])
                for pair in zip(upper, lower, strict=True)
            ]
            lines.append(
                "".join(
                    MISSING if np.isnan(mean) else self.shades[_step(float(mean), len(self.shades))]
                    for mean in means
                )
            )
        return lines


def side_by_side(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Columns of lines as one; ``widths`` are those that the lines take up when shown."""
    return [
        GAP.join(line or " " * width for line, width in zip(row, widths, strict=True))
        for row in zip_longest(*columns)
    ]


def _pairs(levels: Picture) -> list[tuple[Picture, Picture]]:
    """Every two rows; the last one may be left without a partner."""
    if len(levels) % 2:
        levels = np.vstack([levels, np.full((1, levels.shape[1]), np.nan)])
    return list(zip(levels[::2], levels[1::2], strict=True))


def _step(level: float, steps: int) -> int:
    return min(max(int(level * steps), 0), steps - 1)


def _cell(top: int | None, bottom: int | None) -> str:
    """One character with one colour above the other; None is the terminal's own background."""
    match top, bottom:
        case None, None:
            return "\x1b[0m "
        case None, _:
            return f"\x1b[0;38;5;{bottom}m▄"
        case _, None:
            return f"\x1b[0;38;5;{top}m▀"
        case _:
            return f"\x1b[38;5;{top};48;5;{bottom}m▀"
