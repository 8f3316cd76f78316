"""What the search is asked for: the parameters that peakfinder8 has everywhere, under the names that its users know."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from beamloom import UserError

Mode = Literal["exact", "robust", "fast"]
"""``exact``: what OM 23.8.3 finds. ``robust``: the same where its statistics hold, and no blind bins where they do not. ``fast``:
``robust`` with radial statistics carried over frames."""


class PeakSettingsError(UserError, ValueError):
    """Parameters, or arrays, with which no search can be made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeakSettings:
    """The parameters of one search. Raises PeakSettingsError for those that cannot be."""

    adc_threshold: float
    """The least value of a pixel of a peak, whatever its background; in the units of the frame."""
    minimum_snr: float
    """How many sigma of the background a pixel stands out to belong to a peak, and a peak as a whole to be kept."""
    min_pixel_count: int
    max_pixel_count: int
    local_bg_radius: int
    """In pixels; the local background is that of a disc of twice this radius."""
    max_num_peaks: int
    adu_per_photon: float | None = None
    """What one photon adds to a pixel. None: 1 for frames of integers, not known for others. ``exact`` does not use it."""

    def __post_init__(self) -> None:
        for name in ("adc_threshold", "minimum_snr"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise PeakSettingsError(
                    f"{name} is {value}; give a number (a very negative one turns it off)"
                )
        for name in ("min_pixel_count", "max_pixel_count", "local_bg_radius", "max_num_peaks"):
            value = getattr(self, name)
            if isinstance(value, bool) or value != int(value) or value < 0:
                raise PeakSettingsError(f"{name} is {value!r}; give a whole number of 0 or more")
            object.__setattr__(self, name, int(value))
        if self.max_pixel_count < self.min_pixel_count:
            raise PeakSettingsError(
                f"max_pixel_count ({self.max_pixel_count}) is less than min_pixel_count ({self.min_pixel_count}), "
                "so no peak could be kept; exchange them"
            )
        if self.adu_per_photon is not None and not 0 < self.adu_per_photon < math.inf:
            raise PeakSettingsError(
                f"adu_per_photon is {self.adu_per_photon}; give a positive number, or leave it out"
            )


def checked_mode(mode: str) -> Mode:
    """``mode``, if it is one."""
    modes = get_args(Mode)
    for known in modes:
        if mode == known:
            return known  # type: ignore[no-any-return]
    raise PeakSettingsError(f"there is no mode {mode!r}; choose one of {', '.join(modes)}")
