"""The common mode of frames of an Eiger 4M: medians of panels, of rows and of columns, beside numpy.nanmedian."""

from __future__ import annotations

from typing import Any

import _measure as measure  # before numpy
import numpy as np

from beamloom.apps.crystallography.analysis.common_mode import take_off

Array = np.ndarray[Any, np.dtype[Any]]
SHAPE = (2167, 2070)
PANELS = [
    (top, top + 513, left, left + 1029)
    for top in range(0, SHAPE[0], 551)
    for left in range(0, SHAPE[1], 1040)
]


def by_numpy(slab: Array, good: Array, what: str) -> None:
    """The same by numpy."""
    axis = {"panel": None, "row": 1, "column": 0}[what]
    for top, bottom, left, right in PANELS:
        here = np.s_[top : bottom + 1, left : right + 1]
        slab[here] -= np.nanmedian(np.where(good[here], slab[here], np.nan), axis=axis, keepdims=True)


def main() -> None:
    """Print two lines for each kind of frame and of common mode; a copy of the frame is in all of them."""
    random = np.random.default_rng(1)
    good = random.random(SHAPE) > 0.01
    for kind, frame in (
        ("noise", random.normal(0, 1, SHAPE).astype(np.float32)),
        ("photons", random.poisson(3.0, SHAPE).astype(np.float32)),
    ):
        for what in ("panel", "row", "column"):
            ours, theirs = frame.copy(), frame.copy()
            take_off(ours, good, PANELS, what)
            by_numpy(theirs, good, what)
            np.testing.assert_array_equal(ours, theirs)
            print(f"{kind}, {what}")
            measure.row(
                "  here",
                measure.cpu_seconds(
                    lambda frame=frame, what=what: take_off(frame.copy(), good, PANELS, what)  # type: ignore[misc]
                ),
            )
            measure.row(
                "  numpy.nanmedian",
                measure.cpu_seconds(lambda frame=frame, what=what: by_numpy(frame.copy(), good, what), 2),  # type: ignore[misc]
            )


if __name__ == "__main__":
    main()
