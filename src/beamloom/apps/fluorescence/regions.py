"""Regions of a spectrum by name, as people write them: ``Fe 625-655, Cu 790-820``."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from beamloom import UserError

Array = np.ndarray[Any, np.dtype[Any]]
_REGION = re.compile(r"\s*([A-Za-z]\w*)\s*[ :=]\s*(\d+)\s*-\s*(\d+)\s*")


def parse_regions(text: str) -> dict[str, slice]:
    """The channels of each region. Raises UserError for what is none, and for a name that comes twice."""
    found: dict[str, slice] = {}
    for part in filter(str.strip, text.split(",")):
        match = _REGION.fullmatch(part)
        if match is None or int(match[2]) > int(match[3]) or match[1] in found:
            raise UserError(
                f"regions has {part.strip()!r}; write a name that comes once, and the first and the last channel: Fe 625-655, Cu 790-820"
            )
        found[match[1]] = slice(int(match[2]), int(match[3]) + 1)
    return found


def counts_in(spectrum: Array, regions: dict[str, slice]) -> dict[str, float]:
    """The sum of each region. Raises UserError for one that lies beyond the spectrum."""
    for name, channels in regions.items():
        if channels.stop > len(spectrum):
            raise UserError(
                f"the region {name} goes to channel {channels.stop - 1}, but spectra have {len(spectrum)} channels"
            )
    return {name: float(spectrum[channels].sum()) for name, channels in regions.items()}
