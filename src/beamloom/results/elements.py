"""Elements of datasets as a table of texts: what people read on a page, and what spreadsheets open.

Every element is written so that reading it back gives the same: numbers with all their digits (``0.1``, ``nan``, ``(1+2j)``), times in
ISO 8601, text as it is, bytes as text where they are UTF-8. Several datasets stand side by side, as long as the shortest. A dataset of
records has one column for each field, one with more axes one for each element of a row.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from beamloom.results.selection import SelectionError

Array: TypeAlias = npt.NDArray[Any]
MOST_CELLS = 20_000_000
"""Of one table; more would keep the reducer's machine busy for long."""


class Table(NamedTuple):
    """Texts in rows and columns."""

    columns: list[str]
    rows: list[tuple[str, ...]]


def table_of(parts: Sequence[tuple[str, Array]]) -> Table:
    """Named arrays side by side; those without axes are one row. Raises SelectionError for what is too large."""
    cells = sum(math.prod(part.shape) * max(1, len(part.dtype.names or ())) for _, part in parts)
    if cells > MOST_CELLS:
        raise SelectionError(
            f"a table of {cells} elements is too large; select a part, or ask for npy or the file at /api/v1/file."
        )
    columns = [column for name, part in parts for column in _columns(name, np.atleast_1d(part))]
    return Table([name for name, _ in columns], list(zip(*(texts for _, texts in columns), strict=False)))


def as_csv(table: Table) -> bytes:
    """Comma-separated, with the names in the first line (RFC 4180)."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows(itertools.chain([table.columns], table.rows))
    return file.getvalue().encode()


def _columns(name: str, part: Array) -> Iterator[tuple[str, list[str]]]:
    if part.dtype.names is not None:
        for field in part.dtype.names:
            yield from _columns(f"{name}.{field}", part[field])
    elif part.ndim == 1:
        yield name, _texts(part)
    else:
        # Without rows numpy cannot tell by itself how many columns there are.
        flat = part.reshape(len(part), math.prod(part.shape[1:]))
        places = np.ndindex(*part.shape[1:])
        for column, place in enumerate(places):
            yield f"{name}[{','.join(map(str, place))}]", _texts(flat[:, column])


def _texts(part: Array) -> list[str]:
    if part.dtype.kind in "biufcMm":
        texts: list[str] = part.astype(str).tolist()
        return texts
    return [_text(one) for one in part.tolist()]


def _text(element: Any) -> str:
    if isinstance(element, bytes):
        try:
            return element.decode()
        except UnicodeDecodeError:
            return element.hex(" ")
    if isinstance(element, np.ndarray):
        return " ".join(_texts(element.ravel()))
    return str(element)
