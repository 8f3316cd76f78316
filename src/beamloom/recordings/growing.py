"""A recording that is still being written, read as it grows.

Policy: it stays open, so that it does not matter when its writer gives it its name. It is over when the run is, and it has that name or
has not grown for a while: one that lacks packets never gets it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from beamloom.errors import UsageError
from beamloom.recordings.format import CorruptRecording
from beamloom.recordings.found import runs_of
from beamloom.recordings.runs import RecordRun
from beamloom.recordings.source import Content

QUIET_SECONDS = 10.0
"""After which a recording of a run that is over does not grow any more, whatever its name."""


class GrowingRecording:
    """The records of one file that grows; ``is_over`` says whether its run has ended."""

    def __init__(
        self, path: Path, is_over: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``path`` is the name that it has now."""
        self.path = path
        self._is_over = is_over
        self._clock = clock

    def runs(self) -> Iterator[RecordRun | None]:
        """Its records from the beginning; None where there are no more at this moment. Raises CorruptRecording, UsageError."""
        whole = self.path.with_name(self.path.name.removesuffix(".part"))
        # Its name is another one by the time at which somebody would want to read a frame later.
        with Content(self.path, passes_over=False) as content:
            if content.compressed:
                raise UsageError(
                    f"{self.path} is compressed and cannot be read while it grows; wait until the run has ended"
                )
            grew_at, position = self._clock(), 0
            while True:
                # Asked before it is read: what was written until then is read below.
                over = self._is_over()
                closed = over and whole.exists()
                try:
                    yield from runs_of(content)
                except ValueError as error:
                    raise CorruptRecording(
                        f"{self.path} is damaged at byte {content.position}: {error}. What precedes this place can be used."
                    ) from error
                if content.position > position:
                    grew_at, position = self._clock(), content.position
                elif closed or (over and self._clock() - grew_at > QUIET_SECONDS):
                    return
                yield None
                content.look_again()
