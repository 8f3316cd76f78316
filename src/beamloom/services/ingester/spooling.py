"""The packets that an ingester has on disk: where they are, how long they stay, and what is said when that does not work.

Policy: packets belong to one run of one ingester. They are removed when the run has ended, and when another run begins; a process that dies
leaves them, and one that is started in its place finds them when the run goes on. Who does not come back within a day has left them for
nobody. What cannot be written holds nothing up that could go on without: it stays in memory, and the alarm says what that means.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from beamloom.engine.streams.retention import MEASURED, Retention, Spool, WhenFull
from beamloom.journal import Lock
from beamloom.services.shell.state_folders import (
    ABANDONED_SECONDS,
    SPOOLS,
    of_pipeline,
    own_folder,
    remove_if_empty,
    state_folder,
)
from beamloom.settings import IngesterSettings
from beamloom.spool import DiskSpool, remove_spool

logger = logging.getLogger(__name__)

ENDING = ".stream"
WAITING = "%waiting" + ENDING
"""Of the folder for packets that wait for those before them; no name of a stream is quoted like that."""


class Spooling:
    """The spools of one ingester. Where its settings want none, nothing is ever written."""

    def __init__(self, settings: IngesterSettings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self.wanted = settings.write_ahead or settings.on_full == "spill"
        """Whether the settings ask for packets on disk."""
        self._own = state_folder(settings.state_dir, environment) / SPOOLS / own_folder(settings)
        self.folder = self._own
        """That of the pipeline of the latest run; whoever is started in place of this ingester has the same."""
        self._lock: Lock | None = None
        self._spools: dict[str, DiskSpool] = {}
        self._waiting: list[DiskSpool] = []
        self._problem: str | None = None

    # ---- a run ----------------------------------------------------------------------------------------------------------------

    def begin(self, run: str, pipeline: str = "", *, resume: bool) -> None:
        """A run of a pipeline begins, or goes on: what is there of others is needed no more."""
        self.pause()
        self._problem = None
        if not self.wanted:
            return
        folder = of_pipeline(self._own, pipeline)
        if folder != self.folder:
            self._leave()
            self.folder = folder
        try:
            if self._lock is None:
                self._lock = Lock(self.folder)
            for other in self.folder.iterdir():
                if other.is_dir() and not (resume and other.name == run):
                    _remove_run(other)
            _sweep(self._own.parent, self.folder)
        except OSError as error:
            self._fail(error)

    def forget(self, run: str, stream: str) -> None:
        """What a former life has left of a stream is not needed: its packets come again."""
        for ending in (ENDING, WAITING):
            remove_spool(self.folder / run / (quote(stream, safe="") + ending))

    def retention(self, run: str, stream: str) -> Retention:
        """What keeps the packets of a stream; with what a former life has left on disk, where that is so."""
        settings = self._settings
        when_full = WhenFull(settings.on_full)
        if self.wanted and self._lock is not None:
            try:
                spool = DiskSpool(self.folder / run / (quote(stream, safe="") + ENDING), settings.spool_bytes)
            except OSError as error:
                self._fail(error)
            else:
                self._spools[stream] = spool
                return Retention(
                    settings.retention_bytes,
                    when_full,
                    spool,
                    write_ahead=settings.write_ahead,
                    overhead=MEASURED,
                )
        return Retention(
            settings.retention_bytes,
            WhenFull.BLOCK if when_full is WhenFull.SPILL else when_full,
            overhead=MEASURED,
        )

    def waiting(self, run: str, stream: str) -> Spool | None:
        """What keeps packets of a stream while they wait for those before them; None where packets are not written ahead."""
        if not self._settings.write_ahead or self._lock is None:
            return None
        try:
            spool = DiskSpool(
                self.folder / run / (quote(stream, safe="") + WAITING), self._settings.spool_bytes
            )
        except OSError as error:
            self._fail(error)
            return None
        self._waiting.append(spool)
        return spool

    def _fail(self, error: OSError) -> None:
        self._problem = str(error)
        logger.warning("packets are not kept on disk: %s", error)

    def pause(self) -> None:
        """Write no more of this run; what is there stays for whoever takes it up."""
        for spool in (*self._spools.values(), *self._waiting):
            spool.close()
        self._spools.clear()
        self._waiting.clear()

    def end(self) -> None:
        """The run is over: its packets are needed no more."""
        folders = [spool.folder for spool in (*self._spools.values(), *self._waiting)]
        self.pause()
        for folder in folders:
            remove_spool(folder)
            with suppress(OSError):
                folder.parent.rmdir()

    def close(self) -> None:
        """The process ends."""
        self.pause()
        self._leave()

    def _leave(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            with suppress(OSError):
                if not any(path.is_dir() for path in self.folder.iterdir()):
                    (self.folder / "lock").unlink()
                    remove_if_empty(self.folder, above=1 if self.folder != self._own else 0)

    # ---- what is said of it -----------------------------------------------------------------------------------------------------

    @property
    def alarm(self) -> str | None:
        """What is not kept, and why, in a sentence; None while everything is. May be called in any thread."""
        if self._problem is not None:
            return (
                f"packets are not kept on disk: {self._problem}; when memory is full, devices are not read on"
            )
        for spool in (*list(self._spools.values()), *list(self._waiting)):
            if (silent := spool.disk.silent) is not None:
                return (
                    f"the disk of {spool.folder} has not answered for {silent:.0f} s: until it does, this ingester reads nothing and sends "
                    "nothing; see whether the folder can be read, or give it another disk (state_dir)"
                )
        for stream, spool in list(self._spools.items()):
            if self._settings.write_ahead and spool.refused:
                return (
                    f"{spool.refused} packets of stream {stream!r} are only in memory and would be lost with this process: "
                    f"{spool.problem or 'the disk failed for a time'}; make room at {spool.folder} (state_dir)"
                )
            if spool.problem is not None:
                return (
                    f"packets of stream {stream!r} cannot be kept on disk: {spool.problem}; its device is not read on before "
                    f"memory is free; make room at {spool.folder} (state_dir)"
                )
        return None

    def figures(self) -> dict[str, float]:
        """Bytes and packets on disk. May be called in any thread."""
        if not self.wanted:
            return {}
        spools = list(self._spools.values())
        return {
            "spooled_bytes": sum(spool.nbytes for spool in spools),
            "spooled_packets": sum(len(spool) for spool in spools),
            "slow_writes": sum(spool.disk.held_up for spool in (*spools, *list(self._waiting))),
        }


def _remove_run(folder: Path) -> None:
    for spool in folder.glob("*" + ENDING):
        remove_spool(spool)
    with suppress(OSError):
        folder.rmdir()


def _sweep(spools: Path, own: Path) -> None:
    """Remove what other ingesters have left that will not come back: nobody has it, and nobody wrote to it for a day."""
    for lock_file in (*spools.glob("*/lock"), *spools.glob("*/*/lock")):
        other = lock_file.parent
        if other == own:
            continue
        with suppress(OSError):
            files = [path for path in other.glob(f"*/*{ENDING}/*") if path.is_file()]
            if time.time() - max((path.stat().st_mtime for path in files), default=0.0) > ABANDONED_SECONDS:
                lock = Lock(other)
                try:
                    for run in other.iterdir():
                        if run.is_dir():
                            _remove_run(run)
                finally:
                    lock.release()
