"""The runs that have ended, as the controller remembers them: a few kilobytes each, whatever they were.

Policy: of an ended run there is what a list shows of it, and, packed, all that its views are computed from: its last state, its map, its
epochs, and the recent past of its events. That is unpacked when somebody looks at it and let go with the view, so that a list of runs
costs nothing, and a hundred of them together stay below a bound in bytes. The oldest go first.
"""

from __future__ import annotations

import functools
import weakref
import zlib
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.feedback import FeedbackLog
from beamloom.engine.provenance import EpochRecord
from beamloom.engine.runs.checkpoint import CheckpointError, thaw
from beamloom.engine.runs.run import Run
from beamloom.engine.views.chronicle import Chronicle
from beamloom.engine.views.digest import Digest
from beamloom.errors import UserError
from beamloom.services.controller.statekeeping import RUNS_KEPT, RunPapers
from beamloom.triggermap import TriggerMap

MOST_BYTES = 32 << 20
"""Bytes that all ended runs may take together, as they are packed."""
QUICK = 1
"""The level of compression: maps and ranges are texts and numbers that repeat."""

_papers = msgspec.msgpack.Decoder(RunPapers)


class RunOfAnotherVersion(UserError):
    """A run whose state this version cannot read."""


class EndedRun:
    """A run that has ended, in this life of the controller or in a former one."""

    finished = True

    def __init__(
        self,
        papers: RunPapers,
        chronicle: Chronicle | None = None,
    ) -> None:
        """``chronicle``: what is known of it in memory beside the papers, where it was this controller's."""
        self.started_at = papers.started_at
        self.finished_at = papers.finished_at
        self.run_id = papers.run
        self.last_feedback = papers.feedback.last
        """The number of the last thing that its analysis has said."""
        self.record_prefix = papers.record_prefix
        self._packed = _pack(msgspec.msgpack.encode(papers))
        self._chronicle = None if chronicle is None else _pack(chronicle.encode())
        self._open: weakref.ref[Run] | None = None
        if papers.digest is not None:
            # Else it is made from the run when it is asked for.
            self.__dict__["digest"] = papers.digest

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, as it is packed."""
        return len(self._packed) + (0 if self._chronicle is None else len(self._chronicle))

    @functools.cached_property
    def digest(self) -> Digest:
        """What a list shows of it. Raises RunOfAnotherVersion where it is not in the papers and cannot be made of them."""
        return Digest.of(self.run, self.written)

    @property
    def run(self) -> Run:
        """The run as it ended; the same one as long as anybody holds it. Raises RunOfAnotherVersion."""
        run = None if self._open is None else self._open()
        if run is None:
            papers = self._papers
            try:
                run = thaw(papers.state, TriggerMap.from_json(papers.trigger_map, all_wrap=False))
            except CheckpointError as error:
                raise RunOfAnotherVersion(
                    f"of run {self.run_id} no more can be seen than its line in the list of runs: another version of Beamloom has kept it "
                    f"({error}); its results are in the files that were written of it"
                ) from error
            self._open = weakref.ref(run)
        return run

    @property
    def epochs(self) -> list[EpochRecord]:
        """The parameters that held in it, from the first event on; none where a version kept it that did not keep them."""
        return self._papers.epochs

    @property
    def feedback(self) -> FeedbackLog:
        """What its analysis has said."""
        return FeedbackLog(self._papers.feedback)

    @property
    def coverage(self) -> Coverage:
        """Which events are in its result."""
        run = self.run
        return Coverage.of(run.run_id, run.ledger, over=True)

    @property
    def written(self) -> TriggerMap:
        """The map in the words in which it was given."""
        return TriggerMap.from_json(self._papers.written, all_wrap=False)

    @property
    def chronicle(self) -> Chronicle | None:
        """What is remembered of its events; None where it was the run of a former controller."""
        return None if self._chronicle is None else Chronicle.decode(zlib.decompress(self._chronicle))

    @property
    def _papers(self) -> RunPapers:
        return _papers.decode(zlib.decompress(self._packed))


class EndedRuns:
    """The latest of the runs that have ended, the oldest first."""

    def __init__(self, most_runs: int = RUNS_KEPT, most_bytes: int = MOST_BYTES) -> None:
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._kept: deque[EndedRun] = deque()
        self.nbytes = 0
        """Bytes that they take together, as they are packed."""

    def add(self, runs: Iterable[EndedRun]) -> None:
        """These have ended, one after the other; the last one is kept whatever it takes."""
        for run in runs:
            self._kept.append(run)
            self.nbytes += run.nbytes
            while len(self._kept) > 1 and (
                len(self._kept) > self._most_runs or self.nbytes > self._most_bytes
            ):
                self.nbytes -= self._kept.popleft().nbytes

    def take_last(self) -> EndedRun | None:
        """The last one, which is no past one any more; None where there is none."""
        if not self._kept:
            return None
        last = self._kept.pop()
        self.nbytes -= last.nbytes
        return last

    def __iter__(self) -> Iterator[EndedRun]:
        return iter(self._kept)

    def __reversed__(self) -> Iterator[EndedRun]:
        return reversed(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _pack(written: bytes) -> bytes:
    return zlib.compress(written, QUICK)
