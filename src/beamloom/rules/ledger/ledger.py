"""The account of all rules: runs, steps, chunks, attempts and files, in the tables of a database.

It decides everything and does nothing: no clock, no process, no file but its own. Whoever holds it may be killed between any two
calls, or within one; the next one that opens it calls ``take_over`` and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from beamloom.rules.cutting import Cut
from beamloom.rules.ledger import chunks, history, outputs, steps, submissions, views
from beamloom.rules.ledger.database import Database, in_folder
from beamloom.rules.ledger.history import ChunkState, ChunkView, RunView
from beamloom.rules.ledger.outputs import Unpublished
from beamloom.rules.ledger.steps import Settled
from beamloom.rules.ledger.views import ErrorGroup, StepView
from beamloom.rules.spec import GATHER, Link, Outcome, Part, Setup, StepSpec, Submission, Work
from beamloom.texts import encodable


class Candidate(NamedTuple):
    """A step that has chunks to work off."""

    step: int
    resources: dict[str, float]


class Ledger:
    """See the module."""

    def __init__(self, where: Path | Database) -> None:
        """Opens the ledger in the folder ``where``, or makes it. Raises LedgerError."""
        self._database = where if isinstance(where, Database) else in_folder(where)
        self._specs: dict[int, StepSpec] = {}

    def take_over(self) -> int:
        """Begin where another process was cut off: what it had leased is ready again. How many chunks these are."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE engine SET generation = generation + 1")
            return chunks.take_back(connection)

    def close(self) -> None:
        """Release the file. May be called twice."""
        self._database.close()

    # Steps

    def submit(
        self,
        specs: Sequence[StepSpec],
        links: Sequence[Link],
        paths: list[str],
        now: float,
        submission: Submission | None = None,
    ) -> list[int]:
        """Steps that belong together; their ids. Under a key that is known they are those of then, and nothing is submitted."""
        with self._database.transaction() as connection:
            return steps.submit(connection, specs, links, paths, now, submission)

    def resolve(self, step: int, resolved: Mapping[str, Any], items: int, size: int, now: float) -> Settled:
        """What a step works on is known as a whole: ``items`` of it, in chunks of ``size``."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE steps SET resolved = ? WHERE id = ? AND resolved IS NULL",
                (msgspec.json.encode(dict(resolved)), step),
            )
            cuts = [Cut(start, min(start + size, items)) for start in range(0, items, size)]
            chunks.release(connection, step, cuts)
            return self.finalise(step, items, now)

    def release(self, step: int, cuts: Sequence[Cut]) -> None:
        """More of a series is there. Raises LedgerError where it does not go on where it was."""
        with self._database.transaction() as connection:
            chunks.release(connection, step, cuts)

    def finalise(self, step: int, final: int, now: float) -> Settled:
        """The series has ended with ``final`` frames; where fewer were released, the step goes on until they are."""
        with self._database.transaction() as connection:
            (released,) = connection.execute("SELECT released FROM steps WHERE id = ?", (step,)).fetchone()
            if final < released:
                return steps.end(
                    connection,
                    step,
                    "failed",
                    f"the series has ended with {final} frames, and {released} were there before: it was changed while it was read",
                    now,
                )
            connection.execute("UPDATE steps SET final = ? WHERE id = ?", (final, step))
            return steps.settle(connection, step, now)

    def fail(self, step: int, reason: str, now: float) -> Settled:
        """A step that cannot be worked off at all."""
        with self._database.transaction() as connection:
            return steps.end(connection, step, "failed", encodable(reason), now)

    def trouble(self, step: int, sentence: str) -> None:
        """What holds a step up now; it is forgotten when the step goes on."""
        told = encodable(sentence)
        # It is told as often as it is tried again, and written down once.
        with self._database.reading() as connection:
            if connection.execute("SELECT trouble FROM steps WHERE id = ?", (step,)).fetchone() == (told,):
                return
        with self._database.transaction() as connection:
            connection.execute("UPDATE steps SET trouble = ? WHERE id = ?", (told, step))

    def cancel(self, step: int, reason: str, now: float) -> Settled:
        """End a step; what comes back of it does not count."""
        with self._database.transaction() as connection:
            return steps.cancel(connection, step, reason, now)

    def retry_failed(self, step: int, now: float) -> int:
        """Work off again what failed; how many chunks."""
        with self._database.transaction() as connection:
            return steps.retry_failed(connection, step, now)

    def prioritise(self, step: int, priority: int) -> None:
        """Higher comes first."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE steps SET priority = ? WHERE id = ?", (priority, step))

    # Chunks

    def candidates(self) -> list[Candidate]:
        """Steps that have ready chunks: by priority, then those of which the least is under way."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id FROM steps WHERE state IN ('running', 'gathering') AND ready > 0 ORDER BY priority DESC, leased, id"
            ).fetchall()
        return [Candidate(step, self.spec(step).resources) for (step,) in rows]

    def claim(self, step: int, most: int, now: float) -> list[Work]:
        """Lease up to ``most`` chunks."""
        with self._database.transaction() as connection:
            leased = chunks.claim(connection, step, most, now)
            (final,) = connection.execute("SELECT final FROM steps WHERE id = ?", (step,)).fetchone()
            return [
                Work(lease, *cut, final, *(views.parts(connection, step) if lease.chunk == GATHER else ()))
                for lease, cut in leased
            ]

    def take(self, outcomes: Iterable[Outcome], now: float) -> Settled:
        """What became of leases, in one transaction."""
        settled = Settled()
        with self._database.transaction() as connection:
            for outcome in outcomes:
                taken = chunks.take(connection, outcome, now)
                if taken is None:
                    settled.late += _files(outcome)
                else:
                    settled.add(taken)
        return settled

    # Files

    def unpublished(self) -> list[Unpublished]:
        """Files that wait for their names."""
        with self._database.reading() as connection:
            return outputs.unpublished(connection)

    def choose(self, output: int, actual: str) -> None:
        """The name that a file is going to have."""
        with self._database.transaction() as connection:
            outputs.choose(connection, output, actual)

    def published(self, output: int, now: float) -> Settled:
        """A file has its name."""
        with self._database.transaction() as connection:
            return outputs.published(connection, output, now)

    def file_gone(self, output: int, sentence: str, now: float) -> Settled:
        """A file that waits for its name is not there any more: its chunk is tried again, as its rule allows."""
        with self._database.transaction() as connection:
            return chunks.file_gone(connection, output, sentence, now)

    def renamed(self, step: int) -> dict[str, str]:
        """Of the run of a step: names that were asked for, and what they became."""
        with self._database.reading() as connection:
            return outputs.renamed(connection, step)

    # Questions

    def changes(self) -> int:
        """Grows with whatever is written; as long as it is the same, so is everything else that is asked."""
        with self._database.reading() as connection:
            return connection.total_changes

    def spec(self, step: int) -> StepSpec:
        """The step as it was pushed. Raises KeyError."""
        if step not in self._specs:
            with self._database.reading() as connection:
                row = connection.execute("SELECT spec FROM steps WHERE id = ?", (step,)).fetchone()
            if row is None:
                raise KeyError(step)
            self._specs[step] = msgspec.json.decode(row[0], type=StepSpec)
        return self._specs[step]

    def setup(self, step: int) -> Setup:
        """What a worker has to know of a step."""
        with self._database.reading() as connection:
            resolved, paths, priority = connection.execute(
                "SELECT resolved, paths, priority FROM steps JOIN runs ON runs.id = run WHERE steps.id = ?",
                (step,),
            ).fetchone()
        known = {} if resolved is None else msgspec.json.decode(resolved)
        return Setup(step, self.spec(step), known, msgspec.json.decode(paths), priority)

    def running(self) -> list[int]:
        """Steps of which more frames may come."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id FROM steps WHERE state = 'running' AND (final IS NULL OR released < final) ORDER BY id"
            )
            return [step for (step,) in rows]

    def view(self, step: int) -> StepView:
        """A step as it is now. Raises KeyError."""
        with self._database.reading() as connection:
            return views.step(connection, step)

    def views(self, most: int = 1000) -> list[StepView]:
        """The latest steps."""
        with self._database.reading() as connection:
            return views.all_steps(connection, most)

    def submitted(self, key: str) -> list[int]:
        """The steps that were submitted under ``key``; none where nothing was."""
        with self._database.reading() as connection:
            return submissions.submitted(connection, key)

    def runs(self, most: int, before: int | None = None, *, active: bool | None = None) -> list[RunView]:
        """Submissions, the latest first: those with a smaller number than ``before``, those that (do not) go on."""
        with self._database.reading() as connection:
            return history.runs(connection, most, before, active)

    def run(self, number: int) -> RunView:
        """One submission. Raises KeyError."""
        with self._database.reading() as connection:
            return history.run(connection, number)

    def chunks(
        self, step: int, most: int, first: int = 0, state: ChunkState | None = None
    ) -> list[ChunkView]:
        """Chunks of a step from the number ``first`` on, in order, all or those in one state."""
        with self._database.reading() as connection:
            return history.chunks(connection, step, most, first, state)

    def errors(self, step: int) -> list[ErrorGroup]:
        """What went wrong in a step, in groups."""
        with self._database.reading() as connection:
            return views.errors(connection, step)

    def parts(self, step: int) -> tuple[list[Part], list[tuple[int, int]]]:
        """What the chunks of a step have left, and the frames that failed."""
        with self._database.reading() as connection:
            return views.parts(connection, step)


def _files(outcome: Outcome) -> list[str]:
    file = getattr(outcome, "file", None)
    staged = [one.staged for one in getattr(outcome, "outputs", [])]
    return [*([file] if file else []), *staged]
