"""What modules take and make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleError, closest


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns of equal length, by name."""

    columns: Mapping[str, Array]
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the file that it came from says of it."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> Array:
        """One column. Raises RuleError, which names those that there are."""
        if name not in self.columns:
            known = ", ".join(self.columns)
            raise RuleError(f"the table has no column {name!r}{closest(name, self.columns)}; it has: {known}")
        return self.columns[name]

    def rows(self, chosen: Array) -> Table:
        """The rows that ``chosen`` is true of, or that it numbers."""
        return Table({name: column[chosen] for name, column in self.columns.items()}, self.about)

    def structured(self) -> Array:
        """One array with a field for each column."""
        kinds = [(name, column.dtype, column.shape[1:]) for name, column in self.columns.items()]
        found = np.zeros(len(self), kinds)
        for name, column in self.columns.items():
            found[name] = column
        return found

    @classmethod
    def of(cls, structured: Array, about: Mapping[str, Any] | None = None) -> Table:
        """From one array with fields."""
        return cls({name: structured[name] for name in structured.dtype.names or ()}, dict(about or {}))


@dataclasses.dataclass(frozen=True)
class Image:
    """Pixels (y, x), or a stack of them (frames, y, x)."""

    pixels: Array
    pixel_size: float = 0.0
    """Of a pixel in the sample, in nm; 0: not known."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Where the centre of the first pixel is: x and y in nm."""
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def with_pixels(self, pixels: Array) -> Image:
        """The same place with other pixels."""
        return dataclasses.replace(self, pixels=pixels)


def said(kind: type) -> str:
    """``Table`` or ``Image`` in a sentence."""
    return f"{'an' if kind is Image else 'a'} {kind.__name__.lower()}"
