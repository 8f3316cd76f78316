"""What outlives the controller, as its service speaks of it: with a keeper it is kept, without one nobody goes on after this controller.

Policy: whoever is told something can rely on it, as the next controller knows it too.
"""

from __future__ import annotations

import secrets

from beamloom.engine.runs.run import Run
from beamloom.services.controller.statekeeping import Began, Entry, RunPapers, Snapshot, StateKeeper


class Outliving:
    """The keeper of a controller, or nothing in its place."""

    def __init__(self, keeper: StateKeeper | None, snapshot: Snapshot) -> None:
        self.keeper = keeper
        self._snapshot = snapshot

    def pipeline_name(self) -> str:
        """The name by which processes know their pipeline again."""
        return secrets.token_hex(8) if self.keeper is None else self.keeper.scribe.pipeline

    @property
    def problem(self) -> str | None:
        """Why what happens is not kept, and what to do; None while it is, or where it is not to be kept."""
        if self.keeper is None or self.keeper.problem is None:
            return None
        return f"{self.keeper.problem}; {self.keeper.scribe.remedy}"

    @property
    def overtaken(self) -> str | None:
        """Why this controller has to end: another one has the store."""
        return None if self.keeper is None else self.keeper.scribe.overtaken

    def note(self, entry: Entry) -> None:
        """Something has happened."""
        if self.keeper is not None:
            self.keeper.note(entry)

    def note_at_once(self, began: Began) -> None:
        """An epoch has begun: it is kept before anybody hears of it."""
        self.note(began)
        self.flush()

    def witness(self, run: Run) -> None:
        """What this run is told from now on is kept."""
        if self.keeper is not None:
            run.witness = self.keeper.hear

    def flush(self) -> None:
        """Something follows from what has happened, or somebody is told of it."""
        if self.keeper is not None:
            self.keeper.flush()

    def checkpoint(self, papers: RunPapers | None = None) -> None:
        """Keep all that is known, and the papers of a run."""
        if self.keeper is not None:
            self.keeper.checkpoint(self._snapshot, papers)

    def turn(self, now: float) -> None:
        """Do what is due."""
        if self.keeper is not None:
            self.keeper.turn(now, self._snapshot)

    def close(self) -> None:
        """Keep what is left."""
        if self.keeper is not None:
            self.keeper.close()
