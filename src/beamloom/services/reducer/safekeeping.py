"""What the reducer writes down of a run, so that its next life can go on from it.

Policy: the journal is the messages that make the result, as they came: the arming, parameter epochs, batches of results, fences. A batch
is acknowledged, and told to the controller, only when it is kept, or when it is known that it cannot be. To take up a run is to go
through the same messages again, behind the state that the analysis handed over last, where it does that.

A journal belongs to one reducer of one pipeline. It is removed when its controller arms the next run, by which the result is
superseded, and when the reducer is told to end after the run has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.engine.feedback import Feedback, Untold
from beamloom.engine.ranges import Range
from beamloom.journal import Journal, JournalHeld, JournalWriter, Lock, remove_journal
from beamloom.services.reducer.failed_deliveries import FailedDeliveries
from beamloom.services.reducer.last_words import LastWords
from beamloom.services.reducer.states import check_own
from beamloom.services.shell.state_folders import ABANDONED_SECONDS, JOURNALS, of_pipeline, remove_if_empty
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import Encoded
from beamloom.transport.messages import AnyMessage, Arm, Failed, Parameters, decode, encode

logger = logging.getLogger(__name__)


class Checkpoint(msgspec.Struct):
    """What a checkpoint says beside the state of the analysis."""

    arm: Arm
    epochs: dict[int, dict[str, bytes]]
    taken: dict[int, list[Range]]
    fenced: list[str]
    split: list[Range]
    failed: list[Range]
    failures: list[Failed]
    """The latest ones: the controller may not have heard of them."""
    failed_deliveries: dict[int, list[Range]] = {}
    """By slot, all events that failed."""
    feedback: list[Feedback] = []
    """What the controller has not acknowledged."""
    acknowledged: int = 0
    """All feedback up to this number was."""


State = tuple[bytes, Sequence[bytes]]
"""The encoded state of an analysis, and its large arrays."""


class Kept(msgspec.Struct):
    """What is left of a run."""

    checkpoint: Checkpoint | None
    state: State | None
    messages: Iterator[tuple[str, AnyMessage, Sequence[bytes], int]]
    """Sender, message, frames, and how many bytes of the journal end with it."""
    size: int
    """Bytes of the journal."""


class Safekeeping:
    """The journal of the run that goes on, or of the last one. Without a folder nothing is kept."""

    def __init__(
        self,
        folder: Path | None = None,
        settings: ReducerSettings | None = None,
        wake: Callable[[], None] = lambda: None,
        *,
        threaded: bool = True,
        last_words: LastWords | None = None,
    ) -> None:
        """``folder`` holds the journals of this reducer by pipeline; nobody else's are in it."""
        self.last_words = last_words or LastWords()
        """At which result the reducer is."""
        self._own = folder
        self._folder: Path | None = None
        """That of the pipeline of the latest run."""
        self._settings = settings or ReducerSettings()
        self._wake = wake
        self._threaded = threaded
        self._lock: Lock | None = None
        self._writer: JournalWriter | None = None
        self._problem: str | None = None
        self._arm: Arm | None = None
        self._epochs: dict[int, dict[str, bytes]] = {}
        self._checkpoint_at = 0.0
        self._encoder = msgspec.msgpack.Encoder()

    # ---- a run begins, or is taken up -----------------------------------------------------------------------------------------

    @property
    def remains(self) -> bool:
        """Whether a former life has left a journal."""
        own = self._own
        with suppress(OSError):
            return own is not None and any(any(own.glob(f"{depth}/*.journal")) for depth in ("*", "*/*"))
        return False

    def begin(self, arm: Arm) -> None:
        """A new run begins: what is kept of others is superseded."""
        self.pause()
        self._problem = None
        self.note(arm)
        if self._own is None:
            return
        try:
            self._folder = self._hold(self._own, arm.pipeline)
            for other in self._folder.iterdir():
                if other.is_dir():
                    remove_journal(other)
            _sweep(self._own, self._folder)
            self.last_words.begin_run(arm.run)
            self._write(self._folder, arm.run)
        except OSError as error:
            self._alarm(error)
            return
        self.keep("", arm)

    def take_up(self, arm: Arm) -> Kept | None:
        """What is left of a run that a former life has begun; None when nothing is. What is kept from now on follows it.

        Raises JournalHeld while the former life goes on.
        """
        self.pause()
        self._problem = None
        self.note(arm)
        if self._own is None:
            return None
        try:
            self._folder = self._hold(self._own, arm.pipeline)
            self.last_words.take_up(arm.run)
            left = self._write(self._folder, arm.run)
            found = left.checkpoint()
            checkpoint, state = None, None
            if found is not None:
                checkpoint = msgspec.msgpack.decode(found[0], type=Checkpoint)
                state = (found[1], found[2:])
        except JournalHeld:
            raise
        except (OSError, msgspec.DecodeError) as error:
            self._alarm(error)
            return None
        if left.size == 0 and checkpoint is None:
            self.keep("", arm)
            return None
        return Kept(checkpoint, state, self._messages(left), left.size)

    def _messages(self, journal: Journal) -> Iterator[tuple[str, AnyMessage, Sequence[bytes], int]]:
        """Ends where the journal cannot be read on, so that what is behind it is leased again or lost, as if it had not been kept."""
        done = 0
        try:
            for frames in journal.read():
                done += sum(map(len, frames))
                sender, message = decode(frames[0])
                yield sender, message, frames[1:], done
        except (OSError, msgspec.DecodeError) as error:
            self._alarm(
                OSError(f"the journal of the life before cannot be read behind {done} bytes: {error}")
            )
        if journal.torn:
            logger.info("%d bytes at the end of the journal were not whole and are cut off", journal.torn)

    def _hold(self, own: Path, pipeline: str) -> Path:
        """The folder of a pipeline, which is this reducer's until it has to do with another one. Raises OSError."""
        folder = of_pipeline(own, pipeline)
        if folder != self._folder and self._lock is not None:
            # What is there is for a controller that may come back.
            self._leave(remove=False)
        if self._lock is None:
            check_own(own)
            check_own(folder)
            self._lock = Lock(folder)
            self.last_words.move(folder)
        return folder

    def _leave(self, *, remove: bool) -> None:
        if self._lock is None:
            return
        self.last_words.close(remove=remove)
        self._lock.release()
        self._lock = None
        if remove and self._folder is not None:
            with suppress(OSError):
                (self._folder / "lock").unlink()
            remove_if_empty(self._folder, above=1 if self._folder != self._own else 0)

    def _write(self, folder: Path, run: str) -> Journal:
        journal = Journal(folder / run, self._settings.journal_limit)
        self._writer = JournalWriter(
            journal,
            self._settings.journal_sync,
            self._wake,
            budget=self._settings.journal_backlog,
            threaded=self._threaded,
        )
        return journal

    def _alarm(self, error: Exception) -> None:
        self._problem = str(error)
        logger.warning("results are not kept in a journal: %s", error)
        self.pause()

    # ---- while it goes on -----------------------------------------------------------------------------------------------------

    @property
    def keeps(self) -> bool:
        """Whether what comes is written down."""
        return self._writer is not None

    def note(self, message: AnyMessage) -> None:
        """A message of the run, which is kept or was kept before: a checkpoint has to say the same."""
        if isinstance(message, Arm):
            self._arm = message
            self._epochs = {message.epoch: message.parameters}
        elif isinstance(message, Parameters):
            self._epochs[message.epoch] = message.values

    def keep(self, sender: str, message: AnyMessage, buffers: Sequence[Any] = ()) -> None:
        """Write a message down; its buffers must not change any more."""
        self.note(message)
        if self._writer is not None:
            self._writer.keep([encode(sender, message), *buffers])

    def after(self, then: Callable[[], None]) -> None:
        """Have ``then`` done when all that came before is kept, or is known not to be."""
        if self._writer is None:
            then()
        else:
            self._writer.after(then)

    def wants_checkpoint(self, now: float) -> bool:
        """Whether it is time for a checkpoint."""
        if self._writer is None or now < self._checkpoint_at:
            return False
        first = self._checkpoint_at == 0.0
        self._checkpoint_at = now + self._settings.checkpoint_interval
        return not first

    def checkpoint(
        self,
        collector: Collector,
        account: ResultAccount,
        failed: FailedDeliveries,
        state: Encoded,
        untold: Untold,
    ) -> None:
        """From now on this stands for all that came before."""
        if self._writer is not None and self._arm is not None:
            said = Checkpoint(
                self._arm,
                dict(self._epochs),
                collector.taken,
                collector.fenced,
                account.split,
                account.failed_here,
                list(failed.reports),
                failed.by_slot,
                untold.waiting,
                untold.acknowledged,
            )
            self._writer.replace([self._encoder.encode(said), state.head, *state.buffers])

    def turn(self) -> None:
        """Do what has waited for the disk."""
        if self._writer is not None:
            self._writer.turn()

    @property
    def alarm(self) -> str | None:
        """What is not kept, and why, in a sentence; None while everything is."""
        if self._problem is not None:
            return f"the run is not kept in a journal and ends with this process: {self._problem}"
        writer = self._writer
        if writer is not None and (silent := writer.disk.silent) is not None:
            return (
                f"the disk of the journal has not answered for {silent:.0f} s: results that wait for it are not acknowledged, and would "
                f"be lost with this process; see whether {writer.journal.folder} can be read, or give it another disk (state_dir)"
            )
        if writer is not None and writer.not_kept:
            return (
                f"{writer.not_kept} batches of results are not in the journal and would be lost with this process: {writer.problem}; "
                f"make room at {writer.journal.folder} or give it a faster disk (state_dir)"
            )
        if writer is not None and writer.failed_checkpoint:
            return f"the last checkpoint was not kept: {writer.failed_checkpoint}"
        return None

    def status(self) -> dict[str, Any]:
        """How it stands, for people; may be called in any thread."""
        return {"bytes": self.size, "problem": self.alarm}

    @property
    def held_up(self) -> int:
        """How often a write took so long that it was worth a sentence."""
        writer = self._writer
        return 0 if writer is None else writer.disk.held_up

    @property
    def size(self) -> int:
        """Bytes of the journal."""
        writer = self._writer
        return 0 if writer is None else writer.journal.size

    # ---- the end ----------------------------------------------------------------------------------------------------------------

    def close(self, *, remove: bool) -> None:
        """The process ends; ``remove``: and with it the result."""
        journal = None if self._writer is None else self._writer.journal
        self.pause()
        if remove and journal is not None:
            try:
                remove_journal(journal.folder)
            except OSError as error:
                logger.warning(
                    "the journal %s, which nobody needs any more, cannot be removed: %s",
                    journal.folder,
                    error,
                )
        self._leave(remove=remove)

    def pause(self) -> None:
        """Write what waits, and no more of this run until it is taken up."""
        self._checkpoint_at = 0.0
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            writer.turn()


def _sweep(own: Path, folder: Path) -> None:
    """Remove what other reducers have left that will not come back: nobody has it, and nobody wrote to it for a day.

    Only what is certainly a journal is touched, whatever folder the settings name.
    """
    if own.parent.name != JOURNALS:
        return
    for journal in (*own.parent.glob("*/*/*.journal"), *own.parent.glob("*/*/*/*.journal")):
        run = journal.parent
        if run.parent == folder or not (run.parent / "lock").is_file():
            continue
        with suppress(OSError):
            if time.time() - max(path.stat().st_mtime for path in run.iterdir()) > ABANDONED_SECONDS:
                lock = Lock(run.parent)
                try:
                    remove_journal(run)
                finally:
                    lock.release()
