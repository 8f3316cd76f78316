"""What a list of runs shows of one: a few numbers and sentences, which stay when the run itself is packed away."""

from __future__ import annotations

import msgspec

from beamloom.engine.accounts.ledger import Counts
from beamloom.engine.runs.run import Run
from beamloom.triggermap import TriggerMap


class Digest(msgspec.Struct, frozen=True):
    """A run in short."""

    run: str
    counts: Counts
    stop_cause: str | None
    aborted: bool
    degraded: str | None
    max_failed: str | None
    clean: bool
    streams: tuple[str, ...]

    @classmethod
    def of(cls, run: Run, written: TriggerMap) -> Digest:
        """That of a run as it stands now."""
        return cls(
            run.run_id,
            run.ledger.counts(),
            run.stop_cause,
            run.aborted,
            run.degraded,
            str(run.max_failed) if run.max_failed else None,
            run.clean,
            tuple(written.streams),
        )

    @property
    def complete(self) -> bool:
        """Whether every event is reduced."""
        return self.counts.total is not None and self.counts.reduced == self.counts.total
