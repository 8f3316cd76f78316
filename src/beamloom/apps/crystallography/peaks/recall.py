"""Which share of the hits a veto lets pass, as its audits tell: a random sample of what it put aside is searched all the same.

A hit among audited frames was found after all, and stands for as many as are to be expected among those that nobody looked at. The
interval is that of Wilson (1927) for the share of hits among audited frames.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

Z_95: Final = 1.959964
"""Two-sided 95 % of a normal distribution."""


class Recall(NamedTuple):
    """Which share of the hits is found in spite of the veto, by the audits so far."""

    estimate: float
    low: float
    """Lower end of the interval of 95 %."""
    high: float
    hits: int
    """Hits that were let pass."""
    audited: int
    """Frames that would have been vetoed and were searched."""
    missed: int
    """Hits among these."""


def recall_of(*, hits: int, audited: int, missed: int, vetoed: int) -> Recall:
    """The recall, of so many hits that were let pass, frames audited, hits among them, and frames left out; 1 where there was no hit."""
    found = hits + missed
    low_share, share, high_share = wilson(missed, audited)

    def of(missed_share: float) -> float:
        lost = missed_share * vetoed
        return found / (found + lost) if found + lost else 1.0

    return Recall(of(share), of(high_share), of(low_share), hits, audited, missed)


def wilson(count: float, of: float) -> tuple[float, float, float]:
    """Lower end, estimate and upper end of a share of which ``count`` of ``of`` were seen."""
    if of == 0:
        return 0.0, 0.0, 1.0
    share = count / of
    width = 1 + Z_95**2 / of
    centre = (share + Z_95**2 / (2 * of)) / width
    reach = Z_95 * math.sqrt(share * (1 - share) / of + Z_95**2 / (4 * of * of)) / width
    return max(0.0, centre - reach), share, min(1.0, centre + reach)
