"""What a rule reads: a series of frames that may still be growing.

A source is described by plain values (``{"kind": "spool", "path": ...}``), so that any process can open it. ``closed`` is asked before
``count``: a series that was closed then has all its frames counted afterwards, and so no tail is ever missed.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from beamloom.rules.arrays import Array


class Source(Protocol):
    """Frames 0, 1, 2, ... of one shape; may be called from one thread at a time."""

    def closed(self) -> bool:
        """There will be no more frames."""

    def count(self) -> int:
        """The frames that can be read now; never fewer than before."""

    def read(self, start: int, stop: int) -> Array:
        """Frames from ``start`` up to ``stop``: an array (frames, ...). Raises OSError."""

    def metadata(self) -> dict[str, Any]:
        """What is known of the series: values that JSON has."""

    def close(self) -> None:
        """Release what is open."""


@runtime_checkable
class OfEvents(Protocol):
    """A source whose frames belong to events of a run."""

    def events(self, start: int, stop: int) -> Array:
        """The events of frames ``start`` up to ``stop``. Raises OSError."""
