"""What a look through a recording found, kept for the next time without the bytes.

Policy: a stretch of records that are alike, and a large frame, are only places in the file. So what is kept does not grow with a
recording of alike records; of one in which each record is another it would, and beyond a limit nothing is kept: that file is looked
through again.
"""

from __future__ import annotations

from beamloom.recordings.runs import AlikeRun, GatheredRun, RecordRun

MOST_BYTES = 1 << 25
RUN_BYTES = 1 << 10
"""What a run takes beside its frames, by estimate."""
FRAME_BYTES = 1 << 7
"""What a frame takes beside its bytes, by estimate."""


class Finds:
    """The runs of one recording."""

    def __init__(self) -> None:
        self._runs: list[RecordRun] | None = []
        self._bytes = 0

    def add(self, run: RecordRun) -> None:
        """The next run of the file."""
        runs = self._runs
        if runs is None:
            return
        if isinstance(run, GatheredRun):
            self._bytes += run.nbytes + FRAME_BYTES * run.frame_count
        elif not isinstance(run, AlikeRun) or (left := run.left()) is None:
            self._runs = None
            return
        else:
            run = left
            if (
                runs
                and isinstance(before := runs[-1], AlikeRun)
                and (both := before.with_next(left)) is not None
            ):
                runs[-1] = both
                return
        runs.append(run)
        self._bytes += RUN_BYTES
        if self._bytes > MOST_BYTES:
            self._runs = None

    @property
    def runs(self) -> list[RecordRun] | None:
        """All of them; None where it would be too much to keep."""
        return self._runs
