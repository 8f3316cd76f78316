"""Which events of a run are in a sample.

Policy: an event is chosen by its number alone, so that all who are asked choose the same ones, whoever works on them and however often. The
numbers are mixed before: every tenth event would be the same point of each line of a scan. The start event is in each sample.

Invariant: what is in a sample is in every larger one, too.
"""

from __future__ import annotations

import msgspec

BITS = 64
MASK = (1 << BITS) - 1


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A share of all events."""

    share: float = 1.0
    """From 0 (the start event alone) to 1 (all)."""

    def __contains__(self, event: int) -> bool:
        return event == 0 or mixed(event) < self.share * (1 << BITS)


def mixed(number: int) -> int:
    """The number as one of 64 bits that looks like a random one (splitmix64: Steele, Lea and Flood, OOPSLA 2014)."""
    z = (number * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)
