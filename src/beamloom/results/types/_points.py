"""Measured points in the order of their events, however they came."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_PIECES = 1024

Columns = npt.NDArray[np.float64]


class Points:
    """Points with coordinates x, y and a value, as columns (4, n): event, x, y, value."""

    def __init__(self, columns: Columns | None = None) -> None:
        self._pieces: list[Columns] = [] if columns is None or not columns.shape[1] else [columns]

    def add(self, event: int, x: Columns, y: Columns, value: Columns) -> None:
        """Points of an event, (n,) each."""
        self._pieces.append(np.stack([np.full(len(x), float(event)), x, y, value]))
        self._tidy()

    def merge(self, other: Points) -> None:
        """All points of ``other``."""
        self._pieces += other._pieces
        self._tidy()

    def sorted(self) -> Columns:
        """All points by event; those of one event in the order in which they were added."""
        if not self._pieces:
            return np.empty((4, 0))
        whole = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces, axis=1)
        if not (whole[0][:-1] <= whole[0][1:]).all():
            whole = whole[:, np.argsort(whole[0], kind="stable")]
        self._pieces = [whole]
        return whole

    def _tidy(self) -> None:
        # Larger pieces are left alone, so that each point is moved a few times at most and not once for every thousand others.
        if len(self._pieces) > MOST_PIECES and self._pieces[-1].shape[1] < MOST_PIECES:
            large = [piece for piece in self._pieces if piece.shape[1] >= MOST_PIECES]
            small = [piece for piece in self._pieces if piece.shape[1] < MOST_PIECES]
            self._pieces = [*large, np.concatenate(small, axis=1)]
