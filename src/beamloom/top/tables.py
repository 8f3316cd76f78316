"""Titles, and columns of text of one width, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from beamloom.top.paper import Line, Span, Style, padded, width

GAP = "  "


class Column(NamedTuple):
    """One column of a table."""

    head: str
    right: bool = False
    """Numbers stand at the right of their column."""
    most: int = 24
    """Cells."""


Cell = Span | Sequence[Span]
"""A text in one style; or spans that are drawn already, as a bar, of the width of the head or more."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[Line]:
    """A head and a line for each row. The last column takes what is left."""
    widths = widths_of(columns, rows)
    head = [Span(f" {_row_text(columns, widths)}", Style.FAINT)]
    lines: list[Line] = [head]
    for row in rows:
        line: list[Span] = [Span(" ")]
        for place, cell in enumerate(row):
            if place:
                line.append(Span(GAP))
            if not isinstance(cell, Span):
                line += cell
            elif place == len(row) - 1:
                line.append(cell)
            else:
                line.append(Span(padded(cell.text, widths[place], right=columns[place].right), cell.style))
        lines.append(line)
    return lines


def title(text: str) -> Line:
    """The line above a panel."""
    return [Span(f" {text}", Style.BOLD)]


def widths_of(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Cells of each column; rows may have more cells than there are columns."""
    return [
        min(column.most, max([width(column.head), *(_width(row[place]) for row in rows)]))
        for place, column in enumerate(columns)
    ]


def _row_text(columns: Sequence[Column], widths: Sequence[int]) -> str:
    return GAP.join(
        padded(column.head, cells, right=column.right) for column, cells in zip(columns, widths, strict=True)
    ).rstrip()


def _width(cell: Cell) -> int:
    return width(cell.text) if isinstance(cell, Span) else sum(width(span.text) for span in cell)
