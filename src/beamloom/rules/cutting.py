"""Where a growing series is cut into chunks.

A chunk is full, or its first frame has waited long enough, or the series has ended: so a slow camera is not kept waiting for a full chunk,
and a fast one is not cut into crumbs. Chunks never overlap and never leave a gap; the halo is what a task may read around its chunk, and
frames after a chunk are waited for, unless the series ends before.
"""

from __future__ import annotations

from typing import NamedTuple


class Cut(NamedTuple):
    """Frames from ``start`` up to, and without, ``stop``."""

    start: int
    stop: int


def cut(
    released: int, there: int, *, size: int, halo: int = 0, overdue: bool = False, closed: bool = False
) -> list[Cut]:
    """The chunks to release now, of a series of which ``released`` frames are released and ``there`` are on disk.

    ``overdue``: the first of the others has waited long enough; ``closed``: there will be no more than those ``there``.
    """
    usable = there if closed else there - halo
    cuts = [Cut(start, start + size) for start in range(released, usable - size + 1, size)]
    rest = released + size * len(cuts)
    if rest < usable and (closed or overdue):
        cuts.append(Cut(rest, usable))
    return cuts


def with_halo(chunk: Cut, halo: int, final: int | None) -> Cut:
    """``chunk`` and the frames around it that there are."""
    stop = chunk.stop + halo
    return Cut(max(0, chunk.start - halo), stop if final is None else min(stop, max(final, chunk.stop)))
