"""Numbers of images that count within a series, where each message says which series it belongs to."""

from __future__ import annotations

from beamloom.devices.fields import MalformedPacket
from beamloom.events import Bearing


class SeriesNumbers:
    """Places the images of one run's series.

    ``field`` is what the protocol calls the number of an image, ``first`` what it calls the first of a series, and ``setting`` the
    setting that says so.
    """

    def __init__(self, field: str, first: int, setting: str) -> None:
        self._field = field
        self._first = first
        self._setting = setting
        self._series: int | None = None
        self._only: int | None = None

    def begin_at(self, series: int) -> None:
        """The run takes one series, this one, whose beginning may come to another ingester."""
        self._series = self._only = series

    def is_left_over(self, series: int) -> bool:
        """Whether this is of a series before the one that the run takes. Raises MalformedPacket for one behind it."""
        if self._only is not None and series > self._only:
            raise MalformedPacket(
                f"series {series} follows series {self._only}, but a stream that several ingesters share takes one series in a run"
            )
        return self._only is not None and series < self._only

    @property
    def bearing(self) -> Bearing | None:
        """The series that has begun."""
        return None if self._series is None else {"series": self._series}

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Go on in a series whose beginning came to another reader; as of a ResumableSource."""
        if not one_series:
            raise ValueError("its images are counted in each series anew, and this run may hold several")
        self._series = bearing["series"]
        return 0

    def start(self, series: int) -> None:
        """A series begins."""
        self._series = series

    def image(self, series: int, number: int | None) -> int:
        """The place of an image in its series, 1 for the first. Raises MalformedPacket for one that has none, or is of another series."""
        if self._series is not None and series != self._series:
            raise MalformedPacket(
                f"the image belongs to series {series}, but series {self._series} has begun"
            )
        if number is None:
            raise MalformedPacket(f"the header of the image has no {self._field}")
        if number < self._first:
            raise MalformedPacket(
                f"{self._field} {number} comes before the first, which is {self._first} by the setting {self._setting}"
            )
        return number - self._first + 1
